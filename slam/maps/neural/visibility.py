"""What could be seen, and what was: which predicted surface no other surface hides from all places
of the camera, and which points the camera has seen to be free.

Planes go on behind walls, too. Prediction is for what a camera would meet if it looked there, so
panoramas are taken from where it stood.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy import ndimage

from kernels import tsdf as tsdf_ops
from kernels.field import Field
from slam.camera import Camera
from slam.geometry import Transform, inverse, transform_points
from slam.maps.keyframes import Keyframe

FACE_PX = 32
FAR_M = 8.0
NEAR_M = 0.1
TOLERANCE_M = 0.15
VIEW_WIDTH = 160
MOST_VIEWS = 200
FREE_M = 0.05  # before what is seen
INTRINSICS = np.array([FACE_PX / 2, FACE_PX / 2, (FACE_PX - 1) / 2, (FACE_PX - 1) / 2], np.float32)
# The six faces of a cube: camera x, y, z as rows
FACES = [
    np.array(rows, dtype=np.float64)
    for rows in (
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]], [[-1, 0, 0], [0, 1, 0], [0, 0, -1]],
        [[0, 0, -1], [0, 1, 0], [1, 0, 0]], [[0, 0, 1], [0, 1, 0], [-1, 0, 0]],
        [[1, 0, 0], [0, 0, -1], [0, 1, 0]], [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
    )
]  # fmt: skip


def is_visible(
    field: Field, points: Float32[np.ndarray, "n 3"], centers_m: Float64[np.ndarray, "k 3"]
) -> Bool[np.ndarray, "n"]:
    """Tell which points some centre sees, past the observed surface and past each other."""
    seen = np.zeros(len(points), dtype=bool)
    for center_m in centers_m:
        offset = points - center_m
        for R_face_world in FACES:
            x, y, z = (offset @ R_face_world.T).T
            inside = np.flatnonzero((z > NEAR_M) & (np.abs(x) < z) & (np.abs(y) < z) & (z < FAR_M))
            if not len(inside):
                continue
            T_world_face = np.eye(4)
            T_world_face[:3, :3], T_world_face[:3, 3] = R_face_world.T, center_m
            size = (FACE_PX, FACE_PX)
            depth_m = _traced(field, size, INTRINSICS, T_world_face).ravel()
            depth_m[depth_m == 0] = FAR_M
            nearest_m = np.full(FACE_PX * FACE_PX, FAR_M)
            u, v = ((c[inside] / z[inside] + 1) * (FACE_PX / 2) for c in (x, y))
            pixel = np.minimum(v.astype(int), FACE_PX - 1) * FACE_PX
            pixel += np.minimum(u.astype(int), FACE_PX - 1)
            np.minimum.at(nearest_m, pixel, z[inside])
            # points leave gaps between them, which their neighbours close
            closed_m = ndimage.minimum_filter(nearest_m.reshape(FACE_PX, FACE_PX), 3).ravel()
            closed_m = np.minimum(closed_m * (1.0 + 4.0 / FACE_PX), depth_m)
            seen[inside] |= z[inside] < closed_m[pixel] + TOLERANCE_M
    return seen


@dataclass(frozen=True)
class View:
    """What a keyframe sees of the map."""

    camera: Camera
    T_camera_world: Transform
    depth_m: Float32[np.ndarray, "h w"]  # the least of a pixel and its neighbours


def views_of(field: Field, keyframes: Sequence[Keyframe]) -> list[View]:
    """Render keyframes, evenly over time."""
    pick = np.unique(np.linspace(0, len(keyframes) - 1, MOST_VIEWS).round().astype(int))
    views = []
    for keyframe in [keyframes[i] for i in pick if keyframes]:
        camera = keyframe.camera.scaled(min(1.0, VIEW_WIDTH / keyframe.camera.width))
        size, T = (camera.height, camera.width), keyframe.T_world_camera
        depth_m = _traced(field, size, camera.intrinsics, T)
        views.append(View(camera, inverse(T), ndimage.minimum_filter(depth_m, 3)))
    return views


def is_free(points: Float32[np.ndarray, "n 3"], views: Sequence[View]) -> Bool[np.ndarray, "n"]:
    """Tell which points some view has looked through."""
    result = np.zeros(len(points), dtype=bool)
    for view in views:
        rest = np.flatnonzero(~result)
        in_camera = transform_points(view.T_camera_world, points[rest].astype(np.float64))
        u, v = view.camera.project(in_camera)
        is_inside = view.camera.contains(u, v) & (in_camera[:, 2] > NEAR_M)
        u, v = np.rint(u[is_inside]).astype(int), np.rint(v[is_inside]).astype(int)
        seen_m = np.zeros(len(rest))
        seen_m[is_inside] = view.depth_m[v, u]
        result[rest] = is_inside & (in_camera[:, 2] < seen_m - FREE_M)
    return result


def _traced(
    field: Field, size: tuple[int, int], intrinsics: np.ndarray, T_world_camera: Transform
) -> Float32[np.ndarray, "h w"]:
    """Return the depth of the base, 0 where nothing is met."""
    return tsdf_ops.raycast(
        field.base.blocks, field.base.voxels, size, intrinsics, T_world_camera.astype(np.float32),
        float(field.base.voxel_size_m), float(field.base.sdf_unit_m), float(field.truncation_m),
        (NEAR_M, FAR_M),
    ).depth_m  # fmt: skip
