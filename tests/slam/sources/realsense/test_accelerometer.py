"""The accelerometer of a software device: live, recorded, and absent."""

import time
from dataclasses import replace

import numpy as np
import pytest

from slam.config import RealSenseConfig
from slam.frame import Frame
from slam.geometry import se3_exp
from slam.sources.folder import list_folder
from slam.sources.image_sequence import ImageSequence
from slam.sources.realsense import accelerometer
from slam.sources.realsense.open import open_recording
from slam.sources.realsense.record import record as record_stream
from slam.sources.realsense.sensors import SensorFeed
from slam.sources.realsense.software import SoftwareCamera

from .conftest import PINHOLE, push, room_shots
from .live import LiveCamera

pytestmark = pytest.mark.timeout(60)
NUM_FRAMES = 20
SAMPLES = 6  # a frame
T_ACCEL_DEPTH = se3_exp(np.array([0.01, 0.02, 0.0, 0.4, -0.8, 1.2]))


@pytest.fixture(scope="module")
def shots():
    return room_shots(NUM_FRAMES)


def felt(number: int) -> np.ndarray:
    """The mean of a frame's samples, in the depth camera's axes."""
    return np.array([0.02 * number, -9.81, 0.3])


def push_felt(camera: SoftwareCamera, shot, T_accel_depth=T_ACCEL_DEPTH, **options) -> None:
    """Push a frame after the samples since the last one, which vary about their mean."""
    for k in range(SAMPLES):
        sample = felt(shot.number) + 0.1 * (k - (SAMPLES - 1) / 2)
        number = SAMPLES * shot.number + k
        stamp_s = shot.timestamp_s - (SAMPLES - 1 - k) / 30 / SAMPLES
        camera.push_acceleration(T_accel_depth[:3, :3] @ sample, number, stamp_s, **options)
    push(camera, shot)


def live_camera(shots, push_one=push_felt, T_accel_depth=T_ACCEL_DEPTH) -> LiveCamera:
    live = LiveCamera(PINHOLE, shots, lambda live, shot: push_one(live.software, shot))
    live.software = SoftwareCamera(PINHOLE, T_accel_depth=T_accel_depth)
    return live


def taken(live: LiveCamera, **config) -> list[Frame]:
    stream = live.stream(timeout_s=5.0, reconnect_s=0.8, **config)
    live.start()
    return [item for item in stream.frames() if isinstance(item, Frame)]


def assert_felt(frames) -> None:
    assert len(frames) == NUM_FRAMES
    for frame in frames:
        np.testing.assert_allclose(frame.acceleration, felt(frame.index + 1), atol=1e-4)


def test_a_frame_has_the_mean_of_its_samples_in_the_depth_cameras_axes(shots):
    assert_felt(taken(live_camera(shots)))


def test_it_can_be_left_off(shots):
    frames = taken(live_camera(shots), imu=False)
    assert len(frames) == NUM_FRAMES
    assert all(frame.acceleration is None for frame in frames)


def test_a_device_without_one(shots):
    frames = taken(live_camera(shots, push, None))
    assert len(frames) == NUM_FRAMES
    assert all(frame.acceleration is None for frame in frames)


def test_one_that_is_silent_does_not_silence_the_camera(shots):
    frames = taken(live_camera(shots, push))
    assert len(frames) == NUM_FRAMES
    assert all(frame.acceleration is None for frame in frames)


def test_one_that_does_not_start_is_a_warning(shots, monkeypatch, caplog):
    def refuse(*_):
        raise RuntimeError("hid: permission denied")

    monkeypatch.setattr(accelerometer, "Accelerometer", refuse)
    frames = taken(live_camera(shots))
    assert len(frames) == NUM_FRAMES
    assert "going on without the accelerometer: hid: permission denied" in caplog.messages


def test_samples_of_another_clock_are_not_mixed_in(shots):
    def other(camera, shot):
        push_felt(camera, shot, clock="system_time" if shot.number > 5 else "hardware_clock")

    frames = taken(live_camera(shots, other))
    has_any = [frame.acceleration is not None for frame in frames]
    assert has_any == [True] * 5 + [False] * (NUM_FRAMES - 5)


def test_a_clock_that_jumps_back_costs_no_more_than_it_has_to(shots):
    def jump(camera, shot):
        moved = shot.timestamp_s - (3600.0 if shot.number > 10 else 0.0)
        push_felt(camera, replace(shot, timestamp_s=moved))

    assert_felt(taken(live_camera(shots, jump)))


@pytest.fixture
def recorded(shots, tmp_path):
    """A recording by the SDK of a camera whose axes are parallel, as those of recordings are."""
    import pyrealsense2 as rs

    path = tmp_path / "felt.db3"
    camera = SoftwareCamera(PINHOLE, T_accel_depth=np.eye(4))
    recorder = rs.recorder(str(path), camera.device)
    live = live_camera(shots)
    feed = SensorFeed(recorder, live.config)
    for shot in shots:
        push_felt(camera, shot, np.eye(4))
        time.sleep(0.001)
    time.sleep(0.2)
    feed.close()
    del feed, recorder  # closes the file
    return path


def test_a_recording_plays_the_same_each_time(recorded):
    for _ in range(5):
        assert_felt(list(open_recording(recorded, RealSenseConfig()).frames()))


def test_a_recording_can_be_played_without(recorded):
    frames = list(open_recording(recorded, RealSenseConfig(imu=False)).frames())
    assert [frame.acceleration for frame in frames] == [None] * NUM_FRAMES


def test_a_folder_keeps_it(shots, tmp_path):
    live = live_camera(shots)

    def connect():
        feed = live.connect()
        if not live.is_started:
            live.start()
        return feed

    config = replace(live.config, timeout_s=3.0, reconnect_s=1.0)
    record_stream(connect, config, tmp_path / "new", 0, lambda recorded: None)
    source = ImageSequence(list_folder(tmp_path / "new"))
    stamps_s = source.timestamps_s
    assert len(stamps_s) > NUM_FRAMES // 2
    for index, stamp_s in enumerate(stamps_s):
        number = 1 + round((stamp_s - stamps_s[0]) * 30)
        np.testing.assert_allclose(source.read(index).acceleration, felt(number), atol=1e-4)
