"""Solving the normal equations, with a check of what they constrain."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from kernels.align import NormalEquations


@dataclass(frozen=True)
class Information:
    """A quadratic form in the scaled twist: rotations times the lever, so that everything is in
    metres.
    """

    H: Float64[np.ndarray, "6 6"]
    b: Float64[np.ndarray, "6"]

    def __add__(self, other: "Information") -> "Information":
        return Information(self.H + other.H, self.b + other.b)


@dataclass(frozen=True)
class Step:
    """A step, and the standard deviation of the pose in its least certain direction."""

    twist: Float64[np.ndarray, "6"]
    uncertainty_m: float


def information(equations: NormalEquations, lever_m: float, share: float) -> Information:
    """Return what the residuals tell, per square metre.

    They are taken at the variance that they really have, but never as better than the noise model;
    `share` is the part of them that counts as independent.
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


def solve(total: Information, lever_m: float, max_uncertainty_m: float) -> Step:
    """Solve for the step; directions less certain than `max_uncertainty_m` keep the motion prior.

    This is solution remapping (Zhang et al. 2016) with an absolute threshold.
    """
    eigenvalues, vectors = np.linalg.eigh(total.H)
    is_certain = eigenvalues > 1.0 / max_uncertainty_m**2
    inverse = np.where(is_certain, 1.0 / np.maximum(eigenvalues, 1e-300), 0.0)
    scaled_twist = -(vectors * inverse) @ (vectors.T @ total.b)
    weakest = max(float(eigenvalues[0]), 1e-12)
    return Step(scaled_twist / _scale(lever_m), weakest**-0.5)


def _scale(lever_m: float) -> Float64[np.ndarray, "6"]:
    return np.array([1.0, 1.0, 1.0, lever_m, lever_m, lever_m])
