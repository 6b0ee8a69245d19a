"""Normal equations of keyframes whose rays are on a GPU; see `slam.maps.neural.adjustment`."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from kernels import field as field_ops
from kernels.align import NormalEquations, assembled
from kernels.cuda.align import sdf_sums
from kernels.cuda.arrays import to_device, to_host
from kernels.rays import UNCOLORED
from slam.camera import DepthNoise
from slam.maps.keyframes import Keyframe
from slam.maps.neural.adjustment import (
    EDGE_SIGMAS,
    MAX_DISTANCE_M,
    MIN_QUALITY,
    SCALE,
    Equations,
    picked,
)
from slam.maps.neural.cuda.pool import PooledKeyframe


def pool_equations(
    field: Any, rays: Any, depth_noise: DepthNoise, window: Sequence[PooledKeyframe]
) -> Equations:
    """Return `equations_of` for the keyframes of a window, at the poses that they have now.

    The field is queried once for all of them, and all equations are read back together. `rays` are
    those of the pool.
    """
    picks = [keyframe.first_ray + picked(keyframe) for keyframe in window]
    bounds = np.cumsum([0, *map(len, picks)]).tolist()
    pick, owner, intrinsics, widths, T_world_camera = to_device(
        (
            np.concatenate(picks),
            np.repeat(np.arange(len(window)), np.diff(bounds)),
            np.stack([keyframe.camera.intrinsics for keyframe in window]),
            np.array([keyframe.camera.width for keyframe in window], np.int32),
            np.stack([keyframe.T_world_camera for keyframe in window]).astype(np.float32),
        )
    )
    z, pixel = rays.depth_m[pick], rays.pixel.view(torch.int32)[pick]
    pixel = pixel & (UNCOLORED - 1)
    u, v = pixel % widths[owner], pixel // widths[owner]
    fx, fy, cx, cy = intrinsics[owner].T
    points: Any = torch.stack([(u - cx) / fx * z, (v - cy) / fy * z, z], 1)
    constant_m, linear, quadratic = map(float, depth_noise.coefficients)
    sure_m = constant_m + linear * z + quadratic * z * z
    sigma_m: Any = torch.where(rays.rgbw[pick, 3] < MIN_QUALITY, EDGE_SIGMAS * sure_m, sure_m)
    T = T_world_camera[owner]
    world = (T[:, :3, :3] * points[:, None]).sum(2) + T[:, :3, 3]
    samples: Any = field_ops.query(field, world)
    sdf_m, gradient, is_valid = samples
    sums = []
    for i, own in enumerate(map(slice, bounds[:-1], bounds[1:])):
        R = T_world_camera[i, :3, :3].contiguous()
        sums.append(
            sdf_sums(
                points[own], sigma_m[own], sdf_m[own], gradient[own], is_valid[own], R, SCALE,
                MAX_DISTANCE_M,
            )
        )  # fmt: skip
    ends = np.cumsum([len(part) for part in sums])
    parts = np.split(to_host(torch.cat(sums)), ends[:-1])
    places = {id(keyframe): i for i, keyframe in enumerate(window)}

    def equations_of(keyframe: Keyframe) -> tuple[NormalEquations, int]:
        i = places[id(keyframe)]
        return assembled(parts[i]), bounds[i + 1] - bounds[i]

    return equations_of
