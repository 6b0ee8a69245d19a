"""Recording a live camera, and what replaying the recording gives."""

import errno
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from slam.config import Config, PlaybackConfig, RealSenseConfig
from slam.errors import SlamError
from slam.runs.finished import load_run
from slam.runs.single import RunOptions, run
from slam.sources import folder_writer
from slam.sources.folder import list_folder
from slam.sources.image_sequence import ImageSequence
from slam.sources.playback import playback
from slam.sources.realsense import record as recording
from slam.sources.realsense.open import open_recording
from slam.sources.realsense.record import record
from slam.sources.realsense.sensors import SensorFeed

from .conftest import NUM_SLOW, PINHOLE, SLOW, room_shots
from .conftest import record as record_shots
from .live import LiveCamera

pytestmark = pytest.mark.timeout(90)
NUM_FRAMES = 45


@pytest.fixture(scope="module")
def shots():
    return room_shots(NUM_FRAMES)


@pytest.fixture
def live(shots):
    camera = LiveCamera(PINHOLE, shots)
    camera.config = RealSenseConfig(
        **(vars(camera.config) | {"timeout_s": 3.0, "reconnect_s": 1.5})
    )
    yield camera
    camera.close()


def _record(live, path, limit=0, on_frame=lambda recorded: None):
    def connect():
        feed = live.connect()
        if not live.is_started:
            live.start()
        return feed

    return record(connect, live.config, path, limit, on_frame)


def test_a_folder_is_lossless_and_keeps_the_times(live, shots, tmp_path):
    recorded = _record(live, tmp_path / "new")
    assert recorded.frames + recorded.dropped == NUM_FRAMES
    source = ImageSequence(list_folder(tmp_path / "new"))
    stamps_s, numbers = source.timestamps_s, []
    for frame in playback(source, PlaybackConfig(max_depth_m=60.0, min_depth_m=0.0)):
        number = round((stamps_s[frame.index] - stamps_s[0]) * 30)
        numbers.append(number)
        np.testing.assert_array_equal(
            np.rint(frame.depth_m * 1000).astype(np.uint16), shots[number].depth
        )
        assert frame.color is not None
    assert len(numbers) == recorded.frames
    assert source.camera.fx == pytest.approx(PINHOLE.depth.camera.fx)
    noise = PINHOLE.depth_noise(RealSenseConfig().disparity_sigma_px)
    assert source.depth_noise.sigma_m(2.0) == pytest.approx(noise.sigma_m(2.0))


def test_recording_to_a_folder_ends_after_so_many_frames(live, tmp_path):
    assert _record(live, tmp_path / "new", limit=7).frames == 7
    assert len(ImageSequence(list_folder(tmp_path / "new")).timestamps_s) == 7


def test_a_disk_that_fills_up_is_one_line_and_what_is_written_can_be_used(
    live, tmp_path, monkeypatch
):
    write_image = folder_writer.write_image
    num_written = 0

    def fill_up(path: Path, image, options):
        nonlocal num_written
        num_written += 1
        if num_written > 21:
            path.write_bytes(b"half an image")
            raise OSError(errno.ENOSPC, "No space left on device")
        write_image(path, image, options)

    monkeypatch.setattr(folder_writer, "write_image", fill_up)
    with pytest.raises(SlamError) as raised:
        _record(live, tmp_path / "new")
    assert str(raised.value).endswith("No space left on device; its first 10 frames are whole")
    source = ImageSequence(list_folder(tmp_path / "new"))
    assert len(list(playback(source, PlaybackConfig(max_depth_m=60.0)))) == 10
    assert len(list((tmp_path / "new" / "depth").iterdir())) == 10


def test_a_recording_ends_before_the_disk_is_full(live, tmp_path, monkeypatch):
    left = iter(range(3_000_000_000, -10_000_000_000, -150_000_000))
    monkeypatch.setattr(
        recording.shutil, "disk_usage", lambda path: SimpleNamespace(free=next(left))
    )
    with pytest.raises(
        SlamError, match=r"150 MB are left on the disk of .*: the recording ends"
    ) as e:
        _record(live, tmp_path / "new")
    assert "frames, which can be used" in str(e.value)
    assert len(ImageSequence(list_folder(tmp_path / "new")).timestamps_s) >= 15


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("there.db3", "exists: give a new file"),
        ("no/where.db3", "there is no folder"),
        ("old.bag", r"records \.db3: give .*old\.db3"),
        ("full", "is not empty"),
    ],
)
def test_nothing_is_overwritten(live, tmp_path, name, message):
    (tmp_path / "there.db3").write_text("mine")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    with pytest.raises(SlamError, match=message):
        _record(live, tmp_path / name)
    assert (tmp_path / "there.db3").read_text() == "mine"


def test_a_recording_of_a_run_replays_to_the_same_frames_and_trajectory(tmp_path):
    """The SDK's recorder sits between a device and its sensors, so both see the same frames."""
    import pyrealsense2 as rs

    path = tmp_path / "live.db3"
    live = LiveCamera(SLOW, room_shots(NUM_SLOW, SLOW))
    recorders = []

    def connect():
        recorders.append(rs.recorder(str(path), live.software.device))
        return SensorFeed(recorders[0], live.config)

    live.connect = connect
    stream = live.stream(timeout_s=5.0, reconnect_s=1.0)
    frames = stream.frames

    def started():
        live.start()
        return frames()

    stream.frames = started
    config = Config(playback=PlaybackConfig(max_depth_m=6.0))
    run(stream, config, RunOptions(tmp_path / "live", "realsense"))
    live.close()
    recorders.clear()  # closes the file
    replayed = run(
        open_recording(path, live.config), config, RunOptions(tmp_path / "replay", str(path))
    )
    assert replayed["frames"] == NUM_SLOW
    assert replayed["dropped"] == 0
    a, b = load_run(tmp_path / "live"), load_run(tmp_path / "replay")
    assert [frame.index for frame in b.frames] == list(range(NUM_SLOW))
    by_stamp = {round(t, 5): p for t, p in zip(*_positions(b), strict=True)}
    stamps_s, positions_m = _positions(a)
    assert len(stamps_s) >= NUM_SLOW - 3  # a busy machine may drop a live frame
    replayed_m = np.array([by_stamp[round(t, 5)] for t in stamps_s])
    assert np.abs(replayed_m - positions_m).max() < 0.001


def _positions(finished):
    return finished.trajectory.timestamps_s, finished.trajectory.positions_m


def test_a_file_that_the_sdk_could_not_finish_is_still_of_use(tmp_path, shots):
    """The SDK says nothing of a full disk: the file just ends."""
    path = record_shots(tmp_path / "whole.db3", PINHOLE, shots[:12])
    cut = tmp_path / "cut.db3"
    shutil.copyfile(path, cut)
    with cut.open("r+b") as file:
        file.truncate(path.stat().st_size * 2 // 3)
    assert 4 <= len(list(open_recording(cut, RealSenseConfig()).frames())) < 12
