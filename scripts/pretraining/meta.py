"""The error of an episode as a function of a level's decoder."""

from collections.abc import Callable

import numpy as np
import torch

from pretraining.batch import ALL, NEW, SEEN, Batch, Rooms
from pretraining.episodes import Rates, fine_steps, middle_steps
from pretraining.field import Weights, decoder_of

NUM_CROPS = 128  # for training
NUM_NEW = 1000  # samples a crop on which the error is taken
EVERY = 5  # steps between two takings of the error
MIDDLE_RATES = Rates(num_steps=30)
FINE_RATES = Rates(num_steps=50)

EpisodeError = Callable[[Weights, Rooms, tuple[int, int]], torch.Tensor]


def middle_error(weights: Weights, rooms: Rooms, seed: tuple[int, int]) -> torch.Tensor:
    """Adapt the middle level alone."""
    whole, generator = _draw_crops(rooms, 8, seed)
    batch, new = whole.only(SEEN), whole.only(NEW)
    decoder = decoder_of(weights, "middle")
    errors = []
    for k, level in enumerate(middle_steps(batch, decoder, MIDDLE_RATES, 500, generator)):
        if k % EVERY == EVERY - 1:
            here = new.draw(NUM_NEW, generator)
            errors.append(here.error(level.read(here.points)).log())
    return torch.stack(errors).mean()


def fine_error(weights: Weights, rooms: Rooms, seed: tuple[int, int]) -> torch.Tensor:
    """Adapt the fine level, on the middle one in half of the crops, on a fused map in the others.

    The middle level's decoder is left as it is.
    """
    whole, generator = _draw_crops(rooms, 4, seed)
    batch, new = whole.only(SEEN), whole.only(NEW)
    middle = decoder_of({name: weight.detach() for name, weight in weights.items()}, "middle")
    is_fused = torch.arange(4) % 2 == 0
    errors = []
    decoders = (middle, decoder_of(weights, "fine"))
    for k, field in enumerate(
        fine_steps(batch, decoders, is_fused, FINE_RATES, 2000, generator), start=1
    ):
        if k % EVERY == 0:
            here = new.draw(NUM_NEW, generator)
            values = field.read(here.points).reshape(4, -1)
            for crops in (is_fused, ~is_fused):  # apart, or the larger error would rule
                errors.append(here.only(ALL, crops).error(values[crops].reshape(-1)).log())
    return torch.stack(errors).mean()


ERRORS: dict[str, EpisodeError] = {
    "middle": middle_error,
    "fine": fine_error,
}


def _draw_crops(rooms: Rooms, n: int, seed: tuple[int, int]) -> tuple[Batch, torch.Generator]:
    rng = np.random.default_rng(seed)
    numbers = rng.choice(NUM_CROPS, n, replace=False)
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    return rooms.batch([int(i) for i in numbers]), generator
