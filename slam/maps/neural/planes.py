"""Planes of a mesh: walls, floors, ceilings and the large faces of furniture."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from slam.maps.base import Mesh

MIN_AREA_M2 = 0.5
OFF_M = 0.02  # of a plane, for what belongs to it
COSINE = 0.94  # to its normal: 20 degrees
OTHER_COSINE = 0.8  # beyond, what lies on a plane may be of another one
POINTS_A_M2 = 2500
NUM_HYPOTHESES, NUM_SCORED, NUM_FITS = 256, 6000, 3


@dataclass(frozen=True)
class Plane:
    """What lies on n . p = offset_m and faces along n."""

    normal: Float64[np.ndarray, "3"]
    offset_m: float
    points: Float64[np.ndarray, "n 3"]  # on it, evenly over its area

    @property
    def area_m2(self) -> float:
        """Area of what was seen of it."""
        return len(self.points) / POINTS_A_M2

    def axes(self) -> Float64[np.ndarray, "2 3"]:
        """Return x and y of the plane; their cross product is its normal."""
        x = np.cross(self.normal, np.eye(3)[np.argmin(np.abs(self.normal))])
        x /= np.linalg.norm(x)
        return np.stack([x, np.cross(self.normal, x)])


def planes_of(mesh: Mesh, seed: int = 0) -> Iterator[Plane]:
    """Yield the planes of a mesh, about from large to small (RANSAC, one after another)."""
    random = np.random.default_rng(seed)
    points, normals = _samples(mesh, random)
    while len(points) > MIN_AREA_M2 * POINTS_A_M2:
        drawn = random.integers(len(points), size=NUM_HYPOTHESES)
        scored = random.integers(len(points), size=NUM_SCORED)
        offsets_m = np.einsum("ij,ij->i", points[drawn], normals[drawn])
        fits = np.abs(points[scored] @ normals[drawn].T - offsets_m) < OFF_M
        fits &= normals[scored] @ normals[drawn].T > COSINE
        best = int(np.argmax(fits.sum(axis=0)))
        normal, offset_m = normals[drawn[best]], float(offsets_m[best])
        on = _on(points, normals, normal, offset_m)
        for _ in range(NUM_FITS):
            normal, offset_m = _fitted(points[on], normal)
            on = _on(points, normals, normal, offset_m)
        if len(on) < MIN_AREA_M2 * POINTS_A_M2:
            return
        yield Plane(normal, offset_m, points[on])
        rest = np.abs(points @ normal - offset_m) > 2.0 * OFF_M
        rest |= normals @ normal < OTHER_COSINE
        points, normals = points[rest], normals[rest]


def _samples(
    mesh: Mesh, random: np.random.Generator
) -> tuple[Float64[np.ndarray, "n 3"], Float64[np.ndarray, "n 3"]]:
    """Return points of a mesh, evenly by area, and their normals."""
    corners = mesh.vertices_m[mesh.triangles].astype(np.float64)
    crosses = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    twice_m2 = np.linalg.norm(crosses, axis=1)
    reach_m2 = np.cumsum(0.5 * twice_m2)
    num = int(POINTS_A_M2 * reach_m2[-1]) if len(reach_m2) else 0
    if num == 0:
        return np.zeros((0, 3)), np.zeros((0, 3))
    at_m2 = (np.arange(num) + random.random(num)) * (reach_m2[-1] / num)
    pick = np.minimum(np.searchsorted(reach_m2, at_m2, side="right"), len(reach_m2) - 1)
    return corners[pick].mean(axis=1), crosses[pick] / np.maximum(twice_m2[pick], 1e-30)[:, None]


def _on(
    points: Float64[np.ndarray, "n 3"],
    normals: Float64[np.ndarray, "n 3"],
    normal: Float64[np.ndarray, "3"],
    offset_m: float,
) -> Int64[np.ndarray, "k"]:
    is_on = (np.abs(points @ normal - offset_m) < OFF_M) & (normals @ normal > COSINE)
    return np.flatnonzero(is_on)


def _fitted(
    points: Float64[np.ndarray, "n 3"], before: Float64[np.ndarray, "3"]
) -> tuple[Float64[np.ndarray, "3"], float]:
    """Fit normal and offset to points; the normal faces as before."""
    mean = points.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((points - mean).T))
    normal = vectors[:, 0] * np.copysign(1.0, vectors[:, 0] @ before)
    return normal, float(normal @ mean)
