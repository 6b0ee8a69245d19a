"""Voices of tiles: most of the surface decides, whatever the rest weighs in a sum of squares."""

import numpy as np
import pytest

from slam.tracking.tiles import BETTER, NUM_TILES, Voices


def voices_of(twists, weight, stiffness):
    """Return voices each of which has its minimum, of no energy, at its own motion."""
    rng = np.random.default_rng(0)
    rows = rng.normal(0, 1, (NUM_TILES, 12, 6)) * np.sqrt(stiffness)[:, None, None]
    H = rows.transpose(0, 2, 1) @ rows
    b = -(H @ twists[:, :, None])[..., 0]
    c = -(b * twists).sum(axis=1)
    nothing = np.zeros(NUM_TILES)
    return Voices(H, b, c, nothing, nothing, weight)


@pytest.mark.parametrize("seed", range(5))
def test_the_larger_part_is_agreed_with_though_the_smaller_pulls_more(seed):
    rng = np.random.default_rng(seed)
    is_mover = np.zeros(NUM_TILES, dtype=bool)
    is_mover.reshape(6, 8)[1:6, 2:5] = True
    twist_room, twist_mover = rng.normal(0, 0.01, (2, 6))
    twists = np.where(is_mover[:, None], twist_mover, twist_room)
    stiffness = np.where(is_mover, 3e6, 3e5)
    found = voices_of(twists, np.ones(NUM_TILES), stiffness)
    squares = np.linalg.solve(found.H.sum(axis=0), -found.b.sum(axis=0))
    assert np.linalg.norm(squares - twist_mover) < np.linalg.norm(squares - twist_room)
    twist, share = found.consensus(twist_mover[None])
    np.testing.assert_allclose(twist, twist_room, atol=2e-4)
    assert share == pytest.approx(is_mover.mean(), abs=0.01)
    np.testing.assert_allclose(found.shares(twist_mover[None]), 1 - is_mover.mean(), atol=0.01)


def test_surface_counts_by_its_weight():
    is_mover = np.arange(NUM_TILES) % 8 < 5  # most of the tiles, but near
    twists = np.where(is_mover[:, None], 0.01, -0.01) * np.ones(6)
    weight = np.where(is_mover, 0.2, 2.0)
    found = voices_of(twists, weight, np.full(NUM_TILES, 1e6))
    twist, _ = found.consensus(np.zeros((1, 6)))
    np.testing.assert_allclose(twist, -0.01, atol=2e-4)


def test_a_pose_is_better_only_if_no_kind_of_residual_says_the_opposite():
    twists = np.full((NUM_TILES, 6), 0.01)
    depth = voices_of(twists, np.ones(NUM_TILES), np.full(NUM_TILES, 1e6))
    agreeing = depth._replace(b=0.0 * depth.b, c=0.0 * depth.c)

    def both(one, other):
        return Voices(*(np.concatenate(parts) for parts in zip(one, other, strict=True)))

    assert both(agreeing, agreeing).are_fewer_than(both(agreeing, depth), BETTER)
    assert not both(agreeing, depth).are_fewer_than(both(depth, agreeing), BETTER)
    few = agreeing._replace(weight=0.3 * agreeing.weight)
    assert not both(agreeing, depth).are_fewer_than(both(depth, few), BETTER)
