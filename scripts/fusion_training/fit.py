"""Fitting the network to samples of readings."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from fusion_training.views import View, random_view
from kernels.judge import NUM_FEATURES, NUM_HIDDEN, NUM_OUTPUTS, REACH
from kernels.reference.depth import sigma
from kernels.reference.judge import look

TRAINING, VALIDATION = 0, 1  # uses of rooms, which share none
SAMPLES = 6000  # of a view
BATCH = 8192
PEAK_RATE, LAST_RATE = 1e-2, 1e-5
# What is random averages out over so many readings of a place; what is off in each view stays.
NUM_FUSED = 4
FARTHEST = 20.0  # standard deviations that an error counts for


class Samples(NamedTuple):
    """Readings, of one view or of many; all but the features in their standard deviations."""

    features: torch.Tensor  # (n, NUM_FEATURES)
    pairs: torch.Tensor  # (n, rings, 4): how far off the pairs have the reading
    true_pairs: torch.Tensor  # the same on the true surface, where only shape draws
    error: torch.Tensor  # (n,) of inverse depth
    is_gross: torch.Tensor  # (n,) bool


class Drawn(NamedTuple):
    """The samples of one view."""

    samples: Samples
    sensor: str
    disturbance: str


def drawn(seed: int, use: int, number: int) -> Drawn:
    """Draw readings of a random view."""
    view: View = random_view((seed, use, number))
    rng = np.random.default_rng((seed, use, number, 1))
    readings = np.flatnonzero(view.depth_m > 0)
    chosen = rng.choice(readings, min(SAMPLES, len(readings)), replace=False)
    seen, true = look(view.depth_m, view.noise), look(view.true_m, view.noise)
    z, z_true = (np.where(d > 0, d, np.float32(1)) for d in (view.depth_m, view.true_m))
    error = (1 / z - 1 / z_true) * z_true**2 / sigma(z_true, view.noise)
    columns = seen.features, seen.pairs, true.pairs, error
    is_gross = torch.from_numpy(view.is_gross.reshape(-1)[chosen])
    samples = Samples(*[_chosen(column, chosen) for column in columns], is_gross=is_gross)
    return Drawn(samples, view.sensor, view.disturbance)


def _chosen(values: np.ndarray, chosen: np.ndarray) -> torch.Tensor:
    flat = values.reshape(-1, *values.shape[2:])
    return torch.from_numpy(flat[chosen].astype(np.float32))


def joined(views: Sequence[Drawn]) -> Samples:
    """Return the samples of some views as one."""
    return Samples(
        *(torch.cat(columns) for columns in zip(*(v.samples for v in views), strict=True))
    )


def new_model() -> torch.nn.Sequential:
    """Make the network of `kernels.judge`."""
    return torch.nn.Sequential(
        torch.nn.Linear(NUM_FEATURES, NUM_HIDDEN),
        torch.nn.ReLU(),
        torch.nn.Linear(NUM_HIDDEN, NUM_OUTPUTS),
    )


def fitted(samples: Samples, num_epochs: int, seed: int) -> torch.nn.Sequential:
    """Fit a new network with Adam and a rate that falls in a straight line."""
    torch.manual_seed(seed)
    model = new_model()
    last = model[2]
    assert isinstance(last, torch.nn.Linear)
    last.bias.data[1:] = 0.5  # gains that are 0 would never learn
    optimiser = torch.optim.Adam(model.parameters(), lr=PEAK_RATE)
    num_batches = max(len(samples.error) // BATCH, 1)
    num_steps = num_epochs * num_batches
    for step in range(num_steps):
        k = step % num_batches
        if k == 0:
            order = torch.randperm(len(samples.error))
        share = 1.0 - step / num_steps
        optimiser.param_groups[0]["lr"] = LAST_RATE + (PEAK_RATE - LAST_RATE) * share
        batch = Samples(*(column[order[k * BATCH : (k + 1) * BATCH]] for column in samples))
        outputs = model(batch.features)
        optimiser.zero_grad()
        (_doubt(outputs, batch) + _left_error(outputs, batch)).backward()
        optimiser.step()
    return model


def _doubt(outputs: torch.Tensor, batch: Samples) -> torch.Tensor:
    """Return the cross entropy of the trust."""
    is_surface = (~batch.is_gross).float()
    return torch.nn.functional.binary_cross_entropy_with_logits(outputs[:, 0], is_surface)


def _left_error(outputs: torch.Tensor, batch: Samples) -> torch.Tensor:
    """Return the mean square error of a place after fusing NUM_FUSED corrected readings of it."""
    random, lasting = corrected(outputs, batch)
    square = random.square() / NUM_FUSED + lasting.square()
    return square[~batch.is_gross].mean()


def corrected(outputs: torch.Tensor, batch: Samples) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the error of corrected readings, in standard deviations: what of it is random, and
    what the same weights would do to the true surface.
    """
    gains = outputs[:, 1:, None].clamp(min=0)
    weight = 2.0 * gains * (1.0 - (batch.pairs / float(REACH)).square()).clamp(min=0)
    weight = weight / (1.0 + weight.sum(dim=(1, 2), keepdim=True))
    shape = batch.true_pairs.clamp(-FARTHEST, FARTHEST)
    lasting = (weight * shape).sum(dim=(1, 2))
    pairs = torch.where(weight > 0, batch.pairs, 0.0)
    random = batch.error + (weight * pairs).sum(dim=(1, 2)) - lasting
    return random.clamp(-FARTHEST, FARTHEST), lasting


def flat(model: torch.nn.Sequential) -> np.ndarray:
    """Return the weights as `kernels.judge.judged_depth` takes them."""
    layers = [layer for layer in model if isinstance(layer, torch.nn.Linear)]
    rows = [torch.cat([layer.weight, layer.bias[:, None]], dim=1).detach() for layer in layers]
    return np.concatenate([row.numpy().ravel() for row in rows]).astype(np.float32)


def validated(model: torch.nn.Sequential, views: Sequence[Drawn]) -> dict[str, dict[str, float]]:
    """Return, by sensor and by what disturbed the readings: the share of gross errors, that of them
    which are told, that of the others which are lost, and the RMS error of these (in standard
    deviations) before and after correction, with its lasting part.
    """
    result: dict[str, Any] = {}
    kinds = sorted({v.disturbance for v in views}), sorted({v.sensor for v in views})
    for kind in ("all", *kinds[0], *kinds[1]):
        chosen = joined([v for v in views if kind in ("all", v.sensor, v.disturbance)])
        with torch.no_grad():
            outputs = model(chosen.features)
            random, lasting = corrected(outputs, chosen)
        is_gross, is_dropped = chosen.is_gross, outputs[:, 0] <= 0
        is_kept = ~is_gross & ~is_dropped
        before, after, stays = (
            float(e[is_kept].clamp(-FARTHEST, FARTHEST).square().mean().sqrt())
            for e in (chosen.error, random + lasting, lasting)
        )
        result[kind] = {
            "gross": round(float(is_gross.float().mean()), 4),
            "told": round(float(is_dropped[is_gross].float().mean()), 4),
            "lost": round(float(is_dropped[~is_gross].float().mean()), 5),
            "before": round(before, 3),
            "after": round(after, 3),
            "lasting": round(stays, 3),
        }
    return result
