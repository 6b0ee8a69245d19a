"""Scores of a run that still goes on."""

import numpy as np

from slam.geometry import Transform, inverse
from slam.sources.base import Source, Stream
from slam.trajectory import Trajectory

_MAX_DIFFERENCE_S = 0.02
_MIN_PAIRS = 3


def live_truth(source: Source | Stream) -> Trajectory | None:
    """Return the true poses of a source to show beside the estimated ones, without those that are
    not finite; None where it has none.
    """
    truth = source.ground_truth()
    if truth is None:
        return None
    is_known = np.isfinite(truth.Ts_world_camera).all(axis=(1, 2))
    if not is_known.any():
        return None
    return Trajectory(truth.timestamps_s[is_known], truth.Ts_world_camera[is_known])


class AteSoFar:
    """The ATE (RMSE after rigid alignment) of the poses so far, in constant time a pose.

    The same alignment as `slam.evaluation.trajectory`, from running sums: what it leaves is
    |e|^2 + |t|^2 - 2 tr(R C) of the centred positions (Umeyama 1991, without scale).
    """

    def __init__(self, truth: Trajectory) -> None:
        self._truth = truth
        self._T_world_truth: Transform | None = None
        self._last_true = -1
        self._num = 0
        self._sum_estimate, self._sum_truth = np.zeros(3), np.zeros(3)
        self._squares = 0.0
        self._products = np.zeros((3, 3))

    def add(self, timestamp_s: float, T_world_camera: Transform) -> Transform | None:
        """Take the next pose; return the true one in the world in which the first two agree, None
        where there is none at that time.
        """
        k = self._true_at(timestamp_s)
        if k is None:
            return None
        T_truth_camera = self._truth.Ts_world_camera[k]
        if self._T_world_truth is None:
            self._T_world_truth = T_world_camera @ inverse(T_truth_camera)
        T_world_true = self._T_world_truth @ T_truth_camera
        self._add_pair(T_world_camera[:3, 3], T_world_true[:3, 3])
        return T_world_true

    def rmse_m(self) -> float:
        """Return the ATE, NaN for fewer than three pairs."""
        if self._num < _MIN_PAIRS:
            return float("nan")
        n, a, b = self._num, self._sum_estimate, self._sum_truth
        covariance = self._products - np.outer(b, a) / n
        squares = self._squares - (a @ a + b @ b) / n
        singular = np.linalg.svd(covariance, compute_uv=False)
        best = singular[0] + singular[1] + np.sign(np.linalg.det(covariance)) * singular[2]
        return float(np.sqrt(max(squares - 2.0 * best, 0.0) / n))

    def _true_at(self, timestamp_s: float) -> int | None:
        """Return the true pose nearest in time; each is used once."""
        stamps_s = self._truth.timestamps_s
        after = int(np.searchsorted(stamps_s, timestamp_s))
        near = [k for k in (after - 1, after) if self._last_true < k < len(stamps_s)]
        if not near:
            return None
        k = min(near, key=lambda k: abs(stamps_s[k] - timestamp_s))
        if abs(stamps_s[k] - timestamp_s) > _MAX_DIFFERENCE_S:
            return None
        self._last_true = k
        return k

    def _add_pair(self, estimate_m: np.ndarray, true_m: np.ndarray) -> None:
        """Add to the sums; in the estimate's world both are small, so the sums are exact."""
        self._num += 1
        self._sum_estimate += estimate_m
        self._sum_truth += true_m
        self._squares += float(estimate_m @ estimate_m + true_m @ true_m)
        self._products += np.outer(true_m, estimate_m)
