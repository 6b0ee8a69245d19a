"""A frame against the view that was kept of a place: where it was taken, and whether there."""

from dataclasses import replace

import numpy as np
import pytest
from loop_walks import drifting_apartment, scaled

from slam.config import NoiseConfig, TrackingConfig
from slam.geometry import inverse, rotation_angle_rad, se3_exp, se3_log
from slam.graph.registration import FLOOR_M, register, with_floor
from slam.graph.stored_view import StoredView
from slam.sources.noise.source import NoisySource
from slam.sources.synthetic import open_synthetic
from slam.tracking.prepare import CLOUD_LEVEL, prepare

OLD, AGAIN, ELSEWHERE = 0, 332, 150  # frames of one place, and of another
PARTS = ((0, 50), (60, 106), (120, 162), (300, 354))  # frames that share a part of their view
SQUARED_SIGMAS = 12.6  # that six numbers have in one of twenty cases; 6 on average
OFFSET = se3_exp(np.array([0.03, -0.015, 0.03, 0.0, 0.015, 0.0]))  # as matched corners leave it


@pytest.fixture(scope="module")
def room():
    return drifting_apartment(0.5)


def kept(prepared):
    return StoredView.of(prepared).prepared()


def aligned(room, old, here, T_start):
    view, frame = (prepare(room.read(index)) for index in (old, here))
    registration = register(frame, kept(view), T_start, TrackingConfig())
    assert registration is not None
    return registration


def test_a_view_is_kept_in_three_bytes_a_pixel(room):
    prepared = prepare(room.read(OLD))
    view = StoredView.of(prepared)
    level, again = prepared.levels[CLOUD_LEVEL], view.prepared().levels[CLOUD_LEVEL]
    assert view.nbytes == 3 * level.depth_m.size
    assert again.camera == level.camera
    np.testing.assert_allclose(again.depth_m, level.depth_m, atol=0.6 * view.step_m)
    assert view.step_m < 0.0002
    np.testing.assert_allclose(again.gray, level.gray, atol=1.0)


def test_a_frame_is_aligned_with_the_place_where_it_was_taken(room):
    Ts = room.ground_truth().Ts_world_camera
    T_old_here = inverse(Ts[OLD]) @ Ts[AGAIN]
    registration = aligned(room, OLD, AGAIN, T_old_here @ OFFSET)
    assert registration.evidence.doubt == ""
    T_error = inverse(T_old_here) @ registration.T_view_camera
    # a Kinect's noise on both sides
    assert np.linalg.norm(T_error[:3, 3]) < 0.006
    assert np.degrees(rotation_angle_rad(T_error[:3, :3])) < 0.15
    sigmas_m = np.linalg.eigvalsh(registration.information[:3, :3]) ** -0.5
    assert FLOOR_M < sigmas_m.min() <= sigmas_m.max() < 0.01


def test_another_place_is_doubted(room):
    assert aligned(room, OLD, ELSEWHERE, np.eye(4)).evidence.doubt != ""


def test_what_the_view_leaves_open_adds_no_information():
    """A bare wall without colour says nothing of the way along it."""
    source = scaled(open_synthetic("wall"), 0.5)
    frame = prepare(replace(source.read(0), color=None))
    registration = register(frame, kept(frame), np.eye(4), TrackingConfig())
    assert registration is not None
    known, open_ = (
        np.sort(np.linalg.eigvalsh(registration.information[:3, :3]))[k] for k in (-1, 0)
    )
    assert known > 1e4
    assert open_ < 1e-3 * known


def test_no_registration_claims_more_than_the_floor():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((6, 6)) * 1e5
    sigmas = np.linalg.eigvalsh(with_floor(root @ root.T)[:3, :3]) ** -0.5
    assert sigmas.min() > 0.99 * FLOOR_M
    np.testing.assert_allclose(with_floor(np.zeros((6, 6))), 0.0)
    weak = np.eye(6)
    np.testing.assert_allclose(with_floor(weak), weak, rtol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_a_registration_errs_by_no_more_than_it_claims(seed):
    """Also where few readings are of the place."""
    source = scaled(open_synthetic("apartment"), 0.5)
    noisy = NoisySource(source, NoiseConfig(model="kinect", seed=seed))
    Ts = source.ground_truth().Ts_world_camera
    for old, here in PARTS:
        T_old_here = inverse(Ts[old]) @ Ts[here]
        registration = aligned(noisy, old, here, T_old_here @ OFFSET)
        assert 0.3 < registration.evidence.overlap < 0.7
        error = se3_log(inverse(T_old_here) @ registration.T_view_camera)
        assert error @ registration.information @ error < SQUARED_SIGMAS
