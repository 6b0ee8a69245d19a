"""Unobserved space: the coarse level continued beyond what the rays have reached.

What the rays taught is bent as little as possible on the way on (a thin plate: the sum of squared
second differences is smallest), so walls, floors and ceilings go on as planes. NICE-SLAM leaves the
features there as they were initialised.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64
from scipy import ndimage, sparse
from scipy.sparse.linalg import cg

from kernels.bfloat16 import narrowed, widened
from kernels.field import NUM_FEATURES, Level

REACH = 1  # vertices beyond the last one that rays have taught
STIFFNESS = 0.004  # of the plate, against moving a taught vertex
MAX_ITERATIONS = 2000


@dataclass(frozen=True)
class _Box:
    """The vertices of a level's blocks in one dense box."""

    shape: tuple[int, int, int]
    at: Int64[np.ndarray, "n 512"]  # flat index of each vertex of each block


def continued(level: Level) -> tuple[Level, Bool[np.ndarray, "n 512"]]:
    """Return a copy of a level with its features continued, and which vertices are then known."""
    count = int(level.blocks.num_blocks[0])
    box = _box(level.blocks.coords[:count])
    sums = np.zeros(box.shape)
    sums.ravel()[box.at] = 2.0 * np.sqrt(widened(level.sums[:count]))
    taught = sums > 0
    if not taught.any():
        return level, np.zeros(box.at.shape, dtype=bool)
    known = ndimage.binary_dilation(taught, iterations=REACH)
    features = np.zeros((taught.size, NUM_FEATURES))
    features[box.at] = widened(level.features[:count])
    bent = narrowed(_plate(features, sums, known)[box.at])
    return level._replace(features=bent), known.ravel()[box.at]


def _box(coords: np.ndarray) -> _Box:
    low, high = coords.min(axis=0) * 8, coords.max(axis=0) * 8 + 8
    shape = tuple((high - low).tolist())
    offsets = np.stack(np.unravel_index(np.arange(512), (8, 8, 8)), axis=-1)
    vertices = coords[:, None].astype(np.int64) * 8 + offsets - low
    at = np.ravel_multi_index(tuple(np.moveaxis(vertices, -1, 0)), shape)
    return _Box(shape, np.asarray(at, dtype=np.int64))


def _plate(
    features: np.ndarray, sums: Float64[np.ndarray, "x y z"], known: Bool[np.ndarray, "x y z"]
) -> Float32[np.ndarray, "n 4"]:
    """Fit a thin plate to the taught vertices over the known ones; the others keep their values."""
    number = np.full(known.shape, -1, dtype=np.int64)
    number[known] = np.arange(known.sum())
    bending = sparse.vstack(
        [_second_differences(number, a, b) for a in range(3) for b in range(a, 3)]
    )
    # a vertex that rays have pulled at little is worth little
    weight = sums[known] / (sums[known] + np.median(sums[sums > 0]))
    matrix = sparse.diags(weight + 1e-6) + STIFFNESS * (bending.T @ bending)
    result = features.astype(np.float32)
    rows = known.ravel()
    for q in range(NUM_FEATURES):
        data = features[rows, q]
        solution, _ = cg(matrix, weight * data, x0=data, rtol=1e-6, maxiter=MAX_ITERATIONS)
        result[rows, q] = solution
    return result


def _second_differences(number: Int64[np.ndarray, "x y z"], a: int, b: int) -> sparse.csr_matrix:
    """Return the rows of d2/da db wherever all vertices they need are numbered."""
    step_a, step_b = np.eye(3, dtype=int)[[a, b]]
    if a == b:
        taps = [(0 * step_a, 1.0), (step_a, -2.0), (2 * step_a, 1.0)]
    else:  # the mixed derivative counts twice in the plate's energy
        r = np.sqrt(2.0)
        taps = [(0 * step_a, r), (step_a, -r), (step_b, -r), (step_a + step_b, r)]
    reach = np.max([shift for shift, _ in taps], axis=0)
    shape = np.array(number.shape) - reach
    columns = []
    for shift, _ in taps:
        part = tuple(slice(s, s + n) for s, n in zip(shift, shape, strict=True))
        columns.append(number[part].ravel())
    columns = np.stack(columns, axis=1)
    columns = columns[(columns >= 0).all(axis=1)]
    values = np.tile([value for _, value in taps], (len(columns), 1))
    rows = np.repeat(np.arange(len(columns)), len(taps))
    size = (len(columns), int(number.max()) + 1)
    return sparse.csr_matrix((values.ravel(), (rows, columns.ravel())), shape=size)
