"""Peaks along a line and on a grid, of scores made up."""

import numpy as np

from slam.geometry import se3_exp
from slam.tracking.scan import MAX_STEPS, peaks_along

ALONG_X = np.array([[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
ALONG_XY = np.array([[1.0, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0, 0.0, 0.0]])


def hill(*tops):
    """Return a score with a peak of each height at each (x, y)."""

    def score(T):
        return max(h * np.exp(-50 * ((T[0, 3] - x) ** 2 + (T[1, 3] - y) ** 2)) for x, y, h in tops)

    return score


def test_peaks_come_in_order_of_height():
    found = peaks_along(hill((0.2, 0.0, 1.0), (-0.3, 0.0, 2.0)), np.eye(4), ALONG_X, 0.1, 5)
    np.testing.assert_allclose([T[0, 3] for T in found], [-0.3, 0.2])
    assert len(peaks_along(hill((0.2, 0.0, 1.0)), np.eye(4), ALONG_X, 0.1, 5)) == 1


def test_two_directions_make_a_grid_round_the_pose():
    T = se3_exp(np.array([0.1, 0.0, 0.0, 0.0, 0.0, 0.3]))
    top = T @ se3_exp(np.array([0.3, -0.2, 0.0, 0.0, 0.0, 0.0]))
    score = hill((top[0, 3], top[1, 3], 1.0))
    (found,) = peaks_along(score, T, ALONG_XY, 0.1, 1)
    np.testing.assert_allclose(found, top, atol=1e-9)


def test_no_farther_than_so_many_steps():
    (found,) = peaks_along(lambda T: T[0, 3], np.eye(4), ALONG_X, 0.1, 1)
    np.testing.assert_allclose(found[0, 3], 0.1 * MAX_STEPS)
