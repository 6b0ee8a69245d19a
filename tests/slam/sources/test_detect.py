import pytest

from slam.config import Config
from slam.errors import SlamError
from slam.sources.detect import FORMATS, is_stream, open_source


def _message(spec):
    with pytest.raises(SlamError) as error:
        open_source(str(spec), Config())
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_unknown_folder_lists_what_was_looked_for(tmp_path):
    (tmp_path / "holiday.jpg").touch()
    (tmp_path / "depth").mkdir()
    message = _message(tmp_path)
    assert "it holds depth (empty), holiday.jpg" in message
    for kind, (marks, _) in FORMATS.items():
        assert kind in message
        assert all(mark in message for mark in marks)


def test_what_does_not_exist(tmp_path):
    assert "does not exist" in _message(tmp_path / "nothing")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "video.mp4").touch()
    assert "in no known format; give a folder" in _message(tmp_path / "video.mp4")


@pytest.mark.parametrize("depth", [1, 2])
def test_a_folder_of_recordings_names_them(tmp_path, sample, depth):
    for k in range(10):
        sample.write["folder"](tmp_path / "/".join(["scene"] * (depth - 1) + [f"rec {k}"]))
    message = _message(tmp_path)
    assert "rec 0" in message
    assert "and 2 more: give one of these" in message


@pytest.mark.parametrize("part", ["depth", "depth/8.png", "camera.yaml"])
def test_a_part_of_a_recording_names_the_whole(tmp_path, sample, part):
    sample.write["folder"](tmp_path)
    assert f"but {tmp_path} is (plain folder): give that" in _message(tmp_path / part)


@pytest.mark.parametrize("name", ["rec.zip", "rec.tar.gz", "REC.7Z"])
def test_an_archive_is_to_be_unpacked(tmp_path, name):
    (tmp_path / name).write_bytes(b"PK")
    assert "unpack it" in _message(tmp_path / name)


def test_names_that_mean_something_to_others(tmp_path, sample):
    """To a shell, a URL, SQLite's or ffmpeg's file names."""
    folder = tmp_path / "my rec äöü (1) #2 100%?"
    sample.write["folder"](folder)
    assert len(open_source(f"{folder}/", Config()).timestamps_s) == sample.num_frames


def test_what_may_not_be_read_is_one_line(tmp_path, sample, monkeypatch):
    sample.write["folder"](tmp_path)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(tmp_path), "iterdir", refuse)
    assert f"cannot read {tmp_path}: Permission denied" in _message(tmp_path)


@pytest.mark.parametrize("spec", ["realsense", "recording.bag", "recording.db3"])
def test_a_realsense_is_a_stream_and_no_source_with_random_access(spec):
    assert is_stream(spec)
    assert "only `slam run` and `slam compare` take a RealSense stream" in _message(spec)


def test_a_folder_is_no_stream():
    assert not is_stream("recording")


def test_images_without_a_camera_ask_for_it(tmp_path, sample):
    sample.write["folder"](tmp_path)
    (tmp_path / "camera.yaml").unlink()
    assert "add a camera.yaml" in _message(tmp_path)


def test_a_scene_root_of_7_scenes_names_its_sequences(tmp_path, sample):
    sample.write["seven_scenes"](tmp_path / "seq-01")
    assert "choose one: seq-01" in _message(tmp_path)


def test_empty_lists_are_refused(tmp_path, sample):
    sample.write["tum"](tmp_path)
    (tmp_path / "depth.txt").write_text("# nothing\n")
    assert "lists no images" in _message(tmp_path)


def test_synthetic_scenes_open_by_name():
    assert len(open_source("synthetic", Config()).timestamps_s) > 0
    assert open_source("synthetic:room", Config()).name == "synthetic:room"
    assert "nowhere" in _message("synthetic:nowhere")
