"""Recordings of the SDK, made from our sequences and played back by its pipeline."""

import logging
import time
from dataclasses import astuple, replace

import numpy as np
import pytest

from slam.config import Config, PlaybackConfig, RealSenseConfig
from slam.errors import SlamError
from slam.evaluation.trajectory import evaluate_trajectory
from slam.runs.single import RunOptions, run
from slam.scenes import room
from slam.sources.base import Outage, Stream
from slam.sources.detect import open_source_or_stream
from slam.sources.image_sequence import ImageSequence
from slam.sources.playback import PlaybackCounts, playback
from slam.sources.realsense.open import open_recording
from slam.sources.tum import list_tum
from slam.trajectory import Trajectory, read_tum

from .conftest import (
    D435,
    PINHOLE,
    T_COLOR_DEPTH,
    calibration_of_source,
    record,
    room_poses,
    room_shots,
    shots_of,
)

pytestmark = pytest.mark.timeout(120)
CONFIG = RealSenseConfig()
NUM_FRAMES = 12


@pytest.fixture(scope="module")
def shots():
    return room_shots(NUM_FRAMES, D435, first=17)


@pytest.fixture(scope="module")
def recording(shots, tmp_path_factory):
    return record(tmp_path_factory.mktemp("recording") / "room.db3", D435, shots)


def _play(path):
    stream = open_recording(path, CONFIG)
    frames = list(stream.frames())
    assert not any(isinstance(frame, Outage) for frame in frames)
    return stream, frames


def test_every_frame_comes_back_once_with_its_own_pixels_and_time(recording, shots):
    stream, frames = _play(recording)
    assert isinstance(stream, Stream)
    assert [frame.index for frame in frames] == list(range(NUM_FRAMES))
    for frame, shot in zip(frames, shots, strict=True):
        np.testing.assert_array_equal(frame.depth_m, shot.depth * np.float32(0.001))
        assert frame.timestamp_s == pytest.approx(shot.timestamp_s, abs=1e-6)
        assert frame.color is not None
        assert frame.arrival_s is None
    assert stream.clock.num_missing == stream.clock.num_jumps == 0


def test_cameras_come_from_the_recording(recording):
    stream, _ = _play(recording)
    found = stream._registration.calibration
    np.testing.assert_allclose(astuple(found.depth.camera), astuple(D435.depth.camera), rtol=1e-6)
    assert found.depth_unit_m == pytest.approx(0.001)
    assert found.color is not None
    assert D435.color is not None
    assert found.color.model == "inverse_brown_conrady"
    np.testing.assert_allclose(found.color.coefficients, D435.color.coefficients, rtol=1e-6)
    np.testing.assert_allclose(
        found.T_color_depth, T_COLOR_DEPTH, atol=1e-6
    )  # stored with six decimals
    # z^2 sigma_d / (f b)
    expected_m = 0.0005 + 4.0 * CONFIG.disparity_sigma_px / (195.0 * 0.05)
    assert stream.depth_noise.sigma_m(2.0) == pytest.approx(expected_m, rel=1e-6)


def test_color_is_what_the_depth_camera_would_have_seen(tmp_path):
    """The room again, rendered in colour from the depth camera's own place."""
    shots = room_shots(1, PINHOLE)
    _, [frame] = _play(record(tmp_path / "room.db3", PINHOLE, shots))
    _, wanted = room.scene().render(PINHOLE.depth.camera, room_poses(1)[0])
    assert frame.color is not None
    # colour sees 76 degrees of the depth camera's 79
    inner = np.s_[20:-20, 20:-20]
    error = np.abs(frame.color[inner].astype(int) - wanted[inner]).max(axis=2)
    assert np.median(error) <= 4
    assert (error > 40).mean() < 0.03  # edges of the texture, and the little that is hidden
    # and by the wrong extrinsics it is not
    moved = np.abs(np.roll(frame.color, 2, axis=1)[inner].astype(int) - wanted[inner]).max(axis=2)
    assert (moved > 40).mean() > 2 * (error > 40).mean()


def test_a_consumer_that_stalls_loses_nothing(recording):
    indices = []
    for frame in open_recording(recording, CONFIG).frames():
        assert not isinstance(frame, Outage)
        indices.append(frame.index)
        time.sleep(0.15 if frame.index % 4 == 0 else 0.0)
    assert indices == list(range(NUM_FRAMES))


def test_stride_and_limit_hold_for_a_stream(recording):
    def indices(**config):
        counts = PlaybackCounts()
        stream = open_recording(recording, CONFIG)
        found = [f.index for f in playback(stream, PlaybackConfig(**config), counts)]
        return found, counts.dropped

    assert indices(stride=5) == ([0, 5, 10], 0)
    assert indices(stride=5, limit=2) == ([0, 5], 0)
    assert indices(limit=3) == ([0, 1, 2], 0)


def test_frames_that_the_device_lost_are_counted(tmp_path, shots):
    """The 5th and the 6th are missing, and the one after has no colour: it is kept."""
    left = [*shots[:4], replace(shots[6], color=None), *shots[7:]]
    stream = open_recording(record(tmp_path / "gap.db3", D435, left), CONFIG)
    counts = PlaybackCounts()
    frames = list(playback(stream, PlaybackConfig(), counts))
    assert [frame.index for frame in frames] == [0, 1, 2, 3, *range(6, NUM_FRAMES)]
    assert counts.dropped == 2
    assert counts.without_color == 1


def test_depth_without_color_is_a_stream_too(tmp_path, shots):
    depth_only = replace(D435, color=None, T_color_depth=None)
    bare = [replace(shot, color=None) for shot in shots]
    _, frames = _play(record(tmp_path / "depth.db3", depth_only, bare))
    assert len(frames) == NUM_FRAMES
    assert all(frame.color is None for frame in frames)


@pytest.mark.parametrize("kept", [0.4, 0.9])
def test_a_recording_that_is_cut_off_replays_up_to_the_cut_with_one_warning(
    recording, tmp_path, caplog, kept
):
    whole = recording.read_bytes()
    cut = tmp_path / "cut.db3"
    cut.write_bytes(whole[: int(kept * len(whole))])
    with caplog.at_level(logging.WARNING):
        _, frames = _play(cut)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert kept * NUM_FRAMES - 3 < len(frames) < NUM_FRAMES
    [warning] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "cut.db3 is cut off: replaying the" in warning.getMessage()
    assert cut.stat().st_size == int(kept * len(whole))  # it is left as it was


def test_files_that_are_no_recording_are_named(tmp_path, recording):
    with pytest.raises(SlamError, match=r"no\.db3 does not exist"):
        open_recording(tmp_path / "no.db3", CONFIG)
    (tmp_path / "text.db3").write_text("hello")
    with pytest.raises(SlamError, match=r"cannot open recording text\.db3: \S"):
        open_recording(tmp_path / "text.db3", CONFIG)
    (tmp_path / "cut.db3").write_bytes(recording.read_bytes()[:30000])
    with pytest.raises(SlamError, match="cut off"):
        open_recording(tmp_path / "cut.db3", CONFIG)
    noisy = Config(noise=Config().noise.__class__(model="kinect"))
    with pytest.raises(SlamError, match="noise is added to clean recordings"):
        open_source_or_stream(str(recording), noisy)


def test_a_whole_run_is_as_accurate_as_from_files(data_dir, tmp_path):
    """A real Kinect's frames, from files and from a recording: the same bits, the same poses."""
    num_frames = 40
    source = ImageSequence(list_tum(data_dir / "redkitchen"))
    path = tmp_path / "kitchen.db3"
    record(path, calibration_of_source(source), shots_of(source, num_frames))
    config = Config(deterministic=True, playback=PlaybackConfig(limit=num_frames))
    from_files = run(source, config, RunOptions(tmp_path / "files", "kitchen"))
    stream = open_recording(path, CONFIG)
    from_recording = run(stream, config, RunOptions(tmp_path / "recording", str(path)))
    assert from_recording["tracked"] == from_files["tracked"] == num_frames
    assert from_recording["dropped"] == 0
    a, b = (read_tum(tmp_path / name / "trajectory.txt") for name in ("files", "recording"))
    assert np.abs(a.positions_m - b.positions_m).max() < 1e-4  # registration moves colour by < 1
    truth = source.ground_truth()
    assert truth is not None
    assert _ate(b, truth) < 1.1 * _ate(a, truth)


def _ate(trajectory: Trajectory, truth: Trajectory) -> float:
    return evaluate_trajectory(trajectory, truth).ate_rmse_m
