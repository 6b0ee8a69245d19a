"""Recognition of places: the CPU against the reference, and laws of words, matches and motions."""

import numpy as np
import pytest

from kernels.places import NUM_NODES, NUM_WORDS, consensus, match, score_places, words_of
from slam.geometry import rigid_motion, se3_exp, transform_points

from .conftest import with_both

T = se3_exp(np.array([0.4, -1.2, 0.3, 0.5, -0.9, 1.7]))


def random_bits(random: np.random.Generator, n: int) -> np.ndarray:
    return random.integers(0, 1 << 64, (n, 4), dtype=np.uint64)


def with_flips(random: np.random.Generator, descriptors: np.ndarray, num: int) -> np.ndarray:
    """Turn `num` bits of each descriptor over."""
    bits = np.unpackbits(descriptors.view(np.uint8), axis=1)
    for row in bits:
        row[random.choice(256, num, replace=False)] ^= 1
    return np.packbits(bits, axis=1).view(np.uint64)


@pytest.mark.parametrize("n", [0, 1, 7, 300])
def test_words_like_reference(n):
    random = np.random.default_rng(n)
    tree, descriptors = random_bits(random, NUM_NODES), random_bits(random, n)
    reference, cpu = with_both(lambda: words_of(descriptors, tree))
    np.testing.assert_array_equal(cpu, reference)
    assert cpu.dtype == reference.dtype == np.int32


def test_the_way_to_a_word_is_the_way_down_the_tree(backend):
    random = np.random.default_rng(1)
    tree = random_bits(random, NUM_NODES)
    leaf = 16 * (16 * 5 + 9) + 11
    path = [5, 16 + 16 * 5 + 9, 16 + 256 + leaf]
    tree[path] = tree[path[0]]  # all three agree with the descriptor in every bit
    assert words_of(tree[path[:1]].copy(), tree) == [leaf]


@pytest.mark.parametrize("sizes", [(0, 0), (0, 5), (5, 0), (1, 1), (31, 17), (80, 120)])
@pytest.mark.parametrize(("max_bits", "max_ratio"), [(64, 0.8), (256, 0.97), (256, 1.5)])
def test_matches_like_reference(sizes, max_bits, max_ratio):
    random = np.random.default_rng(sizes)
    descriptors, others = (random_bits(random, size) for size in sizes)
    some = min(sizes) // 2
    others[:some] = with_flips(random, descriptors[:some], 20)
    others[some : 2 * some] = others[:some]  # seconds as near
    reference, cpu = with_both(lambda: match(descriptors, others, max_bits, max_ratio))
    np.testing.assert_array_equal(cpu, reference)


def test_a_match_is_found_and_goes_both_ways(backend):
    random = np.random.default_rng(2)
    descriptors = random_bits(random, 40)
    order = random.permutation(40)
    others = with_flips(random, descriptors[order], 30)
    there = match(descriptors, others, 64, 0.8)
    back = match(others, descriptors, 64, 0.8)
    np.testing.assert_array_equal(order[there], np.arange(40))
    np.testing.assert_array_equal(there[back], np.arange(40))


def pairs(random: np.random.Generator, num_right: int, num_wrong: int, error_m: float):
    """Return points, and targets that the motion T takes them to; the last ones are anywhere."""
    points = random.uniform(-2, 2, (num_right + num_wrong, 3))
    targets = transform_points(T, points)
    targets[:num_right] += random.uniform(-error_m, error_m, (num_right, 3)) / np.sqrt(3)
    targets[num_right:] = random.uniform(-3, 3, (num_wrong, 3))
    return points.astype(np.float32), targets.astype(np.float32)


@pytest.mark.parametrize(("num_right", "num_wrong"), [(0, 0), (2, 0), (3, 0), (20, 30), (9, 60)])
def test_consensus_like_reference(num_right, num_wrong):
    random = np.random.default_rng(num_right)
    points, targets = pairs(random, num_right, num_wrong, 0.01)
    tolerance_m = random.uniform(0.03, 0.05, len(points)).astype(np.float32)
    reference, cpu = with_both(lambda: consensus(points, targets, tolerance_m, 200, 5))
    np.testing.assert_array_equal(cpu, reference)  # no pair is within rounding of its tolerance


@pytest.mark.parametrize("seed", range(5))
def test_consensus_finds_the_motion_of_a_third_of_the_pairs(backend, seed):
    random = np.random.default_rng(seed)
    points, targets = pairs(random, 30, 60, 0.01)
    # 0.33^3 of the samples are right: none of 300 with probability 1e-5
    agrees = consensus(points, targets, np.full(90, 0.05, np.float32), 300, seed)
    assert agrees[:30].mean() > 0.9  # the motion is that of three points 1 cm off
    T_found = rigid_motion(points[agrees], targets[agrees])
    np.testing.assert_allclose(T_found, T, atol=0.02)


def test_consensus_is_the_same_again_and_none_on_a_line(backend):
    random = np.random.default_rng(3)
    points, targets = pairs(random, 20, 20, 0.0)
    tolerance_m = np.full(40, 0.05, np.float32)
    first, again = (consensus(points, targets, tolerance_m, 100, 7) for _ in range(2))
    np.testing.assert_array_equal(first, again)
    line = np.outer(np.linspace(0, 1, 40), [1, 2, 3]).astype(np.float32)
    assert not consensus(line, line, tolerance_m, 100, 7).any()


def test_scores_like_reference():
    random = np.random.default_rng(4)
    counts = np.array([3, 0, 50, 700])
    starts = np.concatenate([[0], np.cumsum(counts)])
    words = random.integers(0, NUM_WORDS, starts[-1]).astype(np.int32)
    weights = random.random(NUM_WORDS, dtype=np.float32)
    reference, cpu = with_both(lambda: score_places(words, starts, weights))
    np.testing.assert_allclose(cpu, reference, rtol=1e-5)
    assert cpu.dtype == reference.dtype == np.float32
    assert cpu[1] == 0


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="descriptors must be uint64"):
        match(np.zeros((3, 32), np.uint8), np.zeros((3, 4), np.uint64), 64, 0.8)
    with pytest.raises(ValueError, match="targets must be float32"):
        consensus(*(np.zeros((n, 3), np.float32) for n in (4, 5)), np.zeros(4, np.float32), 10, 0)
