"""Solving the normal equations in plain numpy, float64: the definition."""

from typing import NamedTuple

import numpy as np

from kernels.align import NormalEquations
from kernels.solve import Step, Weighting


class Information(NamedTuple):
    """A quadratic form in the scaled twist: rotations times the lever, so that everything is in
    metres.
    """

    H: np.ndarray  # (6, 6)
    b: np.ndarray  # (6,)


def solve(
    geometric: NormalEquations,
    photometric: NormalEquations,
    lever_m: float,
    weighting: Weighting,
    max_uncertainty_m: float,
) -> Step:
    """See `kernels.solve.solve`."""
    kept, conditioning = without_noise(
        information(geometric, lever_m, weighting.geometric_share), weighting.normal_variance
    )
    more = information(photometric, lever_m, weighting.photometric_share)
    total = Information(kept.H + more.H, kept.b + more.b)
    twist, uncertainty_m = remapped(total, lever_m, max_uncertainty_m)
    return Step(twist, uncertainty_m, conditioning)


def information(equations: NormalEquations, lever_m: float, share: float) -> Information:
    """Return what the residuals tell, per square metre; `share` is the part of them that counts as
    independent.
    """
    if equations.count == 0:
        return Information(np.zeros((6, 6)), np.zeros(6))
    scale = _scale(lever_m)
    variance = max(equations.squared_error / max(equations.weight, 1e-9), 1.0)
    return Information(
        equations.H / np.outer(scale, scale) * (share / variance),
        equations.b / scale * (share / variance),
    )


def without_noise(geometric: Information, noise_floor: float) -> tuple[Information, float]:
    """Take off what noise alone seems to tell; return the conditioning, too.

    A plane says nothing about sliding along it, but its estimated normals wobble, and many wobbling
    normals add up to a confident, meaningless constraint: each direction gains about `noise_floor`
    (the variance of a normal) times the information of the strongest. The conditioning is the
    smallest over the largest eigenvalue.
    """
    eigenvalues, vectors = np.linalg.eigh(geometric.H)
    largest = max(float(eigenvalues[-1]), 1e-300)
    kept = np.maximum(1.0 - noise_floor * largest / np.maximum(eigenvalues, 1e-300), 0.0)
    H = (vectors * (kept * eigenvalues)) @ vectors.T
    b = (vectors * kept) @ (vectors.T @ geometric.b)
    return Information(H, b), max(float(eigenvalues[0]), 0.0) / largest


def remapped(
    total: Information, lever_m: float, max_uncertainty_m: float
) -> tuple[np.ndarray, float]:
    """Return the twist to the minimum and the pose's uncertainty; directions less certain than
    `max_uncertainty_m` keep the motion prior.
    """
    eigenvalues, vectors = np.linalg.eigh(total.H)
    is_certain = eigenvalues > 1.0 / max_uncertainty_m**2
    inverse = np.where(is_certain, 1.0 / np.maximum(eigenvalues, 1e-300), 0.0)
    scaled_twist = -(vectors * inverse) @ (vectors.T @ total.b)
    weakest = max(float(eigenvalues[0]), 1e-12)
    return scaled_twist / _scale(lever_m), weakest**-0.5


def _scale(lever_m: float) -> np.ndarray:
    return np.array([1.0, 1.0, 1.0, lever_m, lever_m, lever_m])
