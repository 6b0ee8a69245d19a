"""The rigid motion that takes one triangle onto another."""

import numpy as np

from kernels.scalar.compile import subroutine

MIN_SINE = np.float32(0.1)  # between two sides of a triangle; flatter ones say nothing of a turn


@subroutine
def motion_of_triangle(points, targets, tolerance_m, i, j, k, motion):
    """Write rotation (row by row) and translation into `motion`; False where the triangles differ
    or are flat.
    """
    sides = np.empty((2, 3, 3), np.float32)  # of each triangle: i to j, i to k, j to k
    lengths = np.empty((2, 3), np.float32)
    for t in range(2):
        of = points if t == 0 else targets
        for d in range(3):
            sides[t, 0, d] = of[j, d] - of[i, d]
            sides[t, 1, d] = of[k, d] - of[i, d]
            sides[t, 2, d] = of[k, d] - of[j, d]
        for s in range(3):
            x, y, z = sides[t, s, 0], sides[t, s, 1], sides[t, s, 2]
            lengths[t, s] = np.sqrt(x * x + y * y + z * z)
    fits = abs(lengths[0, 0] - lengths[1, 0]) < tolerance_m[i] + tolerance_m[j]
    fits &= abs(lengths[0, 1] - lengths[1, 1]) < tolerance_m[i] + tolerance_m[k]
    fits &= abs(lengths[0, 2] - lengths[1, 2]) < tolerance_m[j] + tolerance_m[k]
    if not fits:
        return False
    axes = np.empty((2, 3, 3), np.float32)  # of each triangle's frame
    for t in range(2):
        ax, ay, az = sides[t, 0, 0], sides[t, 0, 1], sides[t, 0, 2]
        bx, by, bz = sides[t, 1, 0], sides[t, 1, 1], sides[t, 1, 2]
        nx, ny, nz = ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx
        area = np.sqrt(nx * nx + ny * ny + nz * nz)
        if area <= MIN_SINE * lengths[t, 0] * lengths[t, 1]:
            return False
        ax, ay, az = ax / lengths[t, 0], ay / lengths[t, 0], az / lengths[t, 0]
        nx, ny, nz = nx / area, ny / area, nz / area
        axes[t, 0, 0], axes[t, 0, 1], axes[t, 0, 2] = ax, ay, az
        axes[t, 1, 0], axes[t, 1, 1], axes[t, 1, 2] = nx, ny, nz
        axes[t, 2, 0] = ny * az - nz * ay
        axes[t, 2, 1] = nz * ax - nx * az
        axes[t, 2, 2] = nx * ay - ny * ax
    for r in range(3):
        for c in range(3):
            motion[3 * r + c] = (
                axes[1, 0, r] * axes[0, 0, c]
                + axes[1, 1, r] * axes[0, 1, c]
                + axes[1, 2, r] * axes[0, 2, c]
            )
    for r in range(3):
        target = (targets[i, r] + targets[j, r] + targets[k, r]) / np.float32(3.0)
        for c in range(3):
            centre = (points[i, c] + points[j, c] + points[k, c]) / np.float32(3.0)
            target -= motion[3 * r + c] * centre
        motion[9 + r] = target
    return True
