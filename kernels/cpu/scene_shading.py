"""The colour of a surface point of an analytic scene; contracts in `kernels.scene`."""

import numpy as np

from kernels.cpu.compile import inline, kernel
from kernels.scene import AMBIENT, BOX, CYLINDER, DIFFUSE, NUM_LEVELS, TEXTURE_SIZE

ZERO, HALF, ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
AMBIENT_F, DIFFUSE_F = np.float32(AMBIENT), np.float32(DIFFUSE)
MIN_COSINE = np.float32(0.1)


@kernel
def shade_pixel(kind, s, view, texture, u, v, depth, fx, rgb):
    """Write the colour of pixel (u, v), which sees solid `s` at `depth`."""
    fu, fv = np.float32(u), np.float32(v)
    dx = view[3] + fu * view[6] + fv * view[9]
    dy = view[4] + fu * view[7] + fv * view[10]
    dz = view[5] + fu * view[8] + fv * view[11]
    x, y, z = view[0] + depth * dx, view[1] + depth * dy, view[2] + depth * dz
    nx, ny, nz = _normal(kind, s, x, y, z)

    axis, a, b = np.float32(2.0), x, y
    if abs(nx) >= abs(ny) and abs(nx) >= abs(nz):
        axis, a, b = ZERO, y, z
    elif abs(ny) >= abs(nz):
        axis, a, b = ONE, x, z

    length = np.sqrt(dx * dx + dy * dy + dz * dz)
    cosine = max(abs(nx * dx + ny * dy + nz * dz) / length, MIN_COSINE)
    per_texel = ONE / s[15]
    ratio = depth * per_texel / (fx * cosine)
    a = a * per_texel + s[16] * np.float32(37.0) + axis * np.float32(101.0)
    b = b * per_texel + s[16] * np.float32(59.0) + axis * np.float32(173.0)
    blend = _sample(texture, a, b, ratio) * np.float32(1.0 / 255.0)

    lambert = AMBIENT_F + DIFFUSE_F * (nx * view[12] + ny * view[13] + nz * view[14])
    for k in range(3):
        value = (s[8 + k] + (s[11 + k] - s[8 + k]) * blend) * lambert + HALF
        rgb[k] = np.uint8(min(max(value, ZERO), np.float32(255.0)))


@inline
def _normal(kind, s, x, y, z):
    nx, ny, nz = ZERO, ZERO, ZERO
    if kind == BOX:
        qx, qy, qz = abs(x) - s[3], abs(y) - s[4], abs(z) - s[5]
        if qx >= qy and qx >= qz:
            nx = -ONE if x < ZERO else ONE
        elif qy >= qz:
            ny = -ONE if y < ZERO else ONE
        else:
            nz = -ONE if z < ZERO else ONE
    elif kind == CYLINDER:
        radius = np.sqrt(x * x + y * y)
        if abs(z) - s[5] > radius - s[3]:
            nz = -ONE if z < ZERO else ONE
        else:
            nx, ny = x / radius, y / radius
    else:
        inverse = ONE / np.sqrt(x * x + y * y + z * z)
        nx, ny, nz = x * inverse, y * inverse, z * inverse
    return nx, ny, nz


@kernel
def _sample(texture, a, b, ratio):
    level, scale = 0, ONE
    while ratio >= np.float32(2.0) and level < NUM_LEVELS - 2:
        ratio *= HALF
        scale *= HALF
        level += 1
    fine = _bilinear(texture, a, b, level, scale)
    rest = min(ratio, np.float32(2.0) if level < NUM_LEVELS - 2 else ONE) - ONE
    if rest <= ZERO:
        return fine
    return fine + (_bilinear(texture, a, b, level + 1, scale * HALF) - fine) * rest


@inline
def _bilinear(texture, a, b, level, scale):
    size = TEXTURE_SIZE >> level
    first = 4 * (TEXTURE_SIZE * TEXTURE_SIZE - size * size) // 3
    a = (a + HALF) * scale - HALF
    b = (b + HALF) * scale - HALF
    floor_a, floor_b = np.floor(a), np.floor(b)
    fa, fb = a - floor_a, b - floor_b
    u0, v0 = int(floor_a) & (size - 1), int(floor_b) & (size - 1)
    u1, v1 = (u0 + 1) & (size - 1), (v0 + 1) & (size - 1)
    top, bottom = first + v0 * size, first + v1 * size
    t00, t10 = np.float32(texture[top + u0]), np.float32(texture[top + u1])
    t01, t11 = np.float32(texture[bottom + u0]), np.float32(texture[bottom + u1])
    upper = t00 + (t10 - t00) * fa
    return upper + (t01 + (t11 - t01) * fa - upper) * fb
