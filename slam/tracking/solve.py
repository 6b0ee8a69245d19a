"""Solving the normal equations with a check that they constrain all six directions."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True)
class Step:
    """A Gauss-Newton step. `conditioning` is the smallest over the largest eigenvalue, rotations scaled by depth."""

    twist: Float64[np.ndarray, "6"]
    conditioning: float


def solve(
    H: Float64[np.ndarray, "6 6"],
    b: Float64[np.ndarray, "6"],
    lever_m: float,
    min_conditioning: float,
) -> Step:
    """Solve H twist = -b, leaving out the directions that the residuals do not constrain.

    Rotations are scaled by `lever_m`, the distance of the scene, so that all eigenvalues are information per square
    metre. Directions whose eigenvalue is below `min_conditioning` times the largest get no step and so keep the motion
    prior (solution remapping, Zhang et al. 2016).
    """
    scale = np.array([1.0, 1.0, 1.0, lever_m, lever_m, lever_m])
    eigenvalues, vectors = np.linalg.eigh(H / np.outer(scale, scale))
    largest = eigenvalues[-1]
    if largest <= 0.0:
        return Step(np.zeros(6), 0.0)
    is_constrained = eigenvalues > min_conditioning * largest
    inverse = np.where(is_constrained, 1.0 / np.maximum(eigenvalues, 1e-300), 0.0)
    twist = -(vectors * inverse) @ (vectors.T @ (b / scale)) / scale
    return Step(twist, float(max(eigenvalues[0], 0.0) / largest))
