"""What could be seen: which predicted surface no other surface hides from all places of the camera.

The coarse level has a sign everywhere, also behind walls. Prediction is for what a camera would
meet if it looked there, so panoramas are taken from where it stood.
"""

import numpy as np
from jaxtyping import Bool, Float32, Float64
from scipy import ndimage

from kernels import tsdf as tsdf_ops
from kernels.field import Field

FACE_PX = 32
FAR_M = 8.0
NEAR_M = 0.1
TOLERANCE_M = 0.15
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
            depth_m = tsdf_ops.raycast(
                field.base.blocks, field.base.voxels, (FACE_PX, FACE_PX), INTRINSICS,
                T_world_face.astype(np.float32), float(field.base.voxel_size_m),
                float(field.base.sdf_unit_m), float(field.truncation_m), (NEAR_M, FAR_M),
            ).depth_m.ravel()  # fmt: skip
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
