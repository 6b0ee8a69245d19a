"""A live camera and what cameras do: a software device, read through the SDK's sensors and syncer.

Every test ends by itself: nothing here may wait without a limit.
"""

import _thread
import itertools
import re
import threading
import time
from dataclasses import replace

import numpy as np
import pytest

from slam.config import Config, PlaybackConfig
from slam.errors import SlamError
from slam.frame import Frame
from slam.geometry import inverse
from slam.runs.finished import load_run
from slam.runs.loop import Onlookers
from slam.runs.single import RunOptions, run
from slam.sources.base import Outage
from slam.sources.realsense import connected_camera
from slam.sources.realsense.profiles import choose
from slam.sources.realsense.settings import apply_settings
from slam.sources.realsense.software import SoftwareCamera
from slam.tracking.base import TrackState

from .conftest import D435, NUM_SLOW, PINHOLE, SLOW, push, room_poses, room_shots
from .live import LiveCamera, config_for

pytestmark = [pytest.mark.timeout(90), pytest.mark.realtime]
NUM_FRAMES = 45
CALM = replace(PINHOLE, fps=15.0)  # so that a busy machine keeps up too


@pytest.fixture(scope="module")
def shots():
    return room_shots(NUM_FRAMES, CALM)


@pytest.fixture
def make_camera(shots):
    """Make cameras whose threads end with the test."""
    made = []

    def make(push=None, shots=shots, calibration=CALM):
        made.append(LiveCamera(calibration, shots, push))
        return made[-1]

    yield make
    for live in made:
        live.close()


@pytest.fixture(scope="module")
def slow_shots():
    return room_shots(NUM_SLOW, SLOW)


@pytest.fixture
def make_slow(make_camera, slow_shots):
    def make(push=None, shots=slow_shots):
        return make_camera(push, shots, SLOW)

    return make


def _taken(live, **config):
    """Play a camera until it has been silent for a second; return its frames and its stream."""
    stream = live.stream(timeout_s=5.0, reconnect_s=1.0, **config)
    live.start()
    frames = [item for item in stream.frames() if isinstance(item, Frame)]
    return frames, stream


def _stamps_increase(frames):
    return (np.diff([frame.timestamp_s for frame in frames]) > 0).all()


def test_frames_come_in_order_with_their_color(make_slow, slow_shots):
    frames, stream = _taken(make_slow())
    assert stream.is_live
    assert [frame.index for frame in frames] == list(range(NUM_SLOW))
    assert _stamps_increase(frames)
    assert all(frame.color is not None for frame in frames)
    assert all(frame.arrival_s is not None for frame in frames)
    wanted = slow_shots[7].depth * np.float32(0.001)
    np.testing.assert_array_equal(frames[7].depth_m, wanted)


def test_no_device(monkeypatch):
    monkeypatch.setattr(connected_camera, "connected", lambda: [])
    start_s = time.monotonic()
    with pytest.raises(SlamError, match="no RealSense camera is connected"):
        connected_camera.find_camera("")
    assert time.monotonic() - start_s < 5.0  # the SDK's own answer takes 15 s


def test_a_wrong_serial_number_lists_what_is_there(monkeypatch):
    monkeypatch.setattr(connected_camera, "connected", lambda: [SoftwareCamera(D435).device])
    with pytest.raises(SlamError, match="number 42; connected: Software camera 000000000001"):
        connected_camera.find_camera("42")
    assert connected_camera.find_camera("000000000001") is not None


def test_a_profile_that_is_not_there_shows_a_table_of_those_that_are():
    device = SoftwareCamera(D435).device
    assert choose(device, config_for(D435)).color is not None
    with pytest.raises(SlamError) as raised:
        choose(device, replace(config_for(D435), color_width=1280, color_height=720))
    lines = str(raised.value).splitlines()
    assert lines[0].endswith("offers no color of 1280x720 at 30 Hz; it offers")
    assert [re.split(r"\s{2,}", line.strip()) for line in lines[1:3]] == [
        ["depth", "320x240", "30 Hz"],
        ["color", "424x240", "30 Hz"],
    ]
    with pytest.raises(SlamError, match="no depth of 320x240 at 90 Hz"):
        choose(device, replace(config_for(D435), fps=90))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"preset": "sharp"}, "preset must be one of custom, default"),
        ({"laser_power": 150.0}, "has no laser_power"),
        ({"emitter": True}, "has no emitter_enabled"),
        ({"color_exposure_us": 8000.0}, "has no such setting"),
        ({"settings_file": "no.json"}, "cannot read realsense.settings_file no.json"),
    ],
)
def test_settings_that_a_device_does_not_have_are_named(config, message):
    device = SoftwareCamera(D435).device
    apply_settings(device, config_for(D435))
    with pytest.raises(SlamError, match=message):
        apply_settings(device, replace(config_for(D435), **config))


def test_decimated_depth_has_its_own_camera(make_camera, shots):
    live = make_camera()
    live.start()  # its first frame tells the size
    stream = live.stream(decimation=2, spatial_filter=True, timeout_s=5.0, reconnect_s=1.0)
    frames = [item for item in stream.frames() if isinstance(item, Frame)]
    assert (stream.camera.width, stream.camera.height) == (160, 120)
    assert stream.camera.fx == pytest.approx(PINHOLE.depth.camera.fx / 2)
    assert stream.camera.cx == pytest.approx(PINHOLE.depth.camera.cx / 2, abs=0.6)
    assert len(frames) > NUM_FRAMES // 2
    assert frames[-1].depth_m.shape == (120, 160)
    assert frames[-1].color is not None
    assert np.median(frames[-1].depth_m) == pytest.approx(
        np.median(shots[-1].depth) / 1000, rel=0.02
    )


def test_color_stops_and_comes_back(make_camera):
    def without_color(live, shot):
        push(live.software, replace(shot, color=None) if 20 < shot.number <= 40 else shot)

    frames, _ = _taken(make_camera(without_color))
    assert [frame.index for frame in frames] == list(range(NUM_FRAMES))
    has_color = np.array([frame.color is not None for frame in frames])
    assert has_color[:20].all()
    assert not has_color[20:40].any()
    assert has_color[42:].all()


def test_color_that_comes_late_is_waited_for_but_not_for_longer_than_a_frame(make_camera):
    def late(live, shot):
        live.software.push_depth(shot.depth, shot.number, shot.timestamp_s)
        time.sleep(0.015)
        live.software.push_color(shot.color, shot.number, shot.timestamp_s)

    frames, _ = _taken(make_camera(late))
    assert [frame.index for frame in frames] == list(range(NUM_FRAMES))
    assert np.mean([frame.color is not None for frame in frames]) > 0.9


@pytest.mark.parametrize("jump_s", [-5.0, -4294.967, 3600.0])
def test_a_clock_that_jumps_is_counted_on(make_camera, jump_s, caplog):
    def jump(live, shot):
        moved = shot.timestamp_s + (jump_s if shot.number > 30 else 0.0)
        push(live.software, replace(shot, timestamp_s=moved))

    frames, stream = _taken(make_camera(jump))
    assert stream.clock.num_jumps == 1
    assert sum("clock went from" in message for message in caplog.messages) == 1
    assert [frame.index for frame in frames] == list(range(NUM_FRAMES))
    assert _stamps_increase(frames)
    passed_s = frames[-1].timestamp_s - frames[0].timestamp_s
    assert passed_s == pytest.approx((NUM_FRAMES - 1) / CALM.fps, abs=0.2)


def test_frames_that_come_again_and_a_count_that_starts_again(make_camera):
    def again(live, shot):
        number = shot.number if shot.number <= 30 else shot.number - 30  # it was reset
        push(live.software, replace(shot, number=number))
        if shot.number % 5 == 0:
            live.software.push_depth(shot.depth, number, shot.timestamp_s)

    frames, _ = _taken(make_camera(again))
    assert [frame.index for frame in frames] == list(range(NUM_FRAMES))
    assert _stamps_increase(frames)


def test_a_third_of_the_frames_late(make_camera):
    """They come up to two periods after their time, and all are taken."""

    def late(live, shot):
        time.sleep(0.12 if shot.number % 3 == 0 else 0.0)
        push(live.software, shot)

    frames, _ = _taken(make_camera(late))
    assert [frame.index for frame in frames] == list(range(NUM_FRAMES))
    assert all(frame.color is not None for frame in frames)


def test_a_consumer_that_stalls_gets_the_newest_and_the_rest_is_counted(make_slow, tmp_path):
    def stall(snapshot):
        time.sleep(1.6 if snapshot.frame.index == 15 else 0.0)

    metrics, indices = _run(make_slow(), tmp_path, watch=stall)
    gap = max(b - a for a, b in itertools.pairwise(indices))
    assert 5 <= gap <= 13  # 16 frames went by, of which 8 wait
    assert metrics["dropped"] == NUM_SLOW - metrics["frames"] >= gap - 1
    assert metrics["lost"] == 0
    assert metrics["latency_ms"]["p50"] < 500.0  # what waits is dropped, not queued


def _run(live, out, watch=lambda snapshot: None, **config):
    """Run SLAM on a live camera; return metrics and the indices of the frames."""
    indices = []

    def note(snapshot):
        indices.append(snapshot.frame.index)
        watch(snapshot)

    stream = live.stream(**({"timeout_s": 5.0, "reconnect_s": 1.5} | config))
    slam_config = Config(playback=PlaybackConfig(max_depth_m=6.0))
    # Compiling comes first, as in every run; the camera begins once the first frame is asked for.
    frames = stream.frames

    def started():
        live.start()
        return frames()

    stream.frames = started
    return run(stream, slam_config, RunOptions(out, "realsense"), Onlookers([note])), indices


def test_unplugged_for_three_seconds_in_mid_run(make_slow, tmp_path, caplog):
    """Lost with its reason while it is away, then found again in the map that was kept."""
    states = {}

    def unplug(live, shot):
        if shot.number == 15:
            live.is_plugged = False
            time.sleep(3.0)
            live.is_plugged = True
            time.sleep(0.7)  # it is opened anew
        push(live.software, shot)

    def watch(snapshot):
        states[snapshot.frame.index] = snapshot.systems[0].result.state
        if snapshot.frame.index == NUM_SLOW - 1:
            raise KeyboardInterrupt

    live = make_slow(unplug)
    metrics, indices = _run(live, tmp_path, watch, timeout_s=0.6, reconnect_s=8.0)
    assert live.num_opened == 2
    assert metrics["outages"] == 1
    [lost] = [message for message in caplog.messages if "LOST: no frame" in message]
    assert "no frame from Software camera" in lost
    assert any("is back after" in message for message in caplog.messages)
    assert all(state is TrackState.OK for state in states.values())
    assert len(indices) >= NUM_SLOW - 10  # some are pushed while it is opened
    trajectory = load_run(tmp_path).trajectory
    assert len(trajectory) == len(indices)
    # and it goes on where it is: on the walk that it was rendered from
    poses = room_poses(NUM_SLOW)
    true_m = [(inverse(poses[0]) @ poses[index])[:3, 3] for index in indices]
    np.testing.assert_allclose(trajectory.positions_m, true_m, atol=0.02)
    assert max(np.diff(trajectory.timestamps_s)) > 3.0


def test_a_camera_that_does_not_come_back_ends_the_run_with_everything_written(
    make_slow, tmp_path, slow_shots
):
    live = make_slow(shots=slow_shots[:20])
    metrics, indices = _run(live, tmp_path, timeout_s=0.6, reconnect_s=1.2)
    assert indices == list(range(20))
    assert metrics["final_state"] == "LOST"
    assert metrics["outages"] == 1
    assert load_run(tmp_path).mesh_path is not None


@pytest.mark.parametrize("is_silent", [False, True])
def test_an_interrupt_ends_the_run_soon_with_map_and_trajectory(
    make_slow, tmp_path, slow_shots, is_silent, caplog
):
    """Also while the camera is silent and is waited for."""
    live = make_slow(shots=slow_shots[:20] if is_silent else slow_shots)
    sent_s = []

    def watch(snapshot):
        if snapshot.frame.index >= 12 and not sent_s:
            sent_s.append(time.monotonic())
            threading.Timer(1.5 if is_silent else 0.0, _thread.interrupt_main).start()

    _, indices = _run(live, tmp_path, watch, timeout_s=0.6, reconnect_s=60.0)
    assert "interrupted: writing what was mapped so far" in caplog.messages
    assert time.monotonic() - sent_s[0] < 10.0  # of the 60 s that a camera is waited for
    finished = load_run(tmp_path)
    assert len(finished.trajectory) == len(indices) >= 12
    assert finished.map_path is not None
    assert finished.mesh_path is not None


def test_outages_name_the_reason(make_camera, shots):
    live = make_camera(shots=shots[:5])
    stream = live.stream(timeout_s=0.6, reconnect_s=2.0)
    live.start()
    frames = stream.frames()
    assert all(isinstance(next(frames), Frame) for _ in range(5))
    live.is_plugged = False
    outages = list(frames)
    assert all(isinstance(outage, Outage) for outage in outages)
    assert "it is silent" in outages[0].reason
    assert "no RealSense camera is connected" in outages[-1].reason
