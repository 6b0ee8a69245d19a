"""Cubes cut out of random rooms, with samples of their signed distance as mapping would get."""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from slam.scenes.procedural import random_room
from slam.scenes.scene import Scene

NEAR, BAND, FREE = 0.4, 0.5, 0.1  # shares of samples: next to a surface, in its band, in free space
CANDIDATES = 60_000
NUM_SAMPLES = 60_000
PROBE_M = 0.002  # step of finite differences
MIN_NEAR = 0.02  # a crop with less surface than this share of its volume is drawn again


@dataclass(frozen=True)
class CropSize:
    """How large crops are, and how far from surfaces samples matter."""

    size_m: float
    near_m: float
    band_m: float
    vertex_spacing_m: float  # of the vertices whose distance is returned


@dataclass(frozen=True)
class Crop:
    """A cube whose frame has its origin in a corner; distances are in metres, exact."""

    points: np.ndarray  # (n, 3) float32, metres
    sdf_m: np.ndarray  # (n,) float32
    vertex_sdf_m: np.ndarray  # (k, k, k) float32


def random_crop(seed: tuple[int, ...], size: CropSize) -> Crop:
    """Cut a cube at a random place near surfaces of a random room, turned at random."""
    rng = np.random.default_rng(seed)
    room = random_room(seed)
    while True:
        R_world_crop = _random_rotation(rng)
        local = _around(room, _random_place(room, rng), size)
        sdf_at = _Distance(local, R_world_crop, size.size_m / 2)
        points = rng.uniform(0, size.size_m, (CANDIDATES, 3)).astype(np.float32)
        sdf_m = sdf_at(points)
        if np.mean(np.abs(sdf_m) < size.near_m) > MIN_NEAR:
            break
    chosen = _choose(sdf_m, sdf_at.is_observable(points, sdf_m), size, rng)
    axis = np.arange(0, size.size_m + 1e-6, size.vertex_spacing_m)
    vertices = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    vertex_sdf_m = sdf_at(vertices.reshape(-1, 3)).reshape(vertices.shape[:3])
    return Crop(points[chosen], sdf_m[chosen], vertex_sdf_m)


class _Distance:
    """The signed distance at points of the crop's frame."""

    def __init__(self, local: Scene, R_world_crop: np.ndarray, half_m: float) -> None:
        self.local, self.R_world_crop, self.half_m = local, R_world_crop, half_m

    def __call__(self, points: np.ndarray) -> np.ndarray:
        return self.local.sdf(((points - self.half_m) @ self.R_world_crop.T).astype(np.float32))

    def is_observable(self, points: np.ndarray, sdf_m: np.ndarray) -> np.ndarray:
        """Tell which points are in front of or behind a surface that can be seen.

        The distance inside touching solids is that to their common face, which nobody sees.
        """
        observable = sdf_m > 0
        inner = np.flatnonzero(~observable)
        steps = PROBE_M * np.eye(3)
        ahead = np.stack([self(points[inner] + step) - sdf_m[inner] for step in steps], axis=1)
        outward = ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)
        beyond = points[inner] + outward * (4 * PROBE_M - sdf_m[inner, None])
        observable[inner] = self(beyond) > 0
        return observable


def _random_rotation(rng: np.random.Generator) -> np.ndarray:
    """Aligned with the world, turned about the vertical, or any rotation: a third each."""
    kind = rng.integers(3)
    if kind == 0:
        return np.eye(3)
    if kind == 1:
        return Rotation.from_euler("z", rng.uniform(0, 2 * np.pi)).as_matrix()
    return Rotation.from_quat(rng.normal(size=4)).as_matrix()


def _random_place(room: Scene, rng: np.random.Generator) -> np.ndarray:
    """A point on or near a random solid, or (each fourth time) anywhere within all of them."""
    if rng.random() < 0.25:
        return rng.uniform(room.solids[:, :3].min(axis=0), room.solids[:, :3].max(axis=0))
    centre, half_m = np.split(room.solids[rng.integers(len(room.solids)), :6], 2)
    return centre + rng.uniform(-1, 1, 3) * half_m


def _around(room: Scene, centre: np.ndarray, size: CropSize) -> Scene:
    """Return the solids that matter in a crop, moved so that its centre is the origin."""
    reach_m = np.sqrt(3) / 2 * size.size_m + size.band_m
    middle, half_m = room.solids[:, :3] - centre, room.solids[:, 3:6].copy()
    half_m[:, :2] = np.linalg.norm(half_m[:, :2], axis=1, keepdims=True)  # whatever the yaw
    is_near = np.linalg.norm(np.maximum(np.abs(middle) - half_m, 0), axis=1) < reach_m
    solids = room.solids[is_near]
    solids[:, :3] = middle[is_near]
    return Scene(room.name, solids, room.kinds[is_near])


def _choose(
    sdf_m: np.ndarray, observable: np.ndarray, size: CropSize, rng: np.random.Generator
) -> np.ndarray:
    """Draw indices of samples, some of them more than once, in random order."""
    distance_m = np.abs(sdf_m)
    kinds = (
        (NEAR, observable & (distance_m < size.near_m)),
        (BAND, observable & (distance_m < size.band_m)),
        (FREE, sdf_m > 0),
    )
    chosen = [
        rng.choice(np.flatnonzero(is_kind), int(share * NUM_SAMPLES)) for share, is_kind in kinds
    ]
    return rng.permutation(np.concatenate(chosen))
