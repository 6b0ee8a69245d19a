"""Whether colour contradicts depth, in a rendered room at poses made up."""

from dataclasses import replace

import numpy as np
import pytest

from slam.geometry import se3_exp
from slam.scenes import room
from slam.sources.synthetic import CAMERA, SyntheticSource
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.contradiction import LEAST_PULL_M, contradicts, may_contradict
from slam.tracking.prepare import prepare
from slam.tracking.tiles import earlier_view

FIRST, LAST = 40, 44  # frames of the walk


@pytest.fixture(scope="module")
def views():
    """Return what an earlier frame saw, a later frame, and the poses of both."""
    source = SyntheticSource(room.scene(), room.walk(), 50)
    source.camera = CAMERA.scaled(0.5)
    Ts = source.ground_truth().Ts_world_camera
    first, last = (prepare(source.read(i)) for i in (FIRST, LAST))
    return earlier_view(first, Ts[FIRST]), last, Ts[FIRST], Ts[LAST]


def at(T_world_camera, inlier_ratio, uncertainty_m=0.0005, is_open=False):
    return TrackResult(
        T_world_camera, TrackState.OK, "", 0.0, inlier_ratio, 1.0, 1,
        is_open=is_open, uncertainty_m=uncertainty_m,
    )  # fmt: skip


def beside(T_world_camera, seed, distance_m=0.04):
    way = np.random.default_rng(seed).standard_normal(3)
    return T_world_camera @ se3_exp(np.append(distance_m * way / np.linalg.norm(way), np.zeros(3)))


@pytest.mark.parametrize("seed", range(4))
def test_depth_that_fits_much_better_elsewhere_contradicts(views, seed):
    view, last, T_before, T_true = views
    drawn = at(beside(T_true, seed), 0.8)
    assert contradicts(drawn, at(T_true, 0.9), T_before, last, view)
    assert not contradicts(at(T_true, 0.9), drawn, T_before, last, view)


@pytest.mark.parametrize("seed", range(4))
def test_a_thing_that_moves_and_outweighs_the_room_does_not(views, seed):
    view, last, T_before, T_true = views
    with_the_thing = at(beside(T_true, seed), 0.9)
    assert not contradicts(at(T_true, 0.8), with_the_thing, T_before, last, view)


def test_what_is_not_certain_does_not(views):
    view, last, T_before, T_true = views
    drawn, right = at(beside(T_true, 0), 0.8), at(T_true, 0.9)
    assert not contradicts(drawn, replace(right, is_open=True), T_before, last, view)
    assert not contradicts(drawn, replace(right, uncertainty_m=0.02), T_before, last, view)
    assert not contradicts(drawn, replace(right, state=TrackState.LOST), T_before, last, view)
    assert not contradicts(drawn, right, T_before, last, None)


def test_a_part_of_a_frames_motion_does_not(views):
    """As between cameras that are not synchronised."""
    view, last, T_before, T_true = views
    moved_m = float(np.linalg.norm(T_true[:3, 3] - T_before[:3, 3]))
    drawn = at(beside(T_true, 0, 0.2 * moved_m), 0.9)
    assert not contradicts(drawn, at(T_true, 0.91), T_before, last, view)


def test_depth_is_asked_where_it_pulls_or_nobody_knows():
    T = np.eye(4)
    pulled = replace(at(T, 0.9), likeness=0.8, pull_m=2 * LEAST_PULL_M)
    assert may_contradict(pulled, T, is_suspected=False)
    assert may_contradict(replace(pulled, pull_m=None), T, is_suspected=False)
    assert not may_contradict(replace(pulled, pull_m=0.5 * LEAST_PULL_M), T, is_suspected=True)
    assert not may_contradict(replace(pulled, likeness=None), T, is_suspected=True)


def test_where_depth_leaves_the_pose_open_it_is_asked_of_a_camera_that_moves():
    T = np.eye(4)
    left_open = replace(at(T, 0.9), likeness=0.8, pull_m=np.inf)
    assert not may_contradict(left_open, T, is_suspected=False)
    assert may_contradict(left_open, T, is_suspected=True)
    assert may_contradict(left_open, beside(T, 0, 2 * LEAST_PULL_M), is_suspected=False)
