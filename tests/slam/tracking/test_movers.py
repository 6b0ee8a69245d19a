"""Movers: what comes into space that was seen through is left out, and what was there stays."""

import dataclasses

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.geometry import se3_exp
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.movers import MAX_VIEWS, VIEW_EVERY_S, Movers, nearest_depth

CAMERA = Camera(320, 240, 260.0, 260.0, 159.5, 119.5)


def frame(time_s, depth_m):
    return Frame(round(30 * time_s), time_s, CAMERA, depth_m, None, DepthNoise(0.002, 0.0, 0.002))


def room(with_box_at=None):
    """Return depth of a wall at 3 m, with a step in it, and of a box at 1.5 m."""
    depth_m = np.full((240, 320), 3.0, np.float32)
    depth_m[:, :80] = 2.2
    if with_box_at is not None:
        depth_m[60:220, with_box_at : with_box_at + 60] = 1.5
    return depth_m


def posed(T=None, state=TrackState.OK):
    return TrackResult(np.eye(4) if T is None else T, state, "", 0.0, 1.0, 1.0, 1)


def after_an_empty_room(num_frames=40):
    movers = Movers()
    for k in range(num_frames):
        movers.left_out(frame(k / 30, room()))
        movers.remember(posed())
    return movers


def test_what_comes_is_left_out_and_the_rest_stays():
    movers = after_an_empty_room()
    seen = movers.left_out(frame(1.4, room(with_box_at=120)))
    assert not (seen.depth_m[60:220, 120:180] > 0).any()
    far = np.ones((240, 320), bool)
    far[44:236, 104:196] = False  # a hit covers its neighbours
    np.testing.assert_array_equal(seen.depth_m[far], room()[far])


def test_a_still_room_is_left_as_it_is():
    movers = after_an_empty_room()
    same = frame(1.4, room())
    assert movers.left_out(same) is same


def test_noise_and_a_wrong_prediction_leave_nothing_out():
    """The camera stops at once, from 15 deg/s and 0.3 m/s."""
    movers, rng = Movers(), np.random.default_rng(0)
    step = np.array([0.01, 0.0, 0.0, 0.0, np.deg2rad(0.5), 0.0])
    for k in range(30):
        movers.left_out(frame(k / 30, room()))
        movers.remember(posed(se3_exp(-step) if k == 28 else np.eye(4)))
    noisy_m = room() + rng.normal(0, 0.02, (240, 320)).astype(np.float32)
    left = movers.left_out(frame(1.0, noisy_m)).depth_m
    assert (left == 0).mean() < 0.01


def test_single_readings_are_outliers_and_no_movers():
    movers = after_an_empty_room()
    depth_m = room()
    depth_m[4::32, 4::32] = 1.0
    one = frame(1.4, depth_m)
    assert movers.left_out(one) is one


def test_what_was_there_from_the_start_is_no_mover():
    movers = Movers()
    for k in range(40):
        still = frame(k / 30, room(with_box_at=120))
        assert movers.left_out(still) is still
        movers.remember(posed())


def test_what_comes_to_rest_is_kept_when_the_views_have_passed():
    movers = after_an_empty_room()
    resting = room(with_box_at=120)
    rest_s = MAX_VIEWS * VIEW_EVERY_S
    for k in range(round(30 * (rest_s + 2.0))):
        time_s = 1.4 + k / 30
        seen = movers.left_out(frame(time_s, resting))
        movers.remember(posed())
        is_left_out = not (seen.depth_m[60:220, 120:180] > 0).any()
        if k < round(30 * (rest_s - 2.0)):
            assert is_left_out
    assert not is_left_out


@pytest.mark.parametrize("state", [TrackState.WEAK, TrackState.LOST])
def test_views_of_unsure_poses_are_no_evidence(state):
    movers = Movers()
    for k in range(40):
        movers.left_out(frame(k / 30, room()))
        movers.remember(posed(state=state))
    box = frame(1.4, room(with_box_at=120))
    assert movers.left_out(box) is box


def test_the_nearest_reading_of_a_neighbourhood_counts():
    depth_m = np.zeros((64, 64), np.float32)
    depth_m[16:48, 16:48] = 2.0
    depth_m[33, 33] = 1.0
    nearest_m = nearest_depth(depth_m)
    assert nearest_m.shape == (8, 8)
    np.testing.assert_array_equal(nearest_m[3:6, 3:6], np.where(np.eye(3) < 2, 1.0, 0))
    assert nearest_m[2, 2] == 2.0
    assert nearest_m[0, 0] == 0.0


def test_images_that_are_no_multiple_of_the_lattice():
    camera = Camera(321, 237, 260.0, 260.0, 159.5, 119.5)
    movers = Movers()
    for k in range(3):
        depth_m = np.full((237, 321), 2.0 if k < 2 else 1.0, np.float32)
        odd = dataclasses.replace(frame(0.6 * k, depth_m), camera=camera)
        left = movers.left_out(odd)
        movers.remember(posed())
    assert left.depth_m.shape == (237, 321)
    assert (left.depth_m == 0).mean() > 0.9
