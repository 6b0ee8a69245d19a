"""The error of an episode as a function of a level's decoder."""

from collections.abc import Callable

import numpy as np
import torch

from pretraining.batch import ALL, NEW, SEEN, Batch, Rooms, part
from pretraining.episodes import Rates, fine_steps, plain_steps
from pretraining.field import Weights, decoder_of

NUM_CROPS = 128  # for training, of each size
NUM_NEW = 1000  # samples a crop on which the error is taken
EVERY = 5  # steps between two takings of the error
PLAIN_RATES = Rates(num_steps=30)
FINE_RATES = Rates(num_steps=50)
HIDDEN_REACH_M = 0.6  # how far beyond what is seen the coarse level's error is taken
HIDDEN_WEIGHT = 0.5

EpisodeError = Callable[[Weights, Rooms, tuple[int, int]], torch.Tensor]


def coarse_error(weights: Weights, rooms: Rooms, seed: tuple[int, int]) -> torch.Tensor:
    """Adapt to a part of each crop; the error is also taken next to that part."""
    whole, generator = _draw_crops(rooms, "coarse", 8, seed)
    seen, hidden = part(whole, HIDDEN_REACH_M, generator)
    decoder = decoder_of(weights, "coarse")
    errors = []
    for k, level in enumerate(plain_steps(seen, "coarse", decoder, PLAIN_RATES, 500, generator)):
        if k % EVERY == EVERY - 1:
            here, beyond = seen.draw(NUM_NEW, generator), hidden.draw(NUM_NEW, generator)
            errors.append(here.error(level.read(here.points)).log())
            errors.append(HIDDEN_WEIGHT * beyond.error(level.read(beyond.points)).log())
    return torch.stack(errors).mean()


def middle_error(weights: Weights, rooms: Rooms, seed: tuple[int, int]) -> torch.Tensor:
    """Adapt the middle level alone."""
    whole, generator = _draw_crops(rooms, "middle", 8, seed)
    batch, new = whole.only(SEEN), whole.only(NEW)
    decoder = decoder_of(weights, "middle")
    errors = []
    for k, level in enumerate(plain_steps(batch, "middle", decoder, PLAIN_RATES, 500, generator)):
        if k % EVERY == EVERY - 1:
            here = new.draw(NUM_NEW, generator)
            errors.append(here.error(level.read(here.points)).log())
    return torch.stack(errors).mean()


def fine_error(weights: Weights, rooms: Rooms, seed: tuple[int, int]) -> torch.Tensor:
    """Adapt the fine level, on the middle one in half of the crops, on a fused map in the others.

    The middle level's decoder is left as it is.
    """
    whole, generator = _draw_crops(rooms, "fine", 4, seed)
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
    "coarse": coarse_error,
    "middle": middle_error,
    "fine": fine_error,
}


def _draw_crops(
    rooms: Rooms, name: str, n: int, seed: tuple[int, int]
) -> tuple[Batch, torch.Generator]:
    rng = np.random.default_rng(seed)
    numbers = rng.choice(NUM_CROPS, n, replace=False)
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    return rooms.batch(name, [int(i) for i in numbers]), generator
