"""The tracker of every map follows a camera in a room that a network learns."""

import numpy as np
import pytest

from slam.camera import DepthNoise
from slam.config import Config, ImplicitConfig
from slam.frame import Frame
from slam.geometry import inverse
from slam.maps.factory import load_map
from slam.sources.synthetic import open_synthetic
from slam.system import Slam
from slam.tracking.base import TrackState
from slam.tracking.factory import dense_tracker

SMALL = {"width": 64, "points": 1024, "first_steps": 150, "steps": 15, "budget_ms": 0.0}


@pytest.fixture(scope="module")
def walk():
    """Every second frame of the room's first at 80x60, and their poses seen from the first."""
    source = open_synthetic("room", 14)
    camera = source.camera.scaled(0.125)
    truth = source.ground_truth().Ts_world_camera
    frames = []
    for index in range(0, 14, 2):
        depth_m, color = source.scene.render(camera, truth[index])
        frames.append(Frame(index, index / 30, camera, depth_m, color, DepthNoise.rendered()))
    return frames, {frame.index: inverse(truth[0]) @ truth[frame.index] for frame in frames}


def position_error_m(T, T_true) -> float:
    return float(np.linalg.norm(T[:3, 3] - T_true[:3, 3]))


def followed(walk, encoding, output, limit_m):
    """Track and map the walk with a limit of its error; return the map and the config."""
    frames, truth = walk
    implicit = ImplicitConfig(encoding=encoding, output=output, hash_table_bits=13, **SMALL)
    config = Config(map="implicit", implicit=implicit, deterministic=True)
    with Slam.from_config(config, DepthNoise.rendered(), "cpu") as slam:
        for frame in frames:
            result = slam.step(frame)
            assert result.state is not TrackState.LOST, result.reason
            assert position_error_m(result.T_world_camera, truth[frame.index]) < limit_m
    way_m = position_error_m(truth[frames[-1].index], truth[0])
    assert way_m > 2.0 * limit_m  # standing still is not good enough
    return slam.map, config


@pytest.mark.parametrize(
    ("encoding", "output", "limit_m"), [("fourier", "sdf", 0.06), ("hash", "occupancy", 0.04)]
)
def test_a_camera_is_followed(walk, encoding, output, limit_m):
    followed(walk, encoding, output, limit_m)


def test_a_camera_finds_itself_in_a_saved_map(walk, tmp_path):
    map_, config = followed(walk, "hash", "sdf", 0.03)
    map_.save(tmp_path / "map.npz")
    loaded = load_map(tmp_path / "map.npz")
    tracker = dense_tracker(config.tracking, has_map=True)
    found = tracker.track(walk[0][0], loaded)
    assert found.state is TrackState.OK
    assert position_error_m(found.T_world_camera, np.eye(4)) < 0.03
