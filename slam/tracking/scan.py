"""Looking for poses along a few directions, where nothing leads there step by step."""

from collections.abc import Callable
from itertools import product

import cv2
import numpy as np
from jaxtyping import Float64

from kernels.align import NormalEquations
from slam.geometry import Transform, se3_exp

MAX_STEPS = 8  # either way


def open_directions(
    geometric: NormalEquations, lever_m: float, normal_variance: float
) -> Float64[np.ndarray, "n 6"]:
    """Return the twists, of a metre each, of which geometry tells nothing but noise (see
    `kernels.solve`); the least certain first.
    """
    per_m = np.array([1.0, 1.0, 1.0, *3 * (1.0 / lever_m,)])
    eigenvalues, vectors = np.linalg.eigh(geometric.H * np.outer(per_m, per_m))
    is_open = eigenvalues <= normal_variance * max(float(eigenvalues[-1]), 1e-300)
    return vectors.T[is_open] * per_m


def peaks_along(
    score: Callable[[Transform], float],
    T_world_camera: Transform,
    directions: Float64[np.ndarray, "n 6"],
    step_m: float,
    num_peaks: int,
) -> list[Transform]:
    """Return the poses of the highest peaks of the score on a grid along the first two directions,
    twists of a metre each.
    """
    offsets = [step_m * k for k in range(-MAX_STEPS, MAX_STEPS + 1)]
    used = directions[:2]
    at = np.array(list(product(offsets, offsets if len(used) == 2 else [0.0])))[:, : len(used)]
    poses = [T_world_camera @ se3_exp(twist) for twist in at @ used]
    scores = np.array([score(T) for T in poses]).reshape(len(offsets), -1)
    is_peak = scores == cv2.dilate(scores, np.ones((3, 3), np.uint8))
    order = np.argsort(np.where(is_peak, scores, -1.0), axis=None)[::-1]
    return [poses[k] for k in order[: min(num_peaks, np.count_nonzero(is_peak))]]
