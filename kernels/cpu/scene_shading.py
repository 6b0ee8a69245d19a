"""The colours of an analytic scene's surface; contracts in `kernels.scene`.

Pixels are shaded in runs that see the same solid, in flat passes that vectorise: where in its texture each looks, the
samples, the colours.
"""

import numpy as np

from kernels.cpu.compile import inline, kernel
from kernels.scene import AMBIENT, BOX, CYLINDER, DIFFUSE, NUM_LEVELS, TEXTURE_SIZE

ZERO, HALF, ONE, TWO = np.float32(0.0), np.float32(0.5), np.float32(1.0), np.float32(2.0)
AMBIENT_F, DIFFUSE_F = np.float32(AMBIENT), np.float32(DIFFUSE)
MIN_COSINE, MAX_RATIO = np.float32(0.1), np.float32(2.0 ** (NUM_LEVELS - 2))
SIZES = np.array([TEXTURE_SIZE >> level for level in range(NUM_LEVELS)], np.int32)
FIRSTS = np.array([4 * (TEXTURE_SIZE**2 - size**2) // 3 for size in SIZES.tolist()], np.int32)
SCALES = np.array([0.5**level for level in range(NUM_LEVELS)], np.float32)


@kernel
def shade_run(kind, solid, view, texture, fx, v, first_u, depths, rgbs, scratch):
    """Write the colours of a row's pixels from (first_u, v) on, which all see `solid`; scratch is float32 (4, n)."""
    s = solid_values(solid)
    if kind == BOX:
        _look_at_box(s, view, fx, v, first_u, depths, scratch)
    elif kind == CYLINDER:
        _look_at_cylinder(s, view, fx, v, first_u, depths, scratch)
    else:
        _look_at_sphere(s, view, fx, v, first_u, depths, scratch)
    _sample(texture, len(depths), scratch)
    for k in range(len(depths)):
        blend, lambert = scratch[0, k], scratch[3, k]
        rgbs[k, 0] = _byte((s[8] + (s[11] - s[8]) * blend) * lambert)
        rgbs[k, 1] = _byte((s[9] + (s[12] - s[9]) * blend) * lambert)
        rgbs[k, 2] = _byte((s[10] + (s[13] - s[10]) * blend) * lambert)


@inline
def _byte(value):
    return np.uint8(np.int32(min(max(value + HALF, ZERO), np.float32(255.0))))


@inline
def solid_values(r):
    """Return a row of solids as a tuple: the compiler need not fear that a loop's results overwrite it."""
    return (r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15], r[16])


@inline
def view_values(r):
    """Return a view as a tuple, for the same reason."""
    return (r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14])


@inline
def _look(s, view, fx, depth, direction, point, normal, k, scratch):
    """Note a pixel's place in the texture (rows 0 and 1), its footprint in texels (2) and its brightness (3)."""
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
def _sample(texture, num, scratch):
    """Replace the places in row 0 by the texture's values in 0..1 there."""
    for k in range(num):
        ratio = min(max(scratch[2, k], ONE), MAX_RATIO)
        level = (ratio.view(np.int32) >> np.int32(23)) - np.int32(127)  # the float's exponent
        rest = ratio * SCALES[level] - ONE
        fine = _bilinear(texture, scratch[0, k], scratch[1, k], level)
        coarse = _bilinear(texture, scratch[0, k], scratch[1, k], level + np.int32(1))
        scratch[0, k] = (fine + (coarse - fine) * rest) * np.float32(1.0 / 255.0)


@inline
def _bilinear(texture, a, b, level):
    size, first, scale = SIZES[level], FIRSTS[level], SCALES[level]
    a = (a + HALF) * scale - HALF
    b = (b + HALF) * scale - HALF
    floor_a, floor_b = np.floor(a), np.floor(b)
    fa, fb = a - floor_a, b - floor_b
    mask = size - np.int32(1)
    u, v = np.int32(floor_a) & mask, np.int32(floor_b) & mask
    packed = texture[np.uint32(first + v * size + u)]
    byte = np.uint32(255)
    t00, t10 = np.float32(packed & byte), np.float32(packed >> np.uint32(8) & byte)
    t01, t11 = np.float32(packed >> np.uint32(16) & byte), np.float32(packed >> np.uint32(24))
    upper = t00 + (t10 - t00) * fa
    return upper + (t01 + (t11 - t01) * fa - upper) * fb
