"""The dense tracker on views whose poses are known exactly."""

import logging
from dataclasses import replace

import cv2
import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.geometry import inverse, rotation_angle_rad, se3_exp, so3_exp
from slam.scenes import room
from slam.tracking.base import Tracker, TrackState
from slam.tracking.factory import dense_tracker
from slam.tracking.pieces import Pieces, are_apart, beside

OK, WEAK, LOST = TrackState.OK, TrackState.WEAK, TrackState.LOST
MOTION = np.array([0.004, -0.002, 0.003, 0.002, -0.004, 0.003])  # a frame: 5 mm and 0.3 degrees
UP = np.array([0.0, -1.0, 0.0])  # in a level world
AWAY = se3_exp(np.array([0.0, 0.0, 0.0, 0.0, np.pi, 0.0]))  # looks the other way


def pose(number: float) -> np.ndarray:
    return se3_exp(number * MOTION)


def distance(T_a: np.ndarray, T_b: np.ndarray) -> tuple[float, float]:
    """Return metres and degrees between two poses."""
    T = inverse(T_a) @ T_b
    return float(np.linalg.norm(T[:3, 3])), float(np.degrees(rotation_angle_rad(T[:3, :3])))


def assert_near(result, T_true, within_m=0.0002, within_deg=0.01):
    distance_m, angle_deg = distance(T_true, result.T_world_camera)
    assert distance_m < within_m, f"{1e3 * distance_m:.3f} mm off"
    assert angle_deg < within_deg, f"{angle_deg:.4f} degrees off"


def test_it_is_a_tracker(make_rig):
    assert isinstance(make_rig().tracker, Tracker)


def test_the_first_frame_is_the_origin(make_rig, see):
    result = make_rig().step(see(pose(5)))
    assert result.state is OK
    np.testing.assert_array_equal(result.T_world_camera, np.eye(4))


def test_the_floor_is_level_where_the_camera_feels_gravity(make_rig, see):
    """Of a camera that is pitched down by 30 degrees and rolled by 10."""
    down = so3_exp(np.radians([-16.0, 0.0, 0.0]))  # on top of the 14 of the walk
    roll = so3_exp(np.radians([0.0, 0.0, 10.0]))
    T_first_tilted = np.eye(4)
    T_first_tilted[:3, :3] = down @ roll
    R_room_camera = room.walk().poses(1)[0][:3, :3] @ T_first_tilted[:3, :3]
    felt = R_room_camera.T @ [0.0, 0.0, 9.81]  # the room's z axis points up
    floor_shares = []
    for shake in (0.0, 2.0):
        rig = make_rig()
        for number in range(4):
            acceleration = felt + np.array([shake, 0.0, shake]) if number == 0 else np.full(3, 7.0)
            frame = see(T_first_tilted @ pose(number), number)
            result = rig.step(replace(frame, acceleration=acceleration))
            assert result.state is OK, result.reason
        normals = _triangle_normals(rig.map.mesh())
        if shake == 0.0:
            floor = normals[normals @ UP > np.cos(np.radians(5.0))].mean(axis=0)
            assert floor / np.linalg.norm(floor) @ UP > np.cos(np.radians(1.0))
        floor_shares.append(np.mean(normals @ UP > np.cos(np.radians(5.0))))
    assert floor_shares[0] > 0.1
    assert floor_shares[1] < 0.1 * floor_shares[0]  # shaken: the world is the camera's


def _triangle_normals(mesh):
    a, b, c = (mesh.vertices_m[mesh.triangles[:, k]] for k in range(3))
    normals = np.cross(b - a, c - a)
    lengths = np.linalg.norm(normals, axis=1)
    return normals[lengths > 0] / lengths[lengths > 0, None]


@pytest.mark.parametrize("has_color", [True, False])
@pytest.mark.parametrize("motion", [8.0, 20.0, -12.0])
def test_a_large_motion_after_the_first_frame_is_recovered(make_rig, see, motion, has_color):
    """The map knows one view only, and nothing is known of the motion: up to 11 cm, 6 degrees."""
    rig = make_rig()
    rig.step(see(pose(0), has_color=has_color))
    for number in (1, 2):
        result = rig.step(see(pose(number * motion), number, has_color=has_color))
        assert result.state is OK, result.reason
        assert_near(result, pose(number * motion), within_m=0.001, within_deg=0.03)


def test_a_view_that_moved_out_of_sight_after_the_first_frame_is_not_believed(make_rig, see):
    rig = make_rig()
    rig.step(see(pose(0)))
    far = se3_exp(np.array([0.25, 0.0, 0.0, 0.0, 0.35, 0.0]))
    result = rig.step(see(far, 1))
    assert result.state is not OK or distance(far, result.T_world_camera)[0] < 0.002
    if result.state is not OK:
        assert result.reason


@pytest.mark.parametrize("has_color", [True, False])
@pytest.mark.parametrize("geometry", ["sdf", "projective"])
def test_a_small_motion_is_recovered(make_rig, see, geometry, has_color):
    rig = make_rig(geometry=geometry, photometric=has_color)
    for number in range(4):
        result = rig.step(see(pose(number), number, has_color=has_color))
        assert result.state is OK, result.reason
        # without colour the last step is one that counts as converged, below 0.3 mm
        assert_near(result, pose(number), within_m=0.0002 if has_color else 0.0003)
        assert result.inlier_ratio > 0.9
    assert result.num_iterations > 0


def test_a_camera_without_colour_is_tracked_although_colour_is_asked_for(make_rig, see):
    rig = make_rig(photometric=True)
    for number in range(3):
        result = rig.step(see(pose(number), number, has_color=False))
        assert result.state is OK, result.reason
    assert_near(result, pose(2), within_m=0.0003)


def test_colour_that_comes_and_goes_does_not_matter(make_rig, see):
    rig = make_rig()
    for number in range(6):
        result = rig.step(see(pose(number), number, has_color=number % 3 == 1))
        assert result.state is OK, result.reason
        assert_near(result, pose(number), within_m=0.0003)


def test_the_same_frame_again_is_no_motion(make_rig, see):
    rig = make_rig()
    for index in range(4):
        result = rig.step(see(np.eye(4), index))
        assert result.state is OK, result.reason
        assert_near(result, np.eye(4), within_m=2e-4)


def test_a_camera_that_stops_at_once_is_not_carried_on(make_rig, see):
    rig = make_rig()
    for number in range(4):
        rig.step(see(pose(number), number))
    for index in range(4, 7):  # the prior says that it moves on
        result = rig.step(see(pose(3), index))
        assert result.state is OK, result.reason
        assert_near(result, pose(3), within_m=0.0003)


def test_a_change_of_brightness_is_no_motion(make_rig, see):
    rig = make_rig()
    rig.step(see(np.eye(4)))
    for index in range(1, 4):
        frame = see(np.eye(4), index)
        brighter = np.clip(frame.color.astype(np.int16) + 10 * index, 0, 255).astype(np.uint8)
        result = rig.step(replace(frame, color=brighter))
        assert result.state is OK, result.reason
        assert_near(result, np.eye(4))


@pytest.mark.parametrize("geometry", ["sdf", "projective"])
def test_geometry_alone_does_not_slide_along_a_flat_wall(make_rig, see, geometry):
    """Nothing is seen of the sliding, so the pose is never OK, and stays where the motion prior has
    it: at rest.
    """
    rig = make_rig(geometry=geometry, photometric=False)
    rig.step(see(np.eye(4), 0, "wall"))
    for index in range(1, 15):
        sideways = se3_exp(np.array([0.003 * index, 0.002 * index, 0.0, 0.0, 0.0, 0.0]))
        result = rig.step(see(sideways, index, "wall"))
        assert result.state is not OK
        assert result.reason
        assert np.abs(result.T_world_camera[:2, 3]).max() < 0.001


def shaken(number: int) -> np.ndarray:
    """A pose on a way with many turns."""
    return pose(0.5 * number + 4.0 * np.sin(1.1 * number))


def test_colour_that_is_in_time_is_not_called_late(make_rig, see, caplog):
    rig = make_rig()
    for index in range(60):
        result = rig.step(see(shaken(index), index))
        assert result.state is OK, result.reason
        T_true = inverse(shaken(0)) @ shaken(index)
        assert_near(result, T_true, within_m=0.001, within_deg=0.04)
    assert not any(record.levelno == logging.WARNING for record in caplog.records)


@pytest.mark.parametrize("scene", ["room", "wall"])
def test_a_camera_that_stands_still_is_aligned_once_a_frame(make_rig, see, monkeypatch, scene):
    """Whether colour is late is never known of it, and was asked in every frame."""
    rig = make_rig()
    rng, frame = np.random.default_rng(0), see(np.eye(4), scene=scene)
    align, starts = rig.tracker._aligner.align, []
    monkeypatch.setattr(
        rig.tracker._aligner, "align", lambda *a, **k: (starts.append(1), align(*a, **k))[1]
    )
    for number in range(12):
        noise_m = 0.001 * rng.standard_normal(frame.depth_m.shape).astype(np.float32)
        seen = replace(
            frame, index=number, timestamp_s=number / 30,
            depth_m=np.where(frame.depth_m > 0, frame.depth_m + noise_m, np.float32(0)),
        )  # fmt: skip
        assert rig.step(seen).state is OK
        if number == 5:
            starts.clear()
    assert len(starts) == 6
    assert not rig.tracker._color._delay.is_decided


def test_colour_holds_the_camera_before_a_flat_wall(make_rig, see):
    rig = make_rig()
    for index in range(6):
        sideways = se3_exp(np.array([0.003 * index, 0.002 * index, 0.0, 0.0, 0.0, 0.0]))
        result = rig.step(see(sideways, index, "wall"))
        assert result.state is OK, result.reason
        assert_near(result, sideways, within_m=0.0005, within_deg=0.02)


def test_new_surface_is_no_reason_to_doubt_what_meets_the_map(make_rig, see):
    """Five eighths of the view are seen for the first time; else the map would not grow there."""
    rig = make_rig()
    for number in range(6):
        frame = see(pose(number), number)
        depth_m = frame.depth_m.copy()
        if number < 5:
            depth_m[:, 3 * frame.camera.width // 8 :] = 0.0
        result = rig.step(replace(frame, depth_m=depth_m))
        assert result.state is OK, result.reason
    assert result.inlier_ratio < 0.4
    assert_near(result, pose(5), within_m=0.002, within_deg=0.05)


def test_weak_for_too_long_is_lost(make_rig, see):
    rig = make_rig(photometric=False, max_weak_frames=4)
    states = [rig.step(see(np.eye(4), index, "wall")).state for index in range(8)]
    assert states == [OK] + 4 * [WEAK] + 3 * [LOST]


def empty(frame):
    return replace(frame, depth_m=np.zeros_like(frame.depth_m))


def few_points(frame):
    depth_m = np.zeros_like(frame.depth_m)
    depth_m[:40, :40] = frame.depth_m[:40, :40]  # 100 points of 4 x 4 readings
    return replace(frame, depth_m=depth_m)


def noise(frame):
    depth_m = np.random.default_rng(0).uniform(0.5, 5.0, frame.depth_m.shape)
    return replace(frame, depth_m=depth_m.astype(np.float32))


BAD = {"empty": empty, "few points": few_points, "noise": noise}


@pytest.mark.parametrize("name", BAD)
def test_a_frame_without_a_surface_is_lost_and_forgotten(make_rig, see, name):
    rig = make_rig()
    for number in range(4):
        rig.step(see(pose(number), number))
    bad = rig.step(BAD[name](see(pose(4), 4)))
    assert bad.state is LOST
    assert bad.reason
    assert np.isfinite(bad.T_world_camera).all()
    result = rig.step(see(pose(5), 5))
    assert result.state is OK, result.reason
    assert_near(result, pose(5))


@pytest.mark.parametrize("name", ["empty", "few points"])
def test_the_first_usable_frame_is_the_origin(make_rig, see, name):
    rig = make_rig()
    assert rig.step(BAD[name](see(np.eye(4), 0))).state is LOST
    assert rig.map.nbytes == 0
    result = rig.step(see(pose(7), 1))
    assert result.state is OK
    np.testing.assert_array_equal(result.T_world_camera, np.eye(4))


@pytest.mark.parametrize("has_color", [True, False])
@pytest.mark.parametrize("width", [80, 160, 256, 320])
def test_small_images_are_tracked(make_rig, see, width, has_color):
    """To a quarter of what a pixel covers at 2 m."""
    rig = make_rig()
    for number in range(6):
        frame = shrunk(see(pose(number), number, has_color=has_color), width)
        result = rig.step(frame)
        assert result.state is OK, result.reason
        quarter_rad = 0.25 / frame.camera.fx
        assert_near(result, pose(number), 2.0 * quarter_rad, float(np.degrees(quarter_rad)))


def shrunk(frame: Frame, width: int) -> Frame:
    """Return the frame as a camera of fewer pixels sees it."""
    factor = width / frame.camera.width
    camera = frame.camera.scaled(factor)
    size = camera.width, camera.height
    depth_m = cv2.resize(frame.depth_m, size, interpolation=cv2.INTER_NEAREST_EXACT)
    color = frame.color
    if color is not None:
        color = cv2.resize(color, size, interpolation=cv2.INTER_AREA)
    return replace(frame, camera=camera, depth_m=depth_m, color=color)


def test_a_camera_so_small_that_no_points_are_left_is_lost(make_rig):
    camera = Camera(14, 10, 12.0, 12.0, 6.5, 4.5)
    depth_m = np.full((10, 14), 1.0, np.float32)
    color = np.full((10, 14, 3), 90, np.uint8)
    result = make_rig().step(Frame(0, 0.0, camera, depth_m, color, DepthNoise.rendered()))
    assert result.state is LOST


def test_a_kidnapped_camera_is_lost_and_found_again(make_rig, see):
    rig = make_rig()
    for number in range(5):
        rig.step(see(pose(number), number))
    mapped = rig.map.num_integrated, rig.map.nbytes
    for index in range(5, 8):
        result = rig.step(see(AWAY, index))
        assert result.state is LOST
        assert result.reason
        assert distance(pose(4), result.T_world_camera)[0] < 0.02  # where it was seen last
    assert (rig.map.num_integrated, rig.map.nbytes) == mapped
    result = rig.step(see(pose(-12), 8))  # 9 cm and 5 degrees from where it went
    assert result.state is OK, result.reason
    assert_near(result, pose(-12), within_m=0.001, within_deg=0.03)
    result = rig.step(see(pose(-11), 9))
    assert result.state is OK, result.reason
    assert_near(result, pose(-11), within_m=0.001, within_deg=0.03)


def test_a_saved_map_is_gone_on_with_from_where_it_began(make_rig, see):
    first = make_rig()
    for number in range(4):
        first.step(see(pose(number), number))
    again = make_rig(has_map=True)
    again.map = first.map
    result = again.step(see(pose(1), 0))
    assert result.state is OK, result.reason
    assert_near(result, pose(1))
    level = make_rig(has_map=True)
    level.map = first.map
    frame = replace(see(pose(1), 0), acceleration=np.array([0.0, -8.5, 4.9]))
    assert_near(level.step(frame), pose(1), within_m=0.0005)  # the map has its axes already


def test_tracking_changes_neither_frame_nor_map(make_rig, see):
    rig = make_rig()
    rig.step(see(np.eye(4)))
    frame = see(pose(1), 1)
    depth_m, color = frame.depth_m.copy(), frame.color.copy()
    used = slice(rig.map.num_blocks)  # the arrays are as large as the whole budget
    arrays = [array[used].copy() for array in rig.map._storage.blocks]
    rig.tracker.track(frame, rig.map)
    np.testing.assert_array_equal(frame.depth_m, depth_m)
    np.testing.assert_array_equal(frame.color, color)
    for before, after in zip(arrays, rig.map._storage.blocks, strict=True):
        np.testing.assert_array_equal(before, after[used])


def test_beside_a_map_that_a_drifted_track_has_left_the_track_goes_on(make_rig, see, monkeypatch):
    """What was mapped long ago comes into view, off by more than the map can be wrong."""
    monkeypatch.setattr("slam.tracking.pieces.OLD_S", 0.1)
    rig = make_rig()
    rig.tracker = dense_tracker(rig.config, pieces=Pieces())
    for number in range(6):
        rig.step(see(pose(number), number))
    T_off = se3_exp(np.array([0.15, 0.0, 0.15, 0.0, 0.02, 0.0]))
    for number in range(6):
        rig.map.integrate(see(pose(number)), T_off @ pose(number))
    results = [rig.step(see(pose(number), number)) for number in range(6, 16)]
    assert [result.begins_piece for result in results].count(True) == 1
    assert [result.state for result in results[3:]] == [OK] * 7
    last = results[-1].T_world_camera
    assert are_apart(np.eye(4), last)
    assert_near(replace(results[-1], T_world_camera=beside(np.eye(4), last)), pose(15), 0.005, 0.2)
