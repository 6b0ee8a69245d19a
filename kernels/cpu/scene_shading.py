"""The colours of an analytic scene's surface; contracts in `kernels.scene`.

Pixels are shaded in runs that see the same solid, in flat passes that vectorise: where in its
texture each looks, the samples, the colours.
"""

import numpy as np

from kernels.cpu.compile import kernel
from kernels.cpu.scene_entry import solid_values
from kernels.scalar.compile import inline
from kernels.scene import AMBIENT, BOX, CYLINDER, DIFFUSE, NUM_LEVELS, TEXTURE_SIZE

ZERO, HALF, ONE, TWO = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(2.0)
AMBIENT_F, DIFFUSE_F = np.float32(AMBIENT), np.float32(DIFFUSE)
MIN_COSINE, MAX_RATIO = np.float32(0.1), np.float32(2.0 ** (NUM_LEVELS - 2))


@kernel
def shade_run(kind, solid, view, texture, fx, v, first_u, depths, rgbs, scratch, packed):
    """Write the colours of a row's pixels from (first_u, v) on, which all see `solid`.

    `scratch` is float32 (8, n) and `packed` uint32 (2, n), n at least the number of pixels.
    """
    s = solid_values(solid)
    if kind == BOX:
        _look_at_box(s, view, fx, v, first_u, depths, scratch)
    elif kind == CYLINDER:
        _look_at_cylinder(s, view, fx, v, first_u, depths, scratch)
    else:
        _look_at_sphere(s, view, fx, v, first_u, depths, scratch)
    _sample(texture, len(depths), scratch, packed)
    for k in range(len(depths)):
        blend, lambert = scratch[0, k], scratch[3, k]
        rgbs[k, 0] = _byte((s[8] + (s[11] - s[8]) * blend) * lambert)
        rgbs[k, 1] = _byte((s[9] + (s[12] - s[9]) * blend) * lambert)
        rgbs[k, 2] = _byte((s[10] + (s[13] - s[10]) * blend) * lambert)


@inline
def _byte(value):
    return np.uint8(np.int32(min(max(value + HALF, ZERO), np.float32(255.0))))


@inline
def _look(s, view, fx, depth, direction, point, normal, k, scratch):
    """Note the place, footprint (in texels) and brightness of a pixel (in rows 0:4)."""
    dx, dy, dz = direction
    x, y, z = point
    nx, ny, nz = normal
    is_x = (abs(nx) >= abs(ny)) & (abs(nx) >= abs(nz))
    is_y = abs(ny) >= abs(nz)
    axis = ZERO if is_x else (ONE if is_y else TWO)
    a = y if is_x else x
    b = z if (is_x | is_y) else y
    per_texel = ONE / s[15]
    cosine = abs(nx * dx + ny * dy + nz * dz) / np.sqrt(dx * dx + dy * dy + dz * dz)
    scratch[0, k] = a * per_texel + s[16] * np.float32(37.0) + axis * np.float32(101.0)
    scratch[1, k] = b * per_texel + s[16] * np.float32(59.0) + axis * np.float32(173.0)
    scratch[2, k] = depth * per_texel / (fx * max(cosine, MIN_COSINE))
    scratch[3, k] = AMBIENT_F + DIFFUSE_F * (nx * view[12] + ny * view[13] + nz * view[14])


@inline
def _ray(view, u, v):
    fu, fv = np.float32(u), np.float32(v)
    return (
        view[3] + fu * view[6] + fv * view[9],
        view[4] + fu * view[7] + fv * view[10],
        view[5] + fu * view[8] + fv * view[11],
    )


@kernel
def _look_at_box(s, view, fx, v, first_u, depths, scratch):
    for k in range(len(depths)):
        dx, dy, dz = _ray(view, first_u + k, v)
        t = depths[k]
        x, y, z = view[0] + t * dx, view[1] + t * dy, view[2] + t * dz
        qx, qy, qz = abs(x) - s[3], abs(y) - s[4], abs(z) - s[5]
        is_x = (qx >= qy) & (qx >= qz)
        is_y = (qy >= qz) & (not is_x)
        is_z = not (is_x | is_y)
        nx = (-ONE if x < ZERO else ONE) if is_x else ZERO
        ny = (-ONE if y < ZERO else ONE) if is_y else ZERO
        nz = (-ONE if z < ZERO else ONE) if is_z else ZERO
        _look(s, view, fx, t, (dx, dy, dz), (x, y, z), (nx, ny, nz), k, scratch)


@kernel
def _look_at_cylinder(s, view, fx, v, first_u, depths, scratch):
    for k in range(len(depths)):
        dx, dy, dz = _ray(view, first_u + k, v)
        t = depths[k]
        x, y, z = view[0] + t * dx, view[1] + t * dy, view[2] + t * dz
        radius = max(np.sqrt(x * x + y * y), np.float32(1e-9))
        is_cap = abs(z) - s[5] > radius - s[3]
        nx = ZERO if is_cap else x / radius
        ny = ZERO if is_cap else y / radius
        nz = (-ONE if z < ZERO else ONE) if is_cap else ZERO
        _look(s, view, fx, t, (dx, dy, dz), (x, y, z), (nx, ny, nz), k, scratch)


@kernel
def _look_at_sphere(s, view, fx, v, first_u, depths, scratch):
    for k in range(len(depths)):
        dx, dy, dz = _ray(view, first_u + k, v)
        t = depths[k]
        x, y, z = view[0] + t * dx, view[1] + t * dy, view[2] + t * dz
        inverse = ONE / np.sqrt(x * x + y * y + z * z)
        normal = (x * inverse, y * inverse, z * inverse)
        _look(s, view, fx, t, (dx, dy, dz), (x, y, z), normal, k, scratch)


@kernel
def _sample(texture, num, scratch, packed):
    """Replace the places in row 0 by the texture's values in 0..1 there.

    The look-ups stand alone in their loop: arithmetic beside them would not vectorise.
    """
    for k in range(num):
        ratio = np.float32(min(max(scratch[2, k], ONE), MAX_RATIO))
        level = (ratio.view(np.int32) >> np.int32(23)) - np.int32(127)  # the float's exponent
        scale = np.int32((np.int32(127) - level) << np.int32(23)).view(np.float32)  # 2^-level
        size = np.int32(TEXTURE_SIZE) >> level
        first = _first_texel(size)
        coarse_first = first + size * size
        a, b = scratch[0, k] + HALF, scratch[1, k] + HALF
        packed[0, k], scratch[4, k], scratch[5, k] = _locate(a * scale, b * scale, size, first)
        packed[1, k], scratch[6, k], scratch[7, k] = _locate(
            a * scale * HALF, b * scale * HALF, size >> np.int32(1), coarse_first
        )
        scratch[2, k] = ratio * scale - ONE
    for k in range(num):
        packed[0, k] = texture[packed[0, k]]
        packed[1, k] = texture[packed[1, k]]
    for k in range(num):
        fine = _bilinear(packed[0, k], scratch[4, k], scratch[5, k])
        coarse = _bilinear(packed[1, k], scratch[6, k], scratch[7, k])
        scratch[0, k] = (fine + (coarse - fine) * scratch[2, k]) * np.float32(1.0 / 255.0)


@inline
def _first_texel(size):
    """Return the number of texels in the levels above the one of this size, exact in float32."""
    texels = np.float32(TEXTURE_SIZE * TEXTURE_SIZE - size * size)
    return np.int32(texels * np.float32(4.0 / 3.0) + HALF)


@inline
def _locate(a, b, size, first):
    """Return the index of the texel whose pack a sample needs, and its place between the four."""
    floor_a, floor_b = np.floor(a - HALF), np.floor(b - HALF)
    mask = size - np.int32(1)
    u, v = np.int32(floor_a) & mask, np.int32(floor_b) & mask
    return np.uint32(first + v * size + u), a - HALF - floor_a, b - HALF - floor_b


@inline
def _bilinear(packed, fa, fb):
    byte = np.int32(255)
    bits = np.int32(packed)
    t00, t10 = np.float32(bits & byte), np.float32(bits >> np.int32(8) & byte)
    t01, t11 = np.float32(bits >> np.int32(16) & byte), np.float32(bits >> np.int32(24) & byte)
    upper = t00 + (t10 - t00) * fa
    return upper + (t01 + (t11 - t01) * fa - upper) * fb
