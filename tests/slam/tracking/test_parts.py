"""Parts of the view that move: a box before a camera in a furnished room, seen at two times."""

import dataclasses

import numpy as np
import pytest

from slam.camera import DepthNoise
from slam.config import TrackingConfig
from slam.geometry import inverse, rotation_angle_rad, se3_exp
from slam.scenes import room
from slam.scenes.moving import COVER
from slam.scenes.scene import Builder
from slam.sources.synthetic import CAMERA, SyntheticSource
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.host import HostAligner
from slam.tracking.parts import MAX_TURN_RAD_S, MovingParts

FIRST, LAST = 40, 46  # frames of the walk
SHIFT_M = np.array([0.05, 0.03, 0.0])  # of the box between them


class Views:
    """A walk past a box that is shifted after the first frame, and its true poses."""

    def __init__(self, shift_m):
        walk = room.walk()
        source = SyntheticSource(room.scene(), walk, None, lambda t: self._box(t > 1.4))
        source.camera = CAMERA.scaled(0.5)
        self._shift_m = shift_m
        self.Ts = source.ground_truth().Ts_world_camera
        self._source = source
        T = self.Ts[FIRST]
        self._place_m = (T[:3, 3] + 1.4 * T[:3, 2])[:2]
        self.first, self.last = (source.read(i) for i in (FIRST, LAST))

    def _box(self, is_shifted):
        b = Builder()
        x, y = self._place_m + is_shifted * self._shift_m[:2]
        b.box(x, y, 0.6, (0.5, 0.4, 1.0), COVER, 20.0)
        return b.build("box")


def result(T_world_camera, state=TrackState.OK):
    return TrackResult(T_world_camera, state, "", 0.0, 1.0, 1.0, 1)


def holding(frame):
    aligner = HostAligner(TrackingConfig())
    aligner.load(frame)
    return aligner


def looked_at(views, T_aligned, noise_m=0.0, seed=0):
    """Return what parts make of the last view, where an alignment finds T_aligned at first."""
    parts, aligner = MovingParts(), holding(noisy(views.first, noise_m, seed))
    parts.load(aligner)
    parts.remember(views.Ts[FIRST])
    parts.aligned(result, views.Ts[FIRST])
    aligner.load(noisy(views.last, noise_m, seed + 1))
    parts.load(aligner)
    starts = []

    def align(T_start):
        starts.append(T_start)
        return result(T_aligned if len(starts) == 1 else T_start)

    found = parts.aligned(align, views.Ts[LAST - 1])
    return parts, aligner.prepared().frame, found.T_world_camera, len(starts)


def noisy(frame, noise_m, seed):
    if noise_m == 0.0:
        return frame
    noise = np.random.default_rng(seed).normal(0, 1, frame.depth_m.shape) * noise_m
    depth_m = (frame.depth_m + noise * frame.depth_m**2).astype(np.float32)
    depth_m = np.where(frame.depth_m > 0, depth_m, np.float32(0))
    stated = DepthNoise(0.001, 0.0, noise_m)
    return dataclasses.replace(frame, depth_m=depth_m, depth_noise=stated)


def error_m(T, T_true):
    return float(np.linalg.norm((inverse(T_true) @ T)[:3, 3]))


@pytest.fixture(scope="module")
def with_mover():
    return Views(SHIFT_M)


@pytest.fixture(scope="module")
def at_rest():
    return Views(np.zeros(3))


@pytest.mark.parametrize("share", [0.3, 0.5])
@pytest.mark.parametrize("noise_m", [0.0, 0.002])
def test_a_pose_that_follows_the_box_is_given_up(with_mover, share, noise_m):
    T_true = with_mover.Ts[LAST]
    T_dragged = T_true.copy()
    T_dragged[:3, 3] -= share * SHIFT_M
    T_dragged = T_dragged @ se3_exp(np.array([0.0, 0.0, 0.0, 0.0, 0.002, 0.0]))
    parts, used, T_found, num_aligned = looked_at(with_mover, T_dragged, noise_m)
    assert num_aligned == 2
    assert error_m(T_found, T_true) < 0.25 * share * float(np.linalg.norm(SHIFT_M))
    assert rotation_angle_rad((inverse(T_true) @ T_found)[:3, :3]) < 0.004
    is_moving = parts.pixels()
    assert is_moving is not None
    is_box = with_mover.last.depth_m < 1.7
    assert is_moving[is_box].mean() > 0.7
    assert not (used.depth_m[is_moving] > 0).any()
    assert used.color_mask is not None
    assert not used.color_mask[is_moving].any()
    assert (used.depth_m > 0).mean() > 0.3


def test_what_the_map_does_not_bear_out_is_not_believed(with_mover):
    T_aligned = with_mover.Ts[LAST].copy()
    T_aligned[:3, 3] -= 0.5 * SHIFT_M
    parts, aligner = MovingParts(), holding(with_mover.first)
    parts.load(aligner)
    parts.remember(with_mover.Ts[FIRST])
    parts.aligned(result, with_mover.Ts[FIRST])
    aligner.load(with_mover.last)
    parts.load(aligner)
    starts = []

    def align(T_start):
        starts.append(T_start)
        return result(T_aligned)

    found = parts.aligned(align, with_mover.Ts[LAST - 1])
    assert len(starts) == 2
    np.testing.assert_array_equal(found.T_world_camera, T_aligned)
    assert parts.pixels() is None
    assert aligner.prepared().frame is with_mover.last


def test_where_nothing_moves_all_stays_in(at_rest):
    parts, used, T_found, num_aligned = looked_at(at_rest, at_rest.Ts[LAST])
    assert num_aligned == 1
    assert parts.pixels() is None
    assert used is at_rest.last
    np.testing.assert_array_equal(T_found, at_rest.Ts[LAST])


def test_views_of_a_fast_turn_are_not_compared(with_mover):
    T_dragged = with_mover.Ts[LAST].copy()
    T_dragged[:3, 3] -= 0.5 * SHIFT_M
    parts, aligner = MovingParts(), holding(with_mover.first)
    parts.load(aligner)
    parts.remember(with_mover.Ts[FIRST])
    dt_s = with_mover.last.timestamp_s - with_mover.first.timestamp_s
    turn = se3_exp(np.array([0.0, 0.0, 0.0, 0.0, 2.0 * MAX_TURN_RAD_S * dt_s, 0.0]))
    parts.aligned(result, with_mover.Ts[LAST] @ turn)
    aligner.load(with_mover.last)
    parts.load(aligner)
    starts = []
    parts.aligned(lambda T: starts.append(T) or result(T_dragged), with_mover.Ts[LAST - 1])
    assert len(starts) == 1
    assert parts.pixels() is None


def test_switched_off_nothing_is_looked_at(with_mover):
    parts, aligner = MovingParts(is_on=False), holding(with_mover.first)
    parts.load(aligner)
    parts.remember(with_mover.Ts[FIRST])
    found = parts.aligned(result, with_mover.Ts[LAST])
    np.testing.assert_array_equal(found.T_world_camera, with_mover.Ts[LAST])
    assert parts.pixels() is None


def test_poses_of_a_world_that_was_moved_are_moved(with_mover):
    """The same question in a world that lies elsewhere has the same answer."""
    T_new_old = se3_exp(np.array([1.0, -2.0, 0.5, 0.3, -0.2, 0.9]))
    T_dragged = with_mover.Ts[LAST].copy()
    T_dragged[:3, 3] -= 0.5 * SHIFT_M
    _, _, T_found, _ = looked_at(with_mover, T_dragged)
    parts, aligner = MovingParts(), holding(with_mover.first)
    parts.load(aligner)
    parts.remember(with_mover.Ts[FIRST])
    parts.aligned(result, with_mover.Ts[FIRST])
    parts.moved(T_new_old)
    aligner.load(with_mover.last)
    parts.load(aligner)
    first = iter([result(T_new_old @ T_dragged)])
    found = parts.aligned(
        lambda T: next(first, None) or result(T), T_new_old @ with_mover.Ts[LAST - 1]
    )
    assert error_m(found.T_world_camera, T_new_old @ T_found) < 1e-3
