"""Views: against the reference, and on a wall that was seen from known places."""

import numpy as np
import pytest

from kernels.dispatch import using
from kernels.views import seen_through


def random_views(rng, num_points, num_views):
    points = rng.normal(0, 2, (num_points, 3)).astype(np.float32)
    T = np.tile(np.eye(4, dtype=np.float32), (num_views, 1, 1))
    for matrix in T:
        q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
        matrix[:3, :3] = q * np.sign(np.linalg.det(q))
        matrix[:3, 3] = rng.normal(0, 1, 3)
    K = np.tile(np.array([40, 40, 20, 15], np.float32), (num_views, 1))
    nearest_m = rng.uniform(0.2, 4.0, (num_views, 30, 40)).astype(np.float32)
    nearest_m[rng.random(nearest_m.shape) < 0.3] = 0.0
    return points, rng.uniform(0, 0.3, num_points).astype(np.float32), T, K, nearest_m


@pytest.mark.parametrize(("num_points", "num_views"), [(0, 3), (1, 1), (5000, 7), (300, 0)])
def test_agrees_with_the_reference(num_points, num_views):
    arguments = random_views(np.random.default_rng(num_points), num_points, num_views)
    found = seen_through(*arguments)
    with using("reference"):
        expected = seen_through(*arguments)
    # a point whose projection or depth is rounded to the other side of an edge may differ
    assert (found != expected).sum() <= 0.001 * num_points
    if num_points * num_views > 1000:
        assert 0.05 < expected.mean() < 0.95


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_points_before_a_wall_were_seen_through(backend):
    """A wall 3 m before the view; the camera stands 1 m to its side, turned by 90 degrees."""
    T_view_camera = np.eye(4, dtype=np.float32)
    T_view_camera[:3, :3] = [[0, 0, -1], [0, 1, 0], [1, 0, 0]]
    T_view_camera[:3, 3] = [1.0, 0.0, 0.0]
    in_view = np.array(
        [[0, 0, 2.9], [0, 0, 2.99], [0, 0, 3.5], [0, 0, -2], [4, 0, 2], [0, 0, 0.01]]
    )
    points = (in_view - T_view_camera[:3, 3]) @ T_view_camera[:3, :3]
    with using(backend):
        is_seen_through = seen_through(
            points.astype(np.float32), np.full(6, 0.05, np.float32), T_view_camera[None],
            np.array([[40, 40, 20, 15]], np.float32), np.full((1, 30, 40), 3.0, np.float32),
        )  # fmt: skip
    np.testing.assert_array_equal(is_seen_through, [True, False, False, False, False, False])


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_where_a_view_saw_nothing_it_says_nothing(backend):
    points = np.array([[0, 0, 1.0]], np.float32)
    with using(backend):
        is_seen_through = seen_through(
            points, np.zeros(1, np.float32), np.eye(4, dtype=np.float32)[None],
            np.array([[40, 40, 20, 15]], np.float32), np.zeros((1, 30, 40), np.float32),
        )  # fmt: skip
    assert not is_seen_through.any()
