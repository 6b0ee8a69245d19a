"""Map, tracker and keyframes go over into the corrected world together, between two frames."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.geometry import se3_exp
from slam.graph.graph import Move, Moved
from slam.graph.no_loops import NoLoops
from slam.maps.base import Mesh, Rendering, SdfSamples
from slam.system import Slam
from slam.tracking.base import TrackResult, TrackState

CAMERA = Camera(4, 3, 3.0, 3.0, 1.5, 1.0)
T_NEW_OLD = se3_exp(np.array([0.1, 0.0, 0.0, 0.0, 0.2, 0.0]))
SLICES = 3


def frame(index: int) -> Frame:
    return Frame(
        index, index / 30, CAMERA, np.ones((3, 4), np.float32), None, DepthNoise.rendered()
    )


class Movable:
    """A map that only knows where its world is, and takes some slices to be moved."""

    num_refused = nbytes = 0

    def __init__(self, can_move=True):
        self.T_world = np.eye(4)
        self.integrated = []
        self._can_move = can_move

    def integrate(self, frame, T_world_camera) -> None:
        self.integrated.append((frame.index, self.T_world.copy(), T_world_camera))

    def correct(self, frame_indices, Ts_new_old):
        if not self._can_move:
            return None
        left = SLICES

        def advance() -> bool:
            nonlocal left
            left -= 1
            return left <= 0

        def swap() -> np.ndarray:
            self.T_world = Ts_new_old[-1] @ self.T_world
            return np.zeros((1, 3), np.float32)

        return SimpleNamespace(advance=advance, swap=swap)

    def render(self, camera, T_world_camera) -> Rendering:
        raise NotImplementedError

    def query(self, points) -> SdfSamples:
        raise NotImplementedError

    def color(self, points) -> np.ndarray:
        raise NotImplementedError

    def mesh(self, voxel_size_m: float | None = None) -> Mesh:
        raise NotImplementedError

    def set_effort(self, share) -> None:
        raise NotImplementedError

    def refined_poses(self) -> dict:
        return {}

    def save(self, path, beside=None) -> None:
        raise NotImplementedError


class InItsWorld:
    """A tracker that sees the map's world, and says where in it the camera is."""

    def __init__(self):
        self.T_world = np.eye(4)

    def track(self, frame, map_):
        np.testing.assert_array_equal(map_.T_world, self.T_world)
        return TrackResult(self.T_world, TrackState.OK, "", 0.0, 1.0, 1.0, 0)

    def moved(self, T_new_old) -> None:
        self.T_world = T_new_old @ self.T_world


class LoopAt(NoLoops):
    """Says after a frame that the world is to move."""

    def __init__(self, index):
        self._index = index
        self.done = []

    def follow(self, posed, keyframe):
        frame = posed.frame
        if frame.index == self._index:
            motions = np.stack([np.eye(4), T_NEW_OLD])
            self.move = Move(np.array([0, frame.index]), motions, np.array([0.0, 0.1]), ())

    def moved(self, move, changed, frame_index):
        self.done.append(frame_index)
        self.moves = [Moved.after(frame_index, move, changed)]
        self.move = None


@pytest.mark.parametrize("deterministic", [True, False])
def test_what_is_fused_and_tracked_is_always_of_one_world(deterministic, caplog):
    map_, loops = Movable(), LoopAt(4)
    with (
        caplog.at_level(logging.INFO),
        Slam(InItsWorld(), map_, deterministic, loops=loops) as slam,
    ):
        results = [slam.step(frame(k)) for k in range(12)]
    assert len(loops.done) == 1
    np.testing.assert_array_equal(map_.T_world, T_NEW_OLD)
    for _, T_world, T_world_camera in map_.integrated:
        np.testing.assert_array_equal(T_world, T_world_camera)
    is_moved = [not np.array_equal(result.T_world_camera, np.eye(4)) for result in results]
    assert is_moved == sorted(is_moved)
    assert is_moved[-1]
    (after,) = loops.done
    assert is_moved.index(True) == after + 1
    if deterministic:  # one slice a frame, the first with the frame that closed the loop
        assert after == 4 + SLICES - 1
    assert f"frame {after}: loops moved the map by up to 10.0 cm" in caplog.text


def test_what_is_left_at_the_end_is_moved_then():
    map_, loops = Movable(), LoopAt(4)
    with Slam(InItsWorld(), map_, True, loops=loops) as slam:
        for k in range(5):
            slam.step(frame(k))
    np.testing.assert_array_equal(map_.T_world, T_NEW_OLD)
    assert len(loops.done) == 1


def test_a_map_that_cannot_be_moved_keeps_its_world():
    map_, loops = Movable(can_move=False), LoopAt(4)
    with Slam(InItsWorld(), map_, True, loops=loops) as slam:
        for k in range(12):
            slam.step(frame(k))
    assert loops.done == []
    np.testing.assert_array_equal(map_.T_world, np.eye(4))
