"""The Gauss-Newton step in numba; contract in `kernels.solve`.

For so small matrices each call of NumPy costs more than what it computes.
"""

import numpy as np

from kernels.cpu.compile import kernel
from kernels.solve import Step

TINY = 1e-300


def solve(geometric, photometric, lever_m, weighting, max_uncertainty_m):
    twist, uncertainty_m, conditioning = _solve(
        geometric.H,
        geometric.b,
        _factor(geometric, weighting.geometric_share),
        photometric.H,
        photometric.b,
        _factor(photometric, weighting.photometric_share),
        float(lever_m),
        float(weighting.normal_variance),
        float(max_uncertainty_m),
    )
    return Step(twist, uncertainty_m, conditioning)


def _factor(equations, share):
    """Return the share that counts over the variance that the residuals really have."""
    if equations.count == 0:
        return 0.0
    return float(share / max(equations.squared_error / max(equations.weight, 1e-9), 1.0))


@kernel
def _solve(
    H_geometric, b_geometric, geometric, H_photometric, b_photometric, photometric, lever_m,
    noise_floor, max_uncertainty_m,
):  # fmt: skip
    scale = np.ones(6)
    scale[3:] = 1.0 / lever_m
    H, b = np.empty((6, 6)), np.empty(6)
    for i in range(6):
        b[i] = b_geometric[i] * scale[i] * geometric
        for j in range(6):
            H[i, j] = H_geometric[i, j] * scale[i] * scale[j] * geometric

    # what noise alone seems to tell is taken off each direction
    values, vectors = np.linalg.eigh(H)
    largest = max(values[5], TINY)
    conditioning = max(values[0], 0.0) / largest
    kept = np.maximum(1.0 - noise_floor * largest / np.maximum(values, TINY), 0.0)
    _put_together(vectors, kept * values, kept, b, H)

    # both together
    for i in range(6):
        b[i] += b_photometric[i] * scale[i] * photometric
        for j in range(6):
            H[i, j] += H_photometric[i, j] * scale[i] * scale[j] * photometric
    values, vectors = np.linalg.eigh(H)
    certain = 1.0 / max_uncertainty_m**2
    inverses = np.where(values > certain, -1.0 / np.maximum(values, TINY), 0.0)
    _put_together(vectors, values, inverses, b, H)
    return b * scale, max(values[0], 1e-12) ** -0.5, conditioning


@kernel
def _put_together(vectors, values, shares, b, H):
    """Make H of eigenvectors and values, and scale the component of b along each by its share."""
    along = np.zeros(6)
    for m in range(6):
        for i in range(6):
            along[m] += vectors[i, m] * b[i]
    for i in range(6):
        b[i] = 0.0
        for m in range(6):
            b[i] += vectors[i, m] * shares[m] * along[m]
        for j in range(6):
            H[i, j] = 0.0
            for m in range(6):
                H[i, j] += vectors[i, m] * values[m] * vectors[j, m]
