"""Scales that the images contradict are refused, unlikely ones are told, all others pass."""

import logging

import cv2
import numpy as np
import pytest

from slam.camera import Camera
from slam.config import PlaybackConfig
from slam.errors import BadFrameError, SlamError
from slam.sources.depth_reader import DepthStorage, read_stored
from slam.sources.depth_scale import KNOWN_SCALES, checked_storage

CAMERA = Camera(40, 30, 40.0, 40.0, 19.5, 14.5)


def checked(paths, storage, where="x", **config):
    def read(index):
        return read_stored(paths[index])

    return checked_storage(read, len(paths), storage, CAMERA, where, PlaybackConfig(**config))


@pytest.fixture
def check(tmp_path, caplog):
    """Return what looks at images of this median, of a wall that is not flat."""

    def check(median, stated, dtype=np.uint16, origin="", **config):
        paths = []
        for number in range(3):
            image = median * np.linspace(0.7, 1.3, 1200).reshape(30, 40)
            paths.append(tmp_path / f"{number}.{'tiff' if dtype == np.float32 else 'png'}")
            cv2.imwrite(str(paths[-1]), image.astype(dtype))
        storage = DepthStorage(stated, scale_origin=origin)
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            return checked(paths, storage, "room", **config)

    return check


@pytest.mark.parametrize("true", [1000.0, 4000.0, 5000.0, 6553.5, 10000.0])
@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_an_impossible_scale_is_refused_and_a_likely_one_named(check, true, factor):
    with pytest.raises(SlamError, match=f"depth_scale {true:g} .* would make it 2 m") as error:
        check(2.0 * true, true * factor)
    assert not isinstance(error.value, BadFrameError)  # the run ends: playback must not skip it
    assert f"median depth {2.0 / factor:.3g} m" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("scale", KNOWN_SCALES)
@pytest.mark.parametrize("depth_m", [0.6, 2.0, 4.0])
def test_depth_of_rooms_passes_without_a_word(check, caplog, scale, depth_m):
    dtype = np.float32 if scale == 1.0 else np.uint16
    assert check(depth_m * scale, scale, dtype).scale == scale
    assert not caplog.text


def test_depth_that_is_all_out_of_range_is_refused(check):
    """Quarter millimetres taken as millimetres."""
    with pytest.raises(SlamError, match=r"median depth 8 m .*out of range.*depth_scale 4000"):
        check(8000.0, 1000.0)
    assert check(8000.0, 1000.0, max_depth_m=20.0).scale == 1000.0


def test_unusual_depth_is_told_with_the_scale_that_would_be_usual(check, caplog):
    assert check(1500.0, 5000.0, origin="the default of TUM RGB-D").scale == 5000.0
    assert "median depth 0.3 m with depth_scale 5000 (the default of TUM RGB-D" in caplog.text
    assert "depth_scale 1000 (millimetres" in caplog.text


def test_floats_are_metres_unless_the_stated_scale_makes_more_sense(check, caplog):
    assert check(2.0, 1000.0, np.float32).scale == 1.0
    assert "taken as metres" in caplog.text
    assert check(2000.0, 1000.0, np.float32).scale == 1000.0


def test_images_of_another_size_are_refused_at_once(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.full((40, 30), 2000, np.uint16))
    with pytest.raises(SlamError, match="its depth images are 30x40, its camera is 40x30"):
        checked([tmp_path / "0.png"], DepthStorage(1000.0))


def test_images_that_are_no_depth_are_refused_at_once(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.full((30, 40, 3), 200, np.uint8))
    with pytest.raises(SlamError, match="must be a 16-bit depth image, got uint8"):
        checked([tmp_path / "0.png"], DepthStorage(1000.0))


def test_empty_images_say_nothing_about_the_scale(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((30, 40), np.uint16))
    paths, storage = [tmp_path / "0.png"], DepthStorage(1.0)
    assert checked(paths, storage) is storage
