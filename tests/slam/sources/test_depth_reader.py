import cv2
import numpy as np
import pytest

from slam.camera import Camera
from slam.errors import BadFrameError, SlamError
from slam.sources.depth_reader import DepthReader

CAMERA = Camera(20, 10, 20.0, 20.0, 9.5, 4.5)


def _write(path, value, dtype=np.uint16):
    cv2.imwrite(str(path), np.full((10, 20), value, dtype))
    return path


@pytest.mark.parametrize(
    ("stated", "true"), [(1.0, 1000.0), (1.0, 5000.0), (1e6, 1000.0), (5e5, 5000.0), (1.0, 6553.5)]
)
def test_wrong_scale_is_refused_with_the_median_and_a_better_scale(tmp_path, stated, true):
    path = _write(tmp_path / "0.png", round(2.0 * true))  # two metres
    with pytest.raises(SlamError, match=f"depth_scale {true:g} would make it 2 m") as error:
        DepthReader(CAMERA, stated).read(path)
    assert not isinstance(error.value, BadFrameError)  # the run ends: playback must not skip it
    assert f"median depth {2.0 * true / stated:.3g} m" in str(error.value)


@pytest.mark.parametrize("scale", [1000.0, 5000.0, 6553.5])
@pytest.mark.parametrize("depth_m", [0.1, 2.0, 9.9])
def test_plausible_depth_is_read(tmp_path, scale, depth_m):
    path = _write(tmp_path / "0.png", round(depth_m * scale))
    read_m = DepthReader(CAMERA, scale).read(path)
    np.testing.assert_allclose(read_m, depth_m, atol=0.5 / scale + 1e-6)


def test_an_empty_first_image_does_not_use_up_the_check(tmp_path):
    reader = DepthReader(CAMERA, 1.0)
    assert not reader.read(_write(tmp_path / "0.png", 0)).any()
    assert not reader.read(_write(tmp_path / "1.png", 65535)).any()  # saturated = missing
    with pytest.raises(SlamError, match="depth_scale 1000"):
        reader.read(_write(tmp_path / "2.png", 2000))


def test_eight_bit_and_color_images_are_no_depth(tmp_path):
    with pytest.raises(BadFrameError, match="16-bit"):
        DepthReader(CAMERA, 1000.0).read(_write(tmp_path / "0.png", 200, np.uint8))
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((10, 20, 3), np.uint16))
    with pytest.raises(BadFrameError, match="16-bit"):
        DepthReader(CAMERA, 1000.0).read(tmp_path / "1.png")


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_scale_must_be_positive(scale):
    with pytest.raises(SlamError, match="positive"):
        DepthReader(CAMERA, scale)
