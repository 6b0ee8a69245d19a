"""Keyframes that are a little off move back, and their frames with them."""

import json

import numpy as np
import pytest

from slam.frame import Frame
from slam.geometry import inverse, se3_exp, se3_log
from slam.maps.neural.adjustment import PRIOR_SIGMA
from slam.maps.neural.map import NeuralMap
from slam.system import Slam
from slam.tracking.base import TrackResult, TrackState

OFF = [sign * row for row in np.diag([1e-3] * 3 + [5e-4] * 3) for sign in (1.0, -1.0)]


def distance(T_a, T_b) -> float:
    """In millimetres and, of the same weight in a room, half-milliradians."""
    return float(np.linalg.norm(se3_log(inverse(T_a) @ T_b) * [1e3, 1e3, 1e3, 2e3, 2e3, 2e3]))


@pytest.mark.parametrize("twist", OFF, ids=lambda twist: str(1e3 * twist))
def test_a_keyframe_that_is_off_moves_back(room, make_neural, twist):
    map_ = make_neural(keyframe_every=1, budget_mb=512)
    for frame in room.frames[:6]:
        map_.integrate(frame, room.Ts_world_camera[frame.index])
    frame = room.frames[6]
    T_true = room.Ts_world_camera[frame.index]
    T_tracked = T_true @ se3_exp(twist)
    map_.integrate(frame, T_tracked)
    T_refined = map_.refined_poses()[frame.index]
    assert distance(T_true, T_refined) < distance(T_true, T_tracked)


def test_true_poses_stay_and_none_leaves_its_prior(room, make_neural):
    map_ = room.integrated_by(make_neural(keyframe_every=1, budget_mb=512))
    refined = map_.refined_poses()
    assert set(refined) == {frame.index for frame in room.frames}
    for index, T_refined in refined.items():
        away = np.abs(se3_log(inverse(room.Ts_world_camera[index]) @ T_refined))
        assert (away < PRIOR_SIGMA).all()
        np.testing.assert_allclose(T_refined[:3, :3] @ T_refined[:3, :3].T, np.eye(3), atol=1e-12)
    first = room.frames[0].index  # the oldest of each window it is in
    np.testing.assert_array_equal(refined[first], room.Ts_world_camera[first])


def test_none_moves_more_than_the_prior_allows(room, make_neural):
    """The poses jitter by twice the prior's sigma; a robust step ends within three."""
    map_ = make_neural(keyframe_every=1, budget_mb=512)
    rng, tracked = np.random.default_rng(0), {}
    for frame in room.frames:
        jitter = np.clip(rng.standard_normal(6), -2, 2) * PRIOR_SIGMA
        tracked[frame.index] = room.Ts_world_camera[frame.index] @ se3_exp(jitter)
        map_.integrate(frame, tracked[frame.index])
    for index, T_refined in map_.refined_poses().items():
        away = np.abs(se3_log(inverse(tracked[index]) @ T_refined))
        assert (away < 3.0 * PRIOR_SIGMA).all()


def test_without_adjustment_no_pose_moves(room, make_neural):
    map_ = room.integrated_by(make_neural(keyframe_every=2, budget_mb=512, adjust_poses=False))
    refined = map_.refined_poses()
    assert set(refined) == {frame.index for frame in room.frames[::2]}
    for index, T_refined in refined.items():
        np.testing.assert_array_equal(T_refined, room.Ts_world_camera[index])


class Off:
    """A tracker that is right but for some frames."""

    def __init__(self, Ts_world_camera, twists):
        self._Ts_world_camera, self._twists = Ts_world_camera, twists

    def track(self, frame, map_):
        twist = self._twists.get(frame.index, np.zeros(6))
        T_world_camera = self._Ts_world_camera[frame.index] @ se3_exp(twist)
        return TrackResult(T_world_camera, TrackState.OK, "", 0.0, 1.0, 1.0, 0)

    def moved(self, T_new_old):
        raise NotImplementedError


def test_refined_poses_reach_the_trajectory(room, make_neural):
    twist = np.array([0.0, 0.0, 1e-3, 0.0, 0.0, 0.0])
    last = room.frames[7].index  # a keyframe's follower moves with it
    off = {room.frames[6].index: twist, last: twist}
    map_ = make_neural(keyframe_every=2, budget_mb=512)
    slam = Slam(Off(room.Ts_world_camera, off), map_, deterministic=True)
    for frame in room.frames[:8]:
        slam.step(frame)
    slam.finish()
    online, final = slam.online_trajectory(), slam.trajectory()
    refined = map_.refined_poses()
    for k, frame in enumerate(room.frames[:8]):
        T_online, T_final = online.Ts_world_camera[k], final.Ts_world_camera[k]
        if frame.index in refined:
            np.testing.assert_allclose(T_final, refined[frame.index], atol=1e-12)
        if frame.index in off:
            T_true = room.Ts_world_camera[frame.index]
            assert distance(T_true, T_final) < distance(T_true, T_online)


def test_what_the_rays_do_not_tell_goes_back_to_what_was_tracked(make_neural, see, tmp_path):
    """Along a bare wall only the prior holds a pose: a keyframe of a file, moved there by a
    millimetre, is back after the next one.
    """

    def passing(index: int) -> tuple[Frame, np.ndarray]:
        x_m = 0.5 * index  # so far that each keyframe keeps its rays
        return see((x_m, -1.5, 0.0), index=index, target_m=(x_m, 0.0, 0.0))

    path = tmp_path / "map.npz"
    map_ = make_neural(keyframe_every=1)
    for index in range(3):
        map_.integrate(*passing(index))
    map_.save(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    keyframe = header["keyframes"][2]
    T_tracked = np.array(keyframe["T_world_tracked"])
    T_moved = np.array(keyframe["T_world_camera"])
    T_moved[0, 3] += 0.001  # world x is along the wall
    keyframe["T_world_camera"] = T_moved.tolist()
    np.savez(path, **arrays | {"header": np.frombuffer(json.dumps(header).encode(), np.uint8)})
    map_ = NeuralMap.load(path)
    map_.integrate(*passing(3))
    map_.save(path)
    with np.load(path) as archive:
        header = json.loads(archive["header"].tobytes())
    T_after = np.array(header["keyframes"][2]["T_world_camera"])
    assert abs(T_after[0, 3] - T_tracked[0, 3]) < 0.0001
