"""What was taught goes on, as a plane does."""

import numpy as np
import pytest

from kernels import blocks as block_ops
from kernels import field as field_ops
from kernels.bfloat16 import narrowed, widened
from kernels.field import Level
from slam.maps.neural.prediction import REACH, continued

SPACING_M = 0.48
OFFSETS = np.stack(np.unravel_index(np.arange(512), (8, 8, 8)), axis=-1)
BLOCKS = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)], np.int32)
GRADIENT = np.array([[0.3, -0.2, 0.5], [0.0, 0.4, 0.1], [1.0, 0.0, 0.0], [0.0, 0.0, -0.6]])
CONSTANT = np.array([1.0, -2.0, 0.0, 0.5])


def vertices() -> np.ndarray:
    return BLOCKS[:, None] * 8 + OFFSETS  # (n, 512, 3)


def plane() -> np.ndarray:
    """Features that are linear in the place, (n, 512, 4)."""
    return vertices() @ GRADIENT.T + CONSTANT


def level(features, is_taught) -> Level:
    index = block_ops.new_index(16)
    block_ops.insert_blocks(index, BLOCKS)
    stored, sums = field_ops.new_vertices(16)
    n = len(BLOCKS)
    stored[:n] = narrowed(np.where(is_taught, features, 0.0))
    sums[:n] = narrowed(is_taught[..., 0])
    return Level(index, stored, sums, np.float32(SPACING_M))


def features_of(level) -> np.ndarray:
    return widened(level.features[: len(BLOCKS)])


def corner(low, high) -> np.ndarray:
    """Vertices of a box, (n, 512, 1)."""
    return ((vertices() >= low) & (vertices() <= high)).all(axis=2)[..., None]


def steps_from(low, high) -> np.ndarray:
    """How many vertices away from a box, along the axes."""
    away = np.maximum(np.maximum(low - vertices(), vertices() - high), 0)
    return away.sum(axis=2)


@pytest.mark.parametrize(
    ("low", "high"), [((2, 2, 2), (7, 7, 5)), ((5, 4, 1), (10, 12, 6)), ((0, 0, 0), (15, 3, 7))]
)
def test_a_plane_goes_on_as_a_plane(low, high):
    """Its second differences are zero, and so is the plate's energy: nothing fits better."""
    before = level(plane(), corner(low, high))
    after, known = continued(before)
    np.testing.assert_array_equal(known, steps_from(low, high) <= REACH)
    # numbers have 8 bits before and after; each vertex on the way may double that
    scale = np.abs(plane()).max()
    np.testing.assert_allclose(
        features_of(after)[known], plane()[known], atol=2**-8 * 2**REACH * scale
    )


def test_only_known_vertices_are_changed():
    before = level(plane(), corner((2, 2, 2), (4, 5, 4)))
    old = before.features.copy()
    after, known = continued(before)
    np.testing.assert_array_equal(before.features, old)  # a copy is returned
    np.testing.assert_array_equal(features_of(after)[~known], 0.0)
    np.testing.assert_array_equal(after.sums, before.sums)


def test_what_was_taught_stays_about_as_it_was():
    """Also where it bends: the plate is soft against the taught vertices."""
    bent = np.abs(vertices()[..., :1] - 4.0) * np.ones(4)
    is_taught = corner((1, 1, 1), (7, 7, 6))
    after, _ = continued(level(bent, is_taught))
    error = np.abs(features_of(after) - bent)[is_taught[..., 0]]
    assert np.median(error) < 0.1
    assert error.max() < 1.0  # at the fold: less than one vertex's step


def test_where_nothing_was_taught_nothing_is_known():
    before = level(plane(), np.zeros((len(BLOCKS), 512, 1), bool))
    after, known = continued(before)
    assert not known.any()
    np.testing.assert_array_equal(features_of(after), 0.0)
