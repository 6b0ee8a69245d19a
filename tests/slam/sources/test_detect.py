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
    message = _message(tmp_path)
    for kind, (marks, _) in FORMATS.items():
        assert kind in message
        assert all(mark in message for mark in marks)


def test_what_does_not_exist(tmp_path):
    assert "does not exist" in _message(tmp_path / "nothing")


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "video.mp4").touch()
    assert "in no known format; give a folder" in _message(tmp_path / "video.mp4")


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
