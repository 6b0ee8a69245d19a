"""The loop: what is mapped, what is waited for, and what is written down."""

import threading
import time
from dataclasses import replace
from math import isnan

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.geometry import se3_exp
from slam.graph.no_loops import NoLoops
from slam.maps.base import Mesh, Rendering, SdfSamples
from slam.sources.holdout import EVERY_FRAME, HeldOut
from slam.system import NUM_FIRST_FRAMES, Slam
from slam.tracking.base import TrackResult, TrackState

pytestmark = pytest.mark.timeout(30)
OK, WEAK, LOST = TrackState.OK, TrackState.WEAK, TrackState.LOST
LONG_S = 5.0
CAMERA = Camera(4, 3, 3.0, 3.0, 1.5, 1.0)


def frame(index: int) -> Frame:
    depth_m = np.ones((3, 4), np.float32)
    return Frame(index, index / 30, CAMERA, depth_m, None, DepthNoise.rendered())


def pose(index: int) -> np.ndarray:
    return se3_exp(np.array([0.1 * index, 0.0, 0.0, 0.0, 0.01 * index, 0.0]))


class Script:
    """A tracker that says what it was told to say."""

    def __init__(self, states, uncertainty_m=0.0):
        self._states = dict(enumerate(states))
        self._uncertainty_m = uncertainty_m
        self.num_mapped_before = []  # frames in the map when each one was tracked

    def track(self, frame, map_):
        self.num_mapped_before.append(len(map_.mapped))
        state = self._states.get(frame.index, OK)
        reason = "" if state is OK else "as told"
        return TrackResult(
            pose(frame.index), state, reason, 0.001, 0.9, 0.1, 3, uncertainty_m=self._uncertainty_m
        )

    def moved(self, T_new_old) -> None:
        raise NotImplementedError


class Notes:
    """A map that only writes down what it got; `before` is called first, with the index."""

    def __init__(self, before=lambda index: None):
        self.mapped = []
        self.poses = []
        self.refined = {}
        self._before = before

    def integrate(self, frame, T_world_camera) -> None:
        self._before(frame.index)
        self.mapped.append(frame.index)
        self.poses.append(T_world_camera)

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
        return self.refined

    def correct(self, frame_indices, Ts_new_old) -> None:
        return None

    def save(self, path, beside=None) -> None:
        raise NotImplementedError

    @property
    def nbytes(self) -> int:
        return 1000 * len(self.mapped)

    @property
    def num_refused(self) -> int:
        return 0


@pytest.fixture
def make_slam():
    """Make systems whose mapping thread ends with the test, whatever happens in it."""
    made = []

    def make(states=(), before=lambda index: None, deterministic=False, unmapped=()):
        slam = Slam(Script(states), Notes(before), deterministic, unmapped)
        made.append(slam)
        return slam

    yield make
    for slam in made:
        slam._mapper.close()


@pytest.mark.parametrize("deterministic", [False, True])
def test_only_frames_that_are_ok_are_mapped(make_slam, deterministic):
    states = [OK, WEAK, OK, LOST, LOST, OK, WEAK, OK, OK]
    slam = make_slam(states, deterministic=deterministic)
    results = [slam.step(frame(index)) for index in range(9)]
    slam.finish()
    assert [result.state for result in results] == states
    ok = [index for index, state in enumerate(states) if state is OK]
    assert slam.map.mapped == ok
    np.testing.assert_array_equal(slam.map.poses, [pose(index) for index in ok])
    assert (slam.journal.count(LOST), slam.journal.count(WEAK), slam.journal.last_state) == (
        2,
        2,
        OK,
    )


def test_what_weak_frames_may_have_gone_astray_adds_up():
    """None of them is mapped; what was LOST is found again wherever it was before."""
    followed = {}

    class Followed(NoLoops):
        def follow(self, posed, keyframe):
            followed[posed.frame.index] = posed.uncertainty_m, posed.astray_m

    states = [OK, WEAK, WEAK, WEAK, WEAK, OK, OK, WEAK, LOST, OK]
    with Slam(Script(states, 0.01), Notes(), deterministic=True, loops=Followed()) as slam:
        for index in range(len(states)):
            slam.step(frame(index))
    assert followed == {
        index: (0.01, pytest.approx(astray_m))
        for index, astray_m in ((0, 0.0), (5, 0.02), (6, 0.0), (9, 0.0))
    }


def test_the_trajectory_has_every_frame_that_was_tracked(make_slam):
    slam = make_slam([OK, WEAK, LOST, OK])
    for index in range(4):
        slam.step(frame(index))
    slam.finish()
    trajectory = slam.trajectory()
    np.testing.assert_array_equal(trajectory.timestamps_s, np.array([0, 1, 3]) / 30)
    np.testing.assert_array_equal(trajectory.Ts_world_camera, [pose(0), pose(1), pose(3)])


def test_held_out_frames_are_tracked_but_not_mapped(make_slam):
    slam = make_slam([OK, OK, OK, OK, LOST], unmapped=HeldOut(3))
    for index in range(8):
        slam.step(frame(index))
    slam.finish()
    assert slam.map.mapped == [0, 2, 3, 5, 6]
    assert len(slam.trajectory()) == 7
    records = slam.records()
    assert [isnan(record.mapping_ms) for record in records] == [i in (1, 4, 7) for i in range(8)]


def test_to_localise_is_to_map_nothing(make_slam):
    slam = make_slam(unmapped=EVERY_FRAME)
    for index in range(5):
        slam.step(frame(index))
    slam.finish()
    assert slam.map.mapped == []
    assert len(slam.trajectory()) == 5


def shift(x_m: float) -> np.ndarray:
    return se3_exp(np.array([x_m, 0.5 * x_m, -x_m, 0.3 * x_m, x_m, 0.0]))


def test_frames_move_with_the_keyframe_before_them(make_slam):
    """Seen from its keyframe, a frame stays where it was tracked."""
    slam = make_slam([OK, OK, OK, WEAK, LOST])
    for index in range(8):
        slam.step(frame(index))
    slam.finish()
    slam.map.refined = {2: shift(0.2) @ pose(2), 6: pose(6) @ shift(-0.1)}
    tracked = [0, 1, 2, 3, 5, 6, 7]
    online, final = slam.online_trajectory(), slam.trajectory()
    np.testing.assert_array_equal(final.timestamps_s, online.timestamps_s)
    np.testing.assert_array_equal(online.Ts_world_camera, [pose(index) for index in tracked])
    keyframes = [None, None, 2, 2, 2, 6, 6]
    for index, keyframe, T_world_camera in zip(
        tracked, keyframes, final.Ts_world_camera, strict=True
    ):
        expected = pose(index)
        if keyframe is not None:
            T_keyframe_camera = np.linalg.inv(pose(keyframe)) @ pose(index)
            expected = slam.map.refined[keyframe] @ T_keyframe_camera
        np.testing.assert_allclose(T_world_camera, expected, atol=1e-12)


def test_a_map_that_refines_nothing_leaves_the_poses_as_they_are(make_slam):
    slam = make_slam()
    for index in range(4):
        slam.step(frame(index))
    slam.finish()
    slam.map.refined = {9: shift(1.0)}  # of no frame of this run
    np.testing.assert_array_equal(
        slam.trajectory().Ts_world_camera, slam.online_trajectory().Ts_world_camera
    )


def test_a_run_without_a_frame_has_an_empty_trajectory(make_slam):
    slam = make_slam()
    slam.finish()
    assert len(slam.trajectory()) == 0
    assert slam.records() == []


def test_the_records_have_a_mapping_time_where_a_frame_was_mapped(make_slam):
    states = [OK, LOST, WEAK, OK, OK]
    slam = make_slam(states, before=lambda index: time.sleep(0.02 * (index == 3)))
    for index in range(5):
        slam.step(frame(index))
    slam.finish()
    records = slam.records()
    assert [record.index for record in records] == list(range(5))
    assert [record.state for record in records] == states
    assert [isnan(record.mapping_ms) for record in records] == [False, True, True, False, False]
    assert records[3].mapping_ms > 19
    assert records[4].mapping_ms < 19
    assert records[0].map_mb == 0.0


def test_in_turns_every_frame_sees_all_frames_before_it(make_slam):
    slam = make_slam(before=lambda index: time.sleep(0.003), deterministic=True)
    for index in range(12):
        slam.step(frame(index))
    slam.finish()
    assert slam._tracker.num_mapped_before == list(range(12))


def test_the_first_frames_see_all_frames_before_them(make_slam):
    slam = make_slam(before=lambda index: time.sleep(0.003))
    for index in range(NUM_FIRST_FRAMES + 1):
        slam.step(frame(index))
    slam.finish()
    assert slam._tracker.num_mapped_before == list(range(NUM_FIRST_FRAMES + 1))


def test_later_a_frame_waits_for_all_but_one_mapping(make_slam):
    """While one frame is being mapped the next is tracked; the one after it waits."""
    gate = threading.Event()
    blocked_from = NUM_FIRST_FRAMES + 1
    slam = make_slam(before=lambda index: index < blocked_from or gate.wait(LONG_S))
    is_stepped = [threading.Event() for _ in range(blocked_from + 3)]

    def step_all():
        for index, event in enumerate(is_stepped):
            slam.step(frame(index))
            event.set()

    thread = threading.Thread(target=step_all)
    thread.start()
    assert is_stepped[blocked_from + 1].wait(LONG_S)  # tracked beside the mapping of the last
    assert slam.map.mapped == list(range(blocked_from))
    assert not is_stepped[blocked_from + 2].wait(0.1)  # would see a map that is two frames old
    gate.set()
    assert is_stepped[blocked_from + 2].wait(LONG_S)
    thread.join(LONG_S)
    slam.finish()
    assert slam.map.mapped == list(range(blocked_from + 3))


@pytest.mark.parametrize("deterministic", [False, True])
@pytest.mark.parametrize("bad_index", [0, 2, 7, 9])
def test_a_map_that_raises_ends_the_run_with_its_error(make_slam, deterministic, bad_index):
    def fail(index):
        if index == bad_index:
            raise RuntimeError("the map broke")

    slam = make_slam(before=fail, deterministic=deterministic)

    def step_all():
        for index in range(10):
            slam.step(frame(index))
        slam.finish()

    with pytest.raises(RuntimeError, match="the map broke"):
        step_all()
    with pytest.raises(RuntimeError, match="the map broke"):
        slam.finish()
    assert slam.map.mapped == list(range(bad_index))  # none after it either
    assert not slam._mapper._thread.is_alive()
    records = slam.records()
    assert bad_index < len(records) <= bad_index + 3
    assert len(slam.trajectory()) == len(records)


def step_in_block(slam, error=None):
    with slam as entered:
        assert entered is slam
        for index in range(8):
            slam.step(frame(index))
        if error is not None:
            raise error


def test_a_block_ends_with_everything_mapped(make_slam):
    slam = make_slam(before=lambda index: time.sleep(0.003))
    step_in_block(slam)
    assert slam.map.mapped == list(range(8))
    assert not slam._mapper._thread.is_alive()


@pytest.mark.parametrize("num_before", [0, 2])
def test_after_its_block_it_takes_no_more_frames(make_slam, num_before):
    slam = make_slam([])
    with slam:
        for index in range(num_before):
            slam.step(frame(index))
    with pytest.raises(RuntimeError, match="finished"):
        slam.step(frame(num_before))
    with pytest.raises(RuntimeError, match="finished"), slam:
        pass
    assert slam.map.mapped == list(range(num_before))


def test_a_block_raises_what_the_map_raised(make_slam):
    def fail(index):
        if index == 7:
            raise RuntimeError("the map broke")

    slam = make_slam(before=fail)
    with pytest.raises(RuntimeError, match="the map broke"):
        step_in_block(slam)
    assert not slam._mapper._thread.is_alive()


@pytest.mark.parametrize("is_map_broken", [False, True])
def test_a_block_that_raises_ends_the_thread_and_keeps_its_error(make_slam, is_map_broken):
    def before(index):
        time.sleep(0.01)
        if index == 7 and is_map_broken:
            raise RuntimeError("the map broke")

    slam = make_slam(before=before)
    with pytest.raises(KeyError, match="mine"):
        step_in_block(slam, KeyError("mine"))
    assert not slam._mapper._thread.is_alive()
    assert slam.map.mapped == list(range(7 if is_map_broken else 8))


def test_an_interruption_is_a_loss_that_the_next_frame_ends(make_slam, caplog):
    slam = make_slam()
    for index in range(2):
        slam.step(frame(index))
    for _ in range(3):
        slam.interrupt("no frame for 1.0 s")
    assert (slam.journal.last_state, slam.journal.interruption) == (LOST, "no frame for 1.0 s")
    assert slam.journal.num_outages == 1
    assert [record.getMessage() for record in caplog.records] == ["LOST: no frame for 1.0 s"]
    slam.step(frame(2))
    slam.finish()
    assert (slam.journal.last_state, slam.journal.interruption) == (OK, None)
    assert slam.map.mapped == [0, 1, 2]


def test_a_live_frame_that_comes_while_the_map_is_behind_is_tracked_but_not_mapped(make_slam):
    gate = threading.Event()
    slam = make_slam(before=lambda index: index < 5 or gate.wait(LONG_S))
    results = [slam.step(replace(frame(index), arrival_s=time.monotonic())) for index in range(12)]
    gate.set()
    slam.finish()
    assert all(result.state is OK for result in results)
    assert slam.map.mapped[:5] == list(range(5))
    assert len(slam.map.mapped) + slam.journal.num_unmapped == 12
    timed = [record.index for record in slam.records() if not isnan(record.mapping_ms)]
    assert timed == slam.map.mapped
    assert slam.journal.num_unmapped >= 4
    assert len(slam.journal.latencies.values_ms) == 12
