"""What the network's geometry g (in truncations, positive in free space) means: three ways of the
literature to learn from depth, and how each becomes a signed distance.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

HUBER = 0.1  # truncations; larger errors count linearly
LOGIT = 5.0  # of occupancy, a truncation: its slope at the surface
DENSITY = 5.0  # of density, a truncation
DENSITY_PER_M = 100.0  # scale of a density: light is gone a few centimetres behind a surface
MIN_SLOPE = 0.2  # truncations of g a truncation; a flatter density has no surface to speak of


class Batch(NamedTuple):
    """Samples along rays, on the network's device."""

    points: Tensor  # (n, m, 3), world; the first on the reading, if rays are not rendered
    distance: Tensor  # (n, m) to the reading's tangent plane, + in front, in truncations
    depth_m: Tensor  # (n, m) along the ray, sorted if rays are rendered
    reading_m: Tensor  # (n,) along the ray
    rgb: Tensor  # (n, 3), 0 .. 1, negative where there is no colour
    weight: Tensor  # (n,)
    truncation_m: float


class RayLosses(NamedTuple):
    """Of each ray (n,). `miss` is how far the surface is from the reading, in truncations, and
    `at_reading` the geometry there.
    """

    geometry: Tensor
    color: Tensor
    miss: Tensor
    at_reading: Tensor


def sdf_losses(geometry: Tensor, logits: Tensor, batch: Batch) -> RayLosses:
    """Regress the distance of each sample; in free space beyond the band, only that it is free.

    Direct supervision of a truncated distance, as of ESLAM (Johari et al. 2023).
    """
    error = geometry - batch.distance.clamp(-1.0, 1.0)
    is_free_and_known = (batch.distance >= 1.0) & (error > 0.0)
    error = torch.where(is_free_and_known, torch.zeros_like(error), error)
    huber = functional.huber_loss(error, torch.zeros_like(error), reduction="none", delta=HUBER)
    color = _color_losses(logits[:, 0].sigmoid(), batch)
    at_reading = geometry[:, 0].detach()
    return RayLosses(huber.mean(dim=1) / HUBER, color, at_reading.abs(), at_reading)


def occupancy_losses(geometry: Tensor, logits: Tensor, batch: Batch) -> RayLosses:
    """Classify each sample as before or behind the surface (Mescheder et al. 2019), softly, by the
    logistic function of its distance (SHINE-Mapping, Zhong et al. 2023, equation 2): the logit then
    is the distance in a unit that is known.
    """
    free = (LOGIT * batch.distance.clamp(-1.0, 1.0)).sigmoid()
    cross = functional.binary_cross_entropy_with_logits(LOGIT * geometry, free, reduction="none")
    floor = functional.binary_cross_entropy(free, free, reduction="none")  # where all is known
    color = _color_losses(logits[:, 0].sigmoid(), batch)
    at_reading = geometry[:, 0].detach()
    return RayLosses((cross - floor).mean(dim=1), color, at_reading.abs(), at_reading)


def density_losses(geometry: Tensor, logits: Tensor, batch: Batch) -> RayLosses:
    """Render depth and colour and compare them with the reading (iMAP, equations 2 to 6)."""
    weight = rendering_weights(geometry, batch.depth_m)
    depth_m = (weight * batch.depth_m).sum(dim=1)
    variance = (weight * (batch.depth_m - depth_m[:, None]) ** 2).sum(dim=1).detach()
    miss_m = (depth_m - batch.reading_m).abs()
    color = (weight[..., None] * logits.sigmoid()).sum(dim=1)
    error, miss = miss_m / (variance + 1e-4).sqrt(), miss_m.detach() / batch.truncation_m
    nearest = (batch.depth_m - batch.reading_m[:, None]).abs().argmin(dim=1, keepdim=True)
    at_reading = geometry.detach().gather(1, nearest)[:, 0]
    return RayLosses(error, _color_losses(color, batch), miss, at_reading)


def rendering_weights(geometry: Tensor, depth_m: Tensor) -> Tensor:
    """Return what each sample (n, m) contributes to the rendering of its ray."""
    density_per_m = DENSITY_PER_M * functional.softplus(-DENSITY * geometry)
    step_m = torch.diff(depth_m, dim=1, append=2.0 * depth_m[:, -1:] - depth_m[:, -2:-1])
    absorbed = density_per_m * step_m.clamp(min=0.0)
    passed = torch.cumsum(absorbed, dim=1) - absorbed
    return (-passed).exp() * (1.0 - (-absorbed).exp())


def _color_losses(rgb: Tensor, batch: Batch) -> Tensor:
    error = ((rgb - batch.rgb) ** 2).mean(dim=1)
    return torch.where(batch.rgb[:, 0] < 0.0, torch.zeros_like(error), error)


Function = Callable[[Tensor], Tensor]  # points (n, 3) to geometry and logits (n, 4)


class Distances(NamedTuple):
    """Signed distances in truncations (n,), their gradients (n, 3) by metre if asked for, what of
    them is known (n,), and logits of colour (n, 3).
    """

    distance: Tensor
    gradient: Tensor | None
    is_known: Tensor
    logits: Tensor


def trained_distances(network: Function, points: Tensor, slope: bool) -> Distances:
    """Evaluate a network whose geometry is the distance itself, with its gradient if asked for."""
    if not slope:
        with torch.no_grad():
            values = network(points)
        gradient = None
    else:
        points = points.requires_grad_()
        values = network(points)
        (gradient,) = torch.autograd.grad(values[:, 0].sum(), points)
    values = values.detach()
    is_known = torch.ones(len(points), dtype=torch.bool, device=points.device)
    return Distances(values[:, 0], gradient, is_known, values[:, 1:])


def density_distances(
    network: Function, points: Tensor, slope: bool, truncation_m: float, level: float
) -> Distances:
    """Estimate the distance to a density's surface, where g = level, to first order:
    (g - level) / |grad g|.

    It holds near the surface only, where the density changes; where it is flat, nothing is known.
    The level is what g is at readings, in the median: light is gone a little behind where density
    begins, and how far depends on how sharply it does and how densely rays are sampled.
    """
    found = trained_distances(network, points, slope=True)
    assert found.gradient is not None
    steepness = torch.linalg.vector_norm(found.gradient, dim=1)  # 1 / m
    is_known = steepness * truncation_m > MIN_SLOPE
    steepness = steepness.clamp(min=MIN_SLOPE / truncation_m)
    distance = ((found.distance - level) / steepness / truncation_m).clamp(-1.0, 1.0)
    gradient = found.gradient / (steepness * truncation_m)[:, None] if slope else None
    return Distances(distance, gradient, is_known, found.logits)
