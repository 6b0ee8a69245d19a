"""Recognition of places in plain numpy, float64: the definition."""

from itertools import pairwise

import numpy as np

from kernels.places import BRANCHES, LEVELS
from kernels.reference.rays import random_numbers

MIN_SINE = 0.1  # between two sides of a triangle; flatter ones say nothing of a turn
NONE_BITS = 1 << 20  # of a second nearest that is not there


def words_of(descriptors: np.ndarray, tree: np.ndarray) -> np.ndarray:
    words = np.zeros(len(descriptors), np.int32)
    for i, descriptor in enumerate(descriptors):
        node, first = 0, 0  # within its level; where that level starts in the tree
        for level in range(1, LEVELS + 1):
            children = tree[first + BRANCHES * node : first + BRANCHES * (node + 1)]
            node = BRANCHES * node + int(np.argmin(num_bits(children, descriptor)))
            first += BRANCHES**level
        words[i] = node
    return words


def num_bits(descriptors: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return how many bits of each descriptor differ from another one's."""
    return np.unpackbits((descriptors ^ other).view(np.uint8), axis=-1).sum(axis=-1)


def match(
    descriptors: np.ndarray, others: np.ndarray, max_bits: int, max_ratio: float
) -> np.ndarray:
    matches = np.full(len(descriptors), -1, np.int32)
    if len(descriptors) == 0 or len(others) == 0:
        return matches
    bits = np.array([num_bits(others, descriptor) for descriptor in descriptors])
    nearest = bits.argmin(axis=0)  # of the descriptors, to each of the others
    for i, row in enumerate(bits):
        j = int(row.argmin())
        second = np.delete(row, j).min(initial=NONE_BITS)
        is_distinct = row[j] <= max_bits and row[j] < np.float32(max_ratio) * second
        if is_distinct and nearest[j] == i:
            matches[i] = j
    return matches


def consensus(
    points: np.ndarray, targets: np.ndarray, tolerance_m: np.ndarray, num_samples: int, seed: int
) -> np.ndarray:
    n = len(points)
    best = np.zeros(n, bool)
    if n < 3:
        return best
    samples = (random_numbers(seed, (num_samples, 3)) * np.float32(n)).astype(int)
    for sample in samples:
        motion = motion_of_triangle(points[sample], targets[sample], tolerance_m[sample])
        if len(set(sample)) < 3 or motion is None:
            continue
        R, t = motion
        agrees = np.linalg.norm(points @ R.T + t - targets, axis=1) < tolerance_m
        if agrees.sum() > best.sum():
            best = agrees
    return best


def motion_of_triangle(
    points: np.ndarray, targets: np.ndarray, tolerance_m: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return rotation and translation; None where the triangles differ or are flat."""
    triangles = points.astype(np.float64), targets.astype(np.float64)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        lengths = [np.linalg.norm(triangle[j] - triangle[i]) for triangle in triangles]
        if abs(lengths[0] - lengths[1]) >= tolerance_m[i] + tolerance_m[j]:
            return None
    frames = [frame_of(triangle) for triangle in triangles]
    if frames[0] is None or frames[1] is None:
        return None
    R = frames[1].T @ frames[0]
    return R, triangles[1].mean(axis=0) - R @ triangles[0].mean(axis=0)


def frame_of(triangle: np.ndarray) -> np.ndarray | None:
    """Return the axes of a triangle as rows: along its first side, its normal, and across."""
    a, b = triangle[1] - triangle[0], triangle[2] - triangle[0]
    normal = np.cross(a, b)
    area = np.linalg.norm(normal)
    if area <= MIN_SINE * np.linalg.norm(a) * np.linalg.norm(b):
        return None
    a, normal = a / np.linalg.norm(a), normal / area
    return np.stack([a, normal, np.cross(normal, a)])


def score_places(words: np.ndarray, starts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    places = [words[first:end] for first, end in pairwise(starts)]
    scores = [weights[place].sum() / np.sqrt(max(len(place), 1)) for place in places]
    return np.array(scores, np.float32)
