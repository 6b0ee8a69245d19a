"""What a few dozen steps reach on rooms that were never trained on, in millimetres."""

from collections.abc import Iterator
from dataclasses import replace

import torch

from pretraining.batch import NEW, SEEN, SIZE, Batch, Rooms
from pretraining.episodes import Rates, fine_steps, middle_steps
from pretraining.field import Weights, decoder_of

NEAR_M = 0.03  # errors count this near to a surface
NUM_SAMPLES = 4000  # a crop and step
NUM_IN_BATCH = 4
# As in training; at faster rates, as what is best differs between decoders; and for longer.
RATES = {
    "50 steps": Rates(),
    "50 steps, rates x 2": Rates(middle=0.2, settled=0.01, fine=0.02),
    "200 steps": Rates(num_steps=200),
}
EDGE_M = 0.0015  # near edges, even exact distances at fine vertices interpolate worse than this
ERRORS = (
    "middle",
    "fine_on_middle",
    "fine_on_middle_edges",
    "fine_on_fused",
    "fine_on_fused_edges",
)


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
    whole = rooms.batch(numbers)
    batch, new = whole.only(SEEN), whole.only(NEW)
    is_edge = _is_edge(new)
    pair = decoder_of(weights, "middle"), decoder_of(weights, "fine")
    for is_fused, name in ((False, "fine_on_middle"), (True, "fine_on_fused")):
        choice = torch.full((len(numbers),), is_fused)
        *_, field = fine_steps(batch, pair, choice, rates, NUM_SAMPLES, generator)
        values = field.read(new.points)
        yield name, _near_errors_mm(new, values)
        yield f"{name}_edges", _near_errors_mm(new, values, is_edge)
    rates = replace(rates, num_middle_steps=rates.num_steps)
    *_, middle = middle_steps(batch, pair[0], rates, NUM_SAMPLES, generator)
    yield "middle", _near_errors_mm(new, middle.read(new.points))


def _is_edge(batch: Batch) -> torch.Tensor:
    between_m = batch.grid("fine").interpolate(batch.vertex_sdf_m, batch.points)[:, 0]
    return (between_m - batch.sdf_m.reshape(-1)).abs() > EDGE_M


def _near_errors_mm(
    batch: Batch, values: torch.Tensor, chosen: torch.Tensor | None = None
) -> torch.Tensor:
    is_near = batch.sdf_m.reshape(-1).abs() < NEAR_M
    return (1000 * SIZE.band_m * (values - batch.target))[
        is_near if chosen is None else is_near & chosen
    ]
