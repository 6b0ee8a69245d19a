"""Judging readings: laws that hold whatever the network's weights are, and what each one does."""

import itertools

import numpy as np
import pytest

from kernels.judge import (
    HALF,
    NETWORK_SIZE,
    NUM_FEATURES,
    NUM_HIDDEN,
    RANKS,
    REACH,
    RINGS_PX,
    judged_depth,
)
from kernels.reference.judge import look
from kernels.scalar.judge import sorted8
from slam.geometry import se3_exp

from .conftest import NOISE, SMALL_CAMERA, plane_view

NUM_RING = 4 + len(RANKS) + 1
PAIRS = [*range(4), *range(NUM_RING, NUM_RING + 4)]
LAST = NUM_HIDDEN * (NUM_FEATURES + 1)
OUTPUT = NUM_HIDDEN + 1  # numbers of one output


def random_network(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=NETWORK_SIZE).astype(np.float32)


def constant_network(trust: float, near_gain: float, far_gain: float) -> np.ndarray:
    network = np.zeros(NETWORK_SIZE, np.float32)
    network[LAST + NUM_HIDDEN :: OUTPUT] = trust, near_gain, far_gain
    return network


def random_depth(seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    v, u = np.mgrid[:40, :50]
    depth_m = 1.5 + 0.01 * u + 0.005 * v + 0.8 * (u > 30) + 0.002 * random.normal(size=v.shape)
    depth_m[random.random(v.shape) < 0.1] = 0.0
    depth_m[random.random(v.shape) < 0.1] *= 1.5
    return depth_m.astype(np.float32)


def assert_mostly_close(found: np.ndarray, expected: np.ndarray) -> None:
    """But for readings whose trust is within rounding of 0."""
    assert (np.abs(found - expected) < 1e-5).mean() > 0.998


def test_the_sorting_network_sorts():
    """One that sorts all sequences of zeros and ones sorts everything (Knuth's 0-1 principle)."""
    for bits in itertools.product((0.0, 1.0), repeat=8):
        assert list(sorted8.py_func(*bits)) == sorted(bits)


@pytest.mark.parametrize("feature", range(NUM_FEATURES))
def test_each_weight_is_where_the_contract_says(feature: int, backend: str):
    """A hidden unit lets one feature through, and what exceeds a threshold is not believed."""
    depth_m, unit = random_depth(), feature % NUM_HIDDEN
    own = look(depth_m, NOISE).features[..., feature]
    threshold = float(np.median(own[depth_m > 0])) + 0.01
    network = constant_network(0.0, 0.0, 0.0)
    network[unit * (NUM_FEATURES + 1) + feature] = 2.0
    network[unit * (NUM_FEATURES + 1) + NUM_FEATURES] = 0.25
    network[LAST + unit] = -3.0
    network[LAST + NUM_HIDDEN] = 3.0 * (2.0 * threshold + 0.25)
    found = judged_depth(depth_m, NOISE, network)
    assert_mostly_close(found, np.where(own < threshold, depth_m, 0.0))


@pytest.mark.parametrize("turned", [np.fliplr, np.flipud, np.transpose])
def test_a_turned_image_is_judged_alike(turned, backend: str):
    depth_m, network = random_depth(), random_network()
    expected = turned(judged_depth(depth_m, NOISE, network))
    assert 0.05 < (expected > 0).mean() < 0.85
    assert_mostly_close(
        judged_depth(np.ascontiguousarray(turned(depth_m)), NOISE, network), expected
    )


def test_a_room_twice_as_large_is_judged_alike(backend: str):
    """With sigma(2 z) = 2 sigma(z)."""
    depth_m, network = random_depth(), random_network()
    noise = NOISE * np.array([2.0, 1.0, 0.5], np.float32)
    found = judged_depth(2 * depth_m, noise, network)
    assert_mostly_close(found, 2 * judged_depth(depth_m, NOISE, network))


def test_a_plane_stays_as_it_is_however_it_is_seen(backend: str):
    """Inverse depth is linear on it: 24 bits of it are less than a thousandth of the noise."""
    view = plane_view(
        SMALL_CAMERA, se3_exp(np.array([0, 0, 0, 0.5, -0.4, 0.2])), np.array([0, 0, 1.0]), 1.3
    )
    assert (view.depth_m > 0).all()
    margin = max(RINGS_PX)
    inner = (slice(margin, -margin),) * 2
    assert look(view.depth_m, NOISE).features[inner][..., PAIRS].max() < 1e-3 / HALF
    drawn = judged_depth(view.depth_m, NOISE, constant_network(1.0, 1.0, 1.0))
    np.testing.assert_allclose(drawn, view.depth_m, rtol=1e-6)


@pytest.mark.parametrize("gains", [(1.0, 0.0), (0.0, 1.0), (0.7, 0.7)])
def test_noise_on_a_plane_is_averaged(gains: tuple[float, float], backend: str):
    """With weight 1 for itself and 2 g for pairs, whose means vary half as much."""
    random = np.random.default_rng(0)
    noise = np.array([0.002, 0.0, 0.0], np.float32)
    depth_m = (2.0 + 0.001 * random.normal(size=(200, 300))).astype(np.float32)
    found = judged_depth(depth_m, noise, constant_network(1.0, *gains))
    # their differences are half of sigma: the pairs weigh nearly all they can
    weights = 2 * np.repeat(gains, 4)
    expected = 0.001 * np.sqrt(1 + (weights**2 / 2).sum()) / (1 + weights.sum())
    assert found[8:-8, 8:-8].std() == pytest.approx(expected, rel=0.1)


def test_what_lies_beyond_the_reach_draws_nothing(backend: str):
    depth_m = np.full((21, 21), 2.0, np.float32)
    sigma_m = float(NOISE @ [1, 2, 4])
    depth_m[10, 10] += 1.1 * float(REACH) * sigma_m
    found = judged_depth(depth_m, NOISE, constant_network(1.0, 1.0, 1.0))
    np.testing.assert_allclose(found[10, 10], depth_m[10, 10], rtol=1e-6)


def test_an_error_shows_in_its_own_features_in_standard_deviations():
    depth_m = np.full((21, 21), 2.0, np.float32)
    depth_m[10, 10] += 12 * float(NOISE @ [1, 2, 4])
    own = look(depth_m, NOISE).features[10, 10, PAIRS]
    sigmas = own * HALF / (1 - own)
    np.testing.assert_allclose(sigmas, 12, rtol=0.1)  # sigma is that at the reading itself


def test_missing_readings_stay_missing(backend: str):
    depth_m = np.zeros((21, 21), np.float32)
    depth_m[10, 10] = 1.0
    np.testing.assert_allclose(look(depth_m, NOISE).features[10, 10, :-1], 1.0, atol=1e-5)
    found = judged_depth(depth_m, NOISE, constant_network(1.0, 1.0, 1.0))
    np.testing.assert_allclose(found, depth_m, rtol=1e-6)


def test_a_sensor_that_knows_nothing_leaves_depth_positive(backend: str):
    depth_m = random_depth()
    noise = np.array([0.0, 5.0, 0.0], np.float32)
    found = judged_depth(depth_m, noise, constant_network(1.0, 9.0, 9.0))
    assert ((found > 0) == (depth_m > 0)).all()


def test_the_network_must_have_its_size():
    with pytest.raises(ValueError, match="network"):
        judged_depth(random_depth(), NOISE, np.zeros(NETWORK_SIZE - 1, np.float32))
