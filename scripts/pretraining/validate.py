"""What a few dozen steps reach on rooms that were never trained on, in millimetres."""

from collections.abc import Iterator
from dataclasses import replace

import torch

from pretraining.batch import NEW, SEEN, Batch, Rooms, part
from pretraining.episodes import Rates, fine_steps, plain_steps
from pretraining.field import LEVELS, Weights, decoder_of
from pretraining.meta import HIDDEN_REACH_M

NEAR_M = 0.03  # errors count this near to a surface
SAMPLES = {"coarse": 500, "middle": 3000, "fine": 4000}  # a crop and step
NUM_IN_BATCH = 4
# The rates of training; and slower and faster ones, since what is best differs between decoders.
RATES = {
    "rates x 0.5": Rates(middle=0.05, settled=0.0025, fine=0.005),
    "rates x 1": Rates(),
    "rates x 2": Rates(middle=0.2, settled=0.01, fine=0.02),
}
ERRORS = ("coarse", "coarse_hidden", "middle", "fine_on_middle", "fine_on_fused")


@torch.no_grad()
def validate(weights: Weights, rooms: Rooms, num_crops: int, rates: Rates) -> dict[str, float]:
    """Return the RMS error of each level next to surfaces after `rates.num_steps` steps."""
    errors: dict[str, list[torch.Tensor]] = {name: [] for name in ERRORS}
    for first in range(0, num_crops, NUM_IN_BATCH):
        numbers = range(first, min(first + NUM_IN_BATCH, num_crops))
        generator = torch.Generator().manual_seed(first)
        for name, error in _batch_errors(weights, rooms, numbers, rates, generator):
            errors[name].append(error)
    return {
        name: round(float(torch.cat(e).square().mean().sqrt()), 2) for name, e in errors.items()
    }


def _batch_errors(
    weights: Weights, rooms: Rooms, numbers: range, rates: Rates, generator: torch.Generator
) -> Iterator[tuple[str, torch.Tensor]]:
    seen, hidden = part(rooms.batch("coarse", numbers), HIDDEN_REACH_M, generator)
    decoders = {name: decoder_of(weights, name) for name in LEVELS}
    n = SAMPLES["coarse"]
    *_, coarse = plain_steps(seen, "coarse", decoders["coarse"], rates, n, generator)
    yield "coarse", _near_errors_mm(seen, coarse.read(seen.points))
    yield "coarse_hidden", _near_errors_mm(hidden, coarse.read(hidden.points))

    whole = rooms.batch("fine", numbers)
    batch, new = whole.only(SEEN), whole.only(NEW)
    pair = decoders["middle"], decoders["fine"]
    n = SAMPLES["fine"]
    for is_fused, name in ((False, "fine_on_middle"), (True, "fine_on_fused")):
        choice = torch.full((len(numbers),), is_fused)
        *_, field = fine_steps(batch, pair, choice, rates, n, generator)
        yield name, _near_errors_mm(new, field.read(new.points))
    *_, middle = plain_steps(
        batch, "middle", pair[0], replace(rates, num_middle_steps=rates.num_steps), n, generator
    )
    yield "middle", _near_errors_mm(new, middle.read(new.points))


def _near_errors_mm(batch: Batch, values: torch.Tensor) -> torch.Tensor:
    is_near = batch.sdf_m.reshape(-1).abs() < NEAR_M
    return (1000 * batch.size.band_m * (values - batch.target))[is_near]
