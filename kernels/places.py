"""Recognition of places: words of binary descriptors, matches of them, and the rigid motion that
explains most of the matches.
"""

import numpy as np

from kernels.dispatch import check_array, implementation

BRANCHES = 16  # of every node of a vocabulary's tree
LEVELS = 3
NUM_WORDS = BRANCHES**LEVELS
NUM_NODES = sum(BRANCHES**level for level in range(1, LEVELS + 1))
WORDS_64 = 4  # of 64 bits in a descriptor


def words_of(descriptors: np.ndarray, tree: np.ndarray) -> np.ndarray:
    """Return the word of each descriptor, int32 (n,) in 0 .. NUM_WORDS - 1.

    `descriptors` is uint64 (n, 4). `tree` is uint64 (NUM_NODES, 4): the centres of the first level,
    then those of the second, and so on; node k of a level has the children 16 k .. 16 k + 15 of the
    next. From the root, each step goes to the child with the fewest differing bits, the first of
    those that are equally near; the place among the nodes of the last level is the word.
    """
    check_array("descriptors", descriptors, "uint64", (None, WORDS_64))
    check_array("tree", tree, "uint64", (NUM_NODES, WORDS_64))
    return implementation("places", descriptors).words_of(descriptors, tree)


def match(
    descriptors: np.ndarray, others: np.ndarray, max_bits: int, max_ratio: float
) -> np.ndarray:
    """Return which of the others each descriptor matches, int32 (n,), -1 for none.

    Both are uint64 (n, 4). A match is the nearest of the others, the first of equals, with at most
    `max_bits` differing bits and less than `max_ratio` times as many as the second nearest has; and
    this descriptor is the nearest to it, again the first of equals. So no two match the same.
    """
    check_array("descriptors", descriptors, "uint64", (None, WORDS_64))
    check_array("others", others, "uint64", (None, WORDS_64))
    return implementation("places", descriptors).match(descriptors, others, max_bits, max_ratio)


def consensus(
    points: np.ndarray, targets: np.ndarray, tolerance_m: np.ndarray, num_samples: int, seed: int
) -> np.ndarray:
    """Return which pairs agree with the rigid motion that most agree with (RANSAC, Fischler and
    Bolles 1981), bool (n,); none where no motion was found.

    `points` and `targets` are float32 (n, 3), `tolerance_m` float32 (n,). A sample is three pairs,
    drawn by splitmix64 from `seed`. It is used where each side of its two triangles is as long as
    the other's within the tolerances of its ends, and neither triangle is flat; its motion takes
    the triangles' frames, first side and plane, and centres onto each other. A pair agrees whose
    point then lies within its tolerance of its target. Of equally good samples the first counts.
    """
    check_array("points", points, "float32", (None, 3))
    check_array("targets", targets, "float32", (len(points), 3))
    check_array("tolerance_m", tolerance_m, "float32", (len(points),))
    return implementation("places", points).consensus(
        points, targets, tolerance_m, num_samples, seed
    )


def score_places(words: np.ndarray, starts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return how much of a query's words each place has, float32 (k,).

    `words` is int32 (n,), those of place k from `starts[k]` up to `starts[k + 1]`, int64 (k + 1,).
    `weights` is float32 (NUM_WORDS,), 0 for words that the query has not. A score is the sum of the
    weights of a place's words over the square root of their number.
    """
    check_array("words", words, "int32", (None,))
    check_array("starts", starts, "int64", (None,))
    check_array("weights", weights, "float32", (NUM_WORDS,))
    return implementation("places", words).score_places(words, starts, weights)
