"""Fusing a reading into one voxel; see `kernels.tsdf.integrate`."""

import math

import numpy as np

from kernels.scalar.compile import inline
from kernels.scalar.noise import sigma
from kernels.tsdf import MAX_COLOR_WEIGHT, WEIGHT_UNIT

ZERO = np.float32(0.0)
HALF = np.float32(0.5)
ONE = np.float32(1.0)
NEAR_M = np.float32(0.05)  # voxels nearer to the camera's plane get no reading


@inline
def nearest_pixel(x, y, z, fx, fy, cx, cy, h, w):
    """Return the pixel (v, u) nearest to the projection of a camera-frame point, moved into the
    image, and whether it was there.
    """
    last_u, last_v = np.float32(w) - ONE, np.float32(h) - ONE
    inverse = ONE / max(z, np.float32(1e-3))
    u = x * inverse * fx + cx + HALF  # truncation below is then rounding
    v = y * inverse * fy + cy + HALF
    inside = (z > NEAR_M) & (u >= ZERO) & (u < last_u + ONE) & (v >= ZERO) & (v < last_v + ONE)
    return np.int32(min(max(v, ZERO), last_v)), np.int32(min(max(u, ZERO), last_u)), inside


@inline
def weigh(depth, nx, ny, nz, ray_x, ray_y, x, y, z, noise, reference, tau_min, tau_max):
    """Return the weight of a reading in units, 0 where there is none; its distance, clamped; and
    its weight for the colour, as that of a reading. `reference` is sigma at 1 m.
    """
    tau = min(max(np.float32(3.0) * sigma(z, noise), tau_min), tau_max)
    measured = abs(depth)
    along = nx * ray_x + ny * ray_y + nz
    d = measured * along - (nx * x + ny * y + nz * z)
    cosine = along / math.sqrt(ray_x * ray_x + ray_y * ray_y + ONE)
    relative = reference / sigma(measured, noise)
    w = cosine * relative * relative
    w = w if depth > ZERO else np.float32(0.1) * w
    w = min(max(w, np.float32(1.0 / 256.0)), np.float32(4.0)) * np.float32(1.0 / WEIGHT_UNIT)
    w = w if (measured > ZERO) & (along > ZERO) & (d > -tau) else ZERO
    share = w * np.float32(WEIGHT_UNIT) if abs(d) < np.float32(1.0 / 3.0) * tau else ZERO
    return w, min(d, tau), share


@inline
def average_distance(old, old_weight, reading, w, dither):
    """Return the average of the distance so far and a reading, all in units, rounded by the
    dither.
    """
    new = old + (reading - old) * (w / max(old_weight + w, ONE))
    # + 32768 makes it positive, where truncation is floor; its float32 steps are 1 / 256
    return min(np.int32(new + np.float32(32768.0) + dither), np.int32(65535)) - np.int32(32768)


@inline
def add_weight(old_weight, w, most, dither):
    """Return the sum of weights in units, rounded by the dither."""
    return min(np.int32(min(old_weight + w, most) + dither), np.int32(65535))


@inline
def color_weight(share):
    """Return what a colour reading weighs."""
    w = min(np.float32(4.0) * share, np.float32(4.0))
    return max(w, ONE) if w > ZERO else ZERO


@inline
def average_color(old, new, gain, dither):
    """Return the average of one channel and a reading, rounded by the dither."""
    old = np.float32(old)
    return np.int32(old + (np.float32(new) - old) * gain + dither)


@inline
def with_mark(red, share):
    """Return the red of a voxel, at least 1 where a reading lies close by; see `TsdfBlocks`."""
    return max(red, np.int32(1)) if share > ZERO else red


@inline
def is_marked(color, slot, voxel):
    """Whether a reading was close by; a voxel with colour is of a map file without marks."""
    return (color[slot, 0, voxel] > 0) | (color[slot, 3, voxel] > 0)


@inline
def add_color_weight(old_weight, w):
    """Return the sum of colour weights, rounded."""
    return np.int32(min(old_weight + w, np.float32(MAX_COLOR_WEIGHT)) + HALF)
