"""Where rays enter the solids of an analytic scene; contracts in `kernels.scene`.

Each function draws a row of pixels of one solid into the nearest depths and solids so far.
"""

import numpy as np

from kernels.cpu.compile import kernel
from kernels.scalar.compile import inline
from kernels.scene import NEAR_M

ZERO, ONE = np.float32(0.0), np.float32(1.0)
NEAR, TINY = np.float32(NEAR_M), np.float32(1e-9)


@inline
def solid_values(r):
    """Return a row of solids as a tuple: no loop's results can overwrite it, so loops vectorise."""
    return (
        r[0],
        r[1],
        r[2],
        r[3],
        r[4],
        r[5],
        r[6],
        r[7],
        r[8],
        r[9],
        r[10],
        r[11],
        r[12],
        r[13],
        r[14],
        r[15],
        r[16],
    )


@inline
def view_values(r):
    """Return a view as a tuple, for the same reason."""
    return (
        r[0],
        r[1],
        r[2],
        r[3],
        r[4],
        r[5],
        r[6],
        r[7],
        r[8],
        r[9],
        r[10],
        r[11],
        r[12],
        r[13],
        r[14],
    )


@inline
def _slab(half, origin, direction):
    d = direction if abs(direction) > TINY else TINY
    inverse = ONE / d
    t1, t2 = (-half - origin) * inverse, (half - origin) * inverse
    return min(t1, t2), max(t1, t2)


@kernel
def enter_box(view, s, i, u0, u1, v, first_u, row, ids):
    """Draw pixels u0..u1 of row v; `row` and `ids` start at pixel first_u."""
    fv = np.float32(v)
    for u in range(u0, u1):
        fu = np.float32(u)
        in_x, out_x = _slab(s[3], view[0], view[3] + fu * view[6] + fv * view[9])
        in_y, out_y = _slab(s[4], view[1], view[4] + fu * view[7] + fv * view[10])
        in_z, out_z = _slab(s[5], view[2], view[5] + fu * view[8] + fv * view[11])
        entry, leave = max(in_x, in_y, in_z), min(out_x, out_y, out_z)
        is_nearest = (entry <= leave) & (entry > NEAR) & (entry < row[u - first_u])
        row[u - first_u] = entry if is_nearest else row[u - first_u]
        ids[u - first_u] = i if is_nearest else ids[u - first_u]


@kernel
def enter_cylinder(view, s, i, u0, u1, v, first_u, row, ids):
    fv = np.float32(v)
    for u in range(u0, u1):
        fu = np.float32(u)
        dx = view[3] + fu * view[6] + fv * view[9]
        dy = view[4] + fu * view[7] + fv * view[10]
        a = max(dx * dx + dy * dy, np.float32(1e-12))
        middle = -(dx * view[0] + dy * view[1]) / a
        x, y = view[0] + middle * dx, view[1] + middle * dy
        margin = s[3] * s[3] - x * x - y * y
        half_chord = np.sqrt(max(margin, ZERO) / a)
        in_z, out_z = _slab(s[5], view[2], view[5] + fu * view[8] + fv * view[11])
        entry, leave = max(middle - half_chord, in_z), min(middle + half_chord, out_z)
        is_nearest = (
            (margin > ZERO) & (entry <= leave) & (entry > NEAR) & (entry < row[u - first_u])
        )
        row[u - first_u] = entry if is_nearest else row[u - first_u]
        ids[u - first_u] = i if is_nearest else ids[u - first_u]


@kernel
def enter_sphere(view, s, i, u0, u1, v, first_u, row, ids):
    fv = np.float32(v)
    for u in range(u0, u1):
        fu = np.float32(u)
        dx = view[3] + fu * view[6] + fv * view[9]
        dy = view[4] + fu * view[7] + fv * view[10]
        dz = view[5] + fu * view[8] + fv * view[11]
        a = dx * dx + dy * dy + dz * dz
        middle = -(dx * view[0] + dy * view[1] + dz * view[2]) / a
        x, y, z = view[0] + middle * dx, view[1] + middle * dy, view[2] + middle * dz
        margin = s[3] * s[3] - x * x - y * y - z * z
        entry = middle - np.sqrt(max(margin, ZERO) / a)
        is_nearest = (margin > ZERO) & (entry > NEAR) & (entry < row[u - first_u])
        row[u - first_u] = entry if is_nearest else row[u - first_u]
        ids[u - first_u] = i if is_nearest else ids[u - first_u]
