"""One ray of a keyframe; see `kernels.rays`."""

import numpy as np

from kernels.rays import EDGE_WEIGHT, MIN_SLOPE, UNCOLORED
from kernels.scalar.compile import inline
from kernels.scalar.noise import sigma

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
BYTE = np.float32(255.0)
PER_BYTE = np.float32(1.0 / 255.0)


@inline
def slope_along(x, y, nx, ny, nz):
    """Return normal . ray of the ray (x, y, 1)."""
    return max(nx * x + ny * y + nz, np.float32(MIN_SLOPE))


@inline
def weight_byte(reading, reference, noise):
    """Return 255 times the weight of a reading; `reference` is the noise at weight 1."""
    ratio = reference / sigma(abs(reading), noise)
    quality = min(ratio * ratio, ONE)
    if reading < ZERO:
        quality *= np.float32(EDGE_WEIGHT)
    return np.uint8(max(quality * BYTE, ONE))


@inline
def drawn(i, random, stride, num_rays):
    """Return the ray that is drawn i-th: a random one of every `stride`."""
    return min(int((np.float32(i) + random) * stride), num_rays - 1)


@inline
def sample(rays, r, image_width, has_color, K, T, truncation_m, near_m, a, f, batch, i):
    """Write the samples along ray r as those of ray i of a batch. The random numbers a and f place
    the pair of the band and the sample in free space.
    """
    is_colored = has_color and rays.pixel[r] < np.uint32(UNCOLORED)
    pixel = np.int64(rays.pixel[r]) & np.int64(UNCOLORED - 1)
    u, v = np.float32(pixel % image_width), np.float32(pixel // image_width)
    x, y = (u - K[2]) / K[0], (v - K[3]) / K[1]
    ray_x = T[0, 0] * x + T[0, 1] * y + T[0, 2]
    ray_y = T[1, 0] * x + T[1, 1] * y + T[1, 2]
    ray_z = T[2, 0] * x + T[2, 1] * y + T[2, 2]
    z, slope = rays.depth_m[r], rays.slope[r]
    band = max(min(truncation_m / slope, z - near_m), ZERO)
    apart = a * a * band
    free = min(near_m + f * (z - band - near_m), z - band) - z
    for j, offset in enumerate((ZERO, apart, -apart, free)):
        t = z + offset
        batch.points[i, j, 0] = T[0, 3] + ray_x * t
        batch.points[i, j, 1] = T[1, 3] + ray_y * t
        batch.points[i, j, 2] = T[2, 3] + ray_z * t
        batch.distance_m[i, j] = -offset * slope
    for c in range(3):
        batch.rgb[i, c] = np.float32(rays.rgbw[r, c]) * PER_BYTE if is_colored else -ONE
    batch.weight[i] = np.float32(rays.rgbw[r, 3]) * PER_BYTE
