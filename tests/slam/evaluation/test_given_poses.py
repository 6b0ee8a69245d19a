"""Poses that contradict the depth images are told, with the reading of them that would fit."""

import dataclasses

import numpy as np
import pytest

from slam.config import NoiseConfig, PlaybackConfig
from slam.evaluation.given_poses import doubt_about
from slam.geometry import inverse, quaternion_xyzw_from_rotation, transform_from_quaternion
from slam.sources.noise.source import NoisySource
from slam.sources.synthetic import open_synthetic
from slam.trajectory import Trajectory

NUM_FRAMES = 60


@pytest.fixture(scope="module")
def room():
    return open_synthetic("room", NUM_FRAMES)


def _read_as_xyzw(T):
    x, y, z, w = quaternion_xyzw_from_rotation(T[:3, :3])
    return transform_from_quaternion(T[:3, 3], np.array([w, x, y, z]))


def _scaled(factor):
    def scale(T):
        result = T.copy()
        result[:3, 3] *= factor
        return result

    return scale


FLIP = np.diag([1.0, -1.0, -1.0, 1.0])
MISTAKES = {
    "camera from world (inverse)": inverse,
    "OpenGL axes": lambda T: T @ FLIP,
    "camera from world, with OpenGL axes": lambda T: inverse(T @ FLIP),
    "quaternions as qw qx qy qz": _read_as_xyzw,
    "millimetres": _scaled(1000.0),
    "divide depth_scale": _scaled(2.5),
}


def _doubt(room, change):
    truth = room.ground_truth()
    changed = np.array([change(T) for T in truth.Ts_world_camera])
    return doubt_about(room, Trajectory(truth.timestamps_s, changed), PlaybackConfig())


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named(room, name):
    doubt = _doubt(room, MISTAKES[name])
    assert name in doubt
    assert "\n" not in doubt


@pytest.mark.parametrize("sigma_m", [0.0, 0.01])
def test_right_poses_raise_no_doubt(room, sigma_m):
    """Neither do those of a reference that is a centimetre off, in whatever world."""
    rng = np.random.default_rng(0)
    T_other_world = inverse(room.ground_truth().Ts_world_camera[7])

    def moved(T):
        result = T_other_world @ T
        result[:3, 3] += rng.normal(0, sigma_m, 3)
        return result

    assert _doubt(room, moved) == ""


def test_noise_raises_no_doubt(room):
    noisy = NoisySource(room, NoiseConfig(model="kinect", outliers=0.05))
    assert doubt_about(noisy, room.ground_truth(), PlaybackConfig()) == ""


def test_distances_along_the_ray_are_told(room):
    class Rays:
        name, camera, timestamps_s = room.name, room.camera, room.timestamps_s
        depth_noise = room.depth_noise
        ground_truth = room.ground_truth

        def read(self, index):
            frame = room.read(index)
            x, y = room.camera.slopes()
            ray = np.sqrt(x**2 + y[:, None] ** 2 + 1).astype(np.float32)
            return dataclasses.replace(frame, depth_m=frame.depth_m * ray)

    assert "depth_kind: ray" in doubt_about(Rays(), room.ground_truth(), PlaybackConfig())


def test_poses_of_another_recording_are_told(room):
    others = open_synthetic("apartment", NUM_FRAMES).ground_truth()
    truth = Trajectory(
        room.timestamps_s, others.Ts_world_camera[::-1] @ FLIP @ others.Ts_world_camera
    )
    assert "contradict" in doubt_about(room, truth, PlaybackConfig())


def test_too_few_poses_raise_no_doubt(room):
    truth = room.ground_truth()
    one = Trajectory(truth.timestamps_s[:1], truth.Ts_world_camera[:1])
    assert doubt_about(room, one, PlaybackConfig()) == ""
