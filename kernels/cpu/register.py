"""Registration in numba; contracts in `kernels.register`."""

import math

import numpy as np
from numba import prange

from kernels.cpu.compile import parallel_kernel
from kernels.cpu.packed_color import mix_row, pack
from kernels.lens import FISHEYE, LIMIT, MODEL, TANGENTIAL_AFTER_RADIAL
from kernels.register import ColorCamera
from kernels.scalar.compile import inline, subroutine
from kernels.scalar.lens import brown_conrady, wide_angle

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
HALF = np.float32(0.5)
MIN_Z = np.float32(1e-6)
TINY = np.float32(1e-12)
ORDER_TOLERANCE_PX = np.float32(0.5)
CLEARANCE_PX = np.float32(1.0)


def register_color(color, depth_m, depth_intrinsics, camera: ColorCamera):
    return _register(pack(color), depth_m, depth_intrinsics, *camera)


@parallel_kernel
def _register(packed, depth_m, depth_intrinsics, intrinsics, distortion, T):
    h, w = depth_m.shape
    out = np.empty((h, w, 3), np.uint8)
    is_seen = np.empty((h, w), np.bool_)
    for row in prange(h):
        v = np.int64(row)
        u_color = np.empty(w, np.float32)
        v_color = np.empty(w, np.float32)
        inverse_depth = np.empty(w, np.float32)
        _fill_row(depth_m[v], inverse_depth)
        y = (np.float32(v) - depth_intrinsics[3]) / depth_intrinsics[1]
        _direct_row(y, inverse_depth, depth_intrinsics, T, u_color, v_color)
        _project_row(intrinsics, distortion, u_color, v_color, is_seen[v])
        if T[0, 3] < ZERO:
            _uncover_leftwards(u_color, v_color)
        elif T[0, 3] > ZERO:
            _uncover_rightwards(u_color, v_color)
        _sample_row(packed, u_color, v_color, out[v], is_seen[v])
    return out, is_seen


@inline
def _fill_row(depth_m, inverse_depth):
    """Gaps take the farther of the readings beside them."""
    w = depth_m.shape[0]
    last = ZERO  # inverse depth left of here; 0: none yet
    u = 0
    while u < w:
        if depth_m[u] > ZERO:
            last = ONE / depth_m[u]
            inverse_depth[u] = last
            u += 1
            continue
        end = u
        while end < w and depth_m[end] <= ZERO:
            end += 1
        filled = last
        if end < w:
            after = ONE / depth_m[end]
            filled = after if last == ZERO else min(last, after)
        for k in range(u, end):
            inverse_depth[k] = filled
        u = end


@inline
def _direct_row(y, inverse_depth, depth_intrinsics, T, x_color, y_color):
    """Write where the row's points lie in the colour camera's plane z = 1."""
    fx, cx = depth_intrinsics[0], depth_intrinsics[2]
    ax, ay, az = T[0, 1] * y + T[0, 2], T[1, 1] * y + T[1, 2], T[2, 1] * y + T[2, 2]
    for u in range(inverse_depth.shape[0]):
        q = inverse_depth[u]
        ray = (np.float32(u) - cx) / fx
        scale = ONE / max(T[2, 0] * ray + az + T[2, 3] * q, MIN_Z)
        x_color[u] = (T[0, 0] * ray + ax + T[0, 3] * q) * scale
        y_color[u] = (T[1, 0] * ray + ay + T[1, 3] * q) * scale


@inline
def _project_row(intrinsics, distortion, u_color, v_color, is_reached):
    """Replace directions by the pixels that they are imaged to, and tell where the model of the
    lens reaches; farther out they are those of its limit.
    """
    w = u_color.shape[0]
    limit = distortion[LIMIT]
    for u in range(w):
        r2 = u_color[u] * u_color[u] + v_color[u] * v_color[u]
        is_reached[u] = r2 <= limit
        within = np.float32(math.sqrt(min(ONE, limit / max(r2, TINY))))
        u_color[u] *= within
        v_color[u] *= within
    is_after_radial = distortion[MODEL] == np.float32(TANGENTIAL_AFTER_RADIAL)
    if distortion[MODEL] >= np.float32(FISHEYE):
        for u in range(w):
            u_color[u], v_color[u] = wide_angle(u_color[u], v_color[u], distortion)
    else:
        for u in range(w):
            u_color[u], v_color[u] = brown_conrady(
                u_color[u], v_color[u], distortion, is_after_radial
            )
    for u in range(w):
        u_color[u] = u_color[u] * intrinsics[0] + intrinsics[2]
        v_color[u] = v_color[u] * intrinsics[1] + intrinsics[3]


@subroutine
def _uncover_leftwards(u_color, v_color):
    """Give hidden pixels the place of the visible one left of them: see the reference."""
    w = u_color.shape[0]
    is_hidden = np.zeros(w, np.uint8)
    lowest = np.float32(3e38)
    limit = lowest
    for k in range(w):
        here = u_color[w - 1 - k]
        if here > limit:
            is_hidden[w - 1 - k] = 1
            limit = lowest - CLEARANCE_PX
        else:
            lowest = min(lowest, here)
            limit = lowest + ORDER_TOLERANCE_PX
    for u in range(1, w):
        if is_hidden[u]:
            u_color[u] = u_color[u - 1]
            v_color[u] = v_color[u - 1]


@subroutine
def _uncover_rightwards(u_color, v_color):
    """The mirror image."""
    w = u_color.shape[0]
    is_hidden = np.zeros(w, np.uint8)
    highest = np.float32(-3e38)
    limit = highest
    for u in range(w):
        here = u_color[u]
        if here < limit:
            is_hidden[u] = 1
            limit = highest + CLEARANCE_PX
        else:
            highest = max(highest, here)
            limit = highest - ORDER_TOLERANCE_PX
    for k in range(1, w):
        u = w - 1 - k
        if is_hidden[u]:
            u_color[u] = u_color[u + 1]
            v_color[u] = v_color[u + 1]


@subroutine
def _sample_row(packed, u_color, v_color, line, is_seen):
    """Interpolate, and leave seen only what lies in the image."""
    last_u, last_v = np.int32(packed.shape[1] - 1), np.int32(packed.shape[0] - 1)
    width = np.int32(packed.shape[1])
    flat = packed.ravel()
    w = u_color.shape[0]
    around = np.empty((4, w), np.uint32)
    for u in range(w):
        is_inside = (
            u_color[u] > -HALF and u_color[u] < np.float32(last_u) + HALF
            and v_color[u] > -HALF and v_color[u] < np.float32(last_v) + HALF
        )  # fmt: skip
        is_seen[u] = is_seen[u] and is_inside
        x = min(max(u_color[u], ZERO), np.float32(last_u))
        y = min(max(v_color[u], ZERO), np.float32(last_v))
        u0, v0 = np.int32(x), np.int32(y)
        right = np.uint32(1) if u0 < last_u else np.uint32(0)
        below = np.uint32(width) if v0 < last_v else np.uint32(0)
        at = np.uint32(v0 * width + u0)  # unsigned, or numba asks whether it counts from the end
        around[0, u], around[1, u] = flat[at], flat[np.uint32(at + right)]
        around[2, u], around[3, u] = (
            flat[np.uint32(at + below)],
            flat[np.uint32(at + below + right)],
        )
        u_color[u], v_color[u] = x - np.float32(u0), y - np.float32(v0)
    mix_row(around, u_color, v_color, line)
