"""Registration in numba; contracts in `kernels.register`."""

import numpy as np
from numba import prange

from kernels.cpu.compile import parallel_kernel
from kernels.register import ColorCamera
from kernels.scalar.compile import inline

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
TWO = np.float32(2.0)
HALF = np.float32(0.5)
MIN_Z = np.float32(1e-6)
UNITY = np.float32(256.0)
BYTE, TWO_BYTES, LOW = np.uint32(8), np.uint32(16), np.uint32(0xFF)
RED_BLUE, GREEN, ROUND = np.uint32(0xFF00FF), np.uint32(0xFF00), np.uint32(0x800080)
ORDER_TOLERANCE_PX = np.float32(0.5)
CLEARANCE_PX = np.float32(1.0)


def register_color(color, depth_m, depth_intrinsics, camera: ColorCamera):
    return _register(_pack(color), depth_m, depth_intrinsics, *camera)


@parallel_kernel
def _register(packed, depth_m, depth_intrinsics, intrinsics, distortion, T):
    h, w = depth_m.shape
    out = np.empty((h, w, 3), np.uint8)
    for row in prange(h):
        v = np.int64(row)
        u_color = np.empty(w, np.float32)
        v_color = np.empty(w, np.float32)
        inverse_depth = np.empty(w, np.float32)
        _fill_row(depth_m[v], inverse_depth)
        y = (np.float32(v) - depth_intrinsics[3]) / depth_intrinsics[1]
        _project_row(
            y, inverse_depth, depth_intrinsics, intrinsics, distortion, T, u_color, v_color
        )
        if T[0, 3] < ZERO:
            _uncover_leftwards(u_color, v_color)
        elif T[0, 3] > ZERO:
            _uncover_rightwards(u_color, v_color)
        _sample_row(packed, u_color, v_color, out[v])
    return out


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
def _project_row(y, inverse_depth, depth_intrinsics, intrinsics, distortion, T, u_color, v_color):
    fx, cx = depth_intrinsics[0], depth_intrinsics[2]
    k1, k2, p1, p2, k3 = distortion[0], distortion[1], distortion[2], distortion[3], distortion[4]
    is_after_radial = distortion[5] != ZERO
    ax, ay, az = T[0, 1] * y + T[0, 2], T[1, 1] * y + T[1, 2], T[2, 1] * y + T[2, 2]
    for u in range(inverse_depth.shape[0]):
        q = inverse_depth[u]
        ray = (np.float32(u) - cx) / fx
        scale = ONE / max(T[2, 0] * ray + az + T[2, 3] * q, MIN_Z)
        x = (T[0, 0] * ray + ax + T[0, 3] * q) * scale
        y_ = (T[1, 0] * ray + ay + T[1, 3] * q) * scale
        r2 = x * x + y_ * y_
        radial = ONE + r2 * (k1 + r2 * (k2 + r2 * k3))
        rx, ry = x * radial, y_ * radial
        tx = rx if is_after_radial else x
        ty = ry if is_after_radial else y_
        dx = rx + TWO * p1 * tx * ty + p2 * (r2 + TWO * tx * tx)
        dy = ry + TWO * p2 * tx * ty + p1 * (r2 + TWO * ty * ty)
        u_color[u] = dx * intrinsics[0] + intrinsics[2]
        v_color[u] = dy * intrinsics[1] + intrinsics[3]


@inline
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


@inline
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


@inline
def _sample_row(packed, u_color, v_color, line):
    """Interpolate red and blue at once, in the two halves of a word, with weights of 1/256."""
    last_u, last_v = np.int32(packed.shape[1] - 1), np.int32(packed.shape[0] - 1)
    width = np.int32(packed.shape[1])
    flat = packed.ravel()
    w = u_color.shape[0]
    mixed = np.empty(w, np.uint32)
    for u in range(w):
        x = min(max(u_color[u], ZERO), np.float32(last_u))
        y = min(max(v_color[u], ZERO), np.float32(last_v))
        u0, v0 = np.int32(x), np.int32(y)
        right = np.uint32(1) if u0 < last_u else np.uint32(0)
        below = np.uint32(width) if v0 < last_v else np.uint32(0)
        a = np.uint32(np.int32((x - np.float32(u0)) * UNITY + HALF))
        b = np.uint32(np.int32((y - np.float32(v0)) * UNITY + HALF))
        w11 = np.uint32((a * b + np.uint32(128)) >> np.uint32(8))
        w10, w01 = np.uint32(a - w11), np.uint32(b - w11)
        w00 = np.uint32(np.uint32(256) - a - w01)
        at = np.uint32(v0 * width + u0)  # unsigned, or numba asks whether it counts from the end
        p00, p10 = flat[at], flat[np.uint32(at + right)]
        p01, p11 = flat[np.uint32(at + below)], flat[np.uint32(at + below + right)]
        red_blue = (p00 & RED_BLUE) * w00 + (p10 & RED_BLUE) * w10
        red_blue += (p01 & RED_BLUE) * w01 + (p11 & RED_BLUE) * w11 + ROUND
        green = ((p00 >> BYTE) & LOW) * w00 + ((p10 >> BYTE) & LOW) * w10
        green += ((p01 >> BYTE) & LOW) * w01 + ((p11 >> BYTE) & LOW) * w11 + np.uint32(128)
        mixed[u] = ((red_blue >> BYTE) & RED_BLUE) | (green & GREEN)
    for u in range(w):
        line[u, 0] = np.uint8(mixed[u] & LOW)
        line[u, 1] = np.uint8((mixed[u] >> BYTE) & LOW)
        line[u, 2] = np.uint8(mixed[u] >> np.uint32(16))


@parallel_kernel
def _pack(color):
    """Return red, green and blue in the bytes of a word, from the lowest."""
    h, w = color.shape[:2]
    packed = np.empty((h, w), np.uint32)
    for v in prange(h):
        for u in range(w):
            red, green, blue = color[v, u, 0], color[v, u, 1], color[v, u, 2]
            packed[v, u] = np.uint32(red) | np.uint32(green) << BYTE | np.uint32(blue) << TWO_BYTES
    return packed
