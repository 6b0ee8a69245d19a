"""How much of a whole room a mesh has, whether a camera saw it or not, and how true its guesses
are.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32

from slam.evaluation.surface import Surface
from slam.maps.base import Mesh

Sdf = Callable[[Float32[np.ndarray, "n 3"]], Float32[np.ndarray, "n"]]

_COMPLETION_M = 0.05
_OFF_SURFACE_M = 0.005
_OPEN_M = 0.1
_MIN_ROOM = 0.1  # share of a scene's surface; with less it is no room, and that under a table
_FAR_M = 1e3
_AXES = np.concatenate([np.eye(3), -np.eye(3)]).astype(np.float32)


@dataclass(frozen=True)
class WholeScores:
    """Scores without culling by view. The shares are NaN for a scene that encloses no room; what is
    of the prediction is None for a mesh without.
    """

    whole_completion_ratio: float  # share of the room within 5 cm of the observed mesh
    whole_completion_ratio_predicted: float | None  # the same, of the mesh with its prediction
    predicted_accuracy_cm: float | None  # mean distance, predicted surface to truth


def evaluate_whole(
    estimate: Mesh,
    truth: Mesh,
    truth_sdf: Sdf | None,
    num_points: int,
    seed: int = 0,
) -> WholeScores:
    """Compare a mesh with a whole room.

    `truth_sdf` is given for a scene of overlapping solids: then only the points of the truth count
    that `borders_room` tells; without it all do.
    """
    surface = Surface(truth)
    points, normals = surface.sample_with_normals(num_points, seed)
    if truth_sdf is not None:
        is_of_room = borders_room(points, normals, surface, truth_sdf)
        points = points[is_of_room & (np.mean(is_of_room) > _MIN_ROOM)]
    observed, predicted = estimate.observed(), estimate.predicted()
    has_prediction = estimate.is_predicted is not None
    return WholeScores(
        whole_completion_ratio=_completion_ratio(points, observed),
        whole_completion_ratio_predicted=(
            _completion_ratio(points, estimate) if has_prediction else None
        ),
        predicted_accuracy_cm=(
            _accuracy_cm(predicted, surface, num_points, seed) if has_prediction else None
        ),
    )


def borders_room(
    points: Float32[np.ndarray, "n 3"],
    normals: Float32[np.ndarray, "n 3"],
    truth: Surface,
    truth_sdf: Sdf,
) -> Bool[np.ndarray, "n"]:
    """Tell which points of a scene's surface border space that one could stand or reach into.

    The mesh of a scene of solids has more: faces inside of other solids, between two that touch, in
    narrow gaps and outside of the walls. A point counts if 5 mm off along its normal no solid is,
    from there the normal is free up to 10 cm, and in all six directions of the axes there is
    surface: floor, ceiling and walls.
    """
    off_surface = points + np.float32(_OFF_SURFACE_M) * normals
    borders = truth_sdf(off_surface) > 0.0
    borders &= ~truth.is_between(off_surface, points + np.float32(_OPEN_M) * normals)
    for axis in _AXES:
        borders &= truth.is_between(off_surface, off_surface + np.float32(_FAR_M) * axis)
    return borders


def _completion_ratio(points: Float32[np.ndarray, "n 3"], estimate: Mesh) -> float:
    if not len(points):
        return float("nan")
    return float(np.mean(Surface(estimate).distances_m(points) < _COMPLETION_M))


def _accuracy_cm(predicted: Mesh, truth: Surface, num_points: int, seed: int) -> float:
    if not len(predicted.triangles):
        return float("nan")
    distances_m = truth.distances_m(Surface(predicted).sample(num_points, seed))
    return 100.0 * float(np.mean(distances_m, dtype=np.float64))
