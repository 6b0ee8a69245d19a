import cv2
import numpy as np
import pytest

from slam.camera import Camera
from slam.errors import BadFrameError, SlamError
from slam.sources.depth_reader import DepthReader, DepthStorage, z_of_rays

CAMERA = Camera(20, 10, 20.0, 20.0, 9.5, 4.5)
TRUE_M = np.linspace(0.5, 3.0, 200, dtype=np.float32).reshape(10, 20)


def _write(path, value, dtype=np.uint16):
    cv2.imwrite(str(path), np.full((10, 20), value, dtype))
    return path


def _reader(scale):
    return DepthReader(CAMERA, DepthStorage(scale))


@pytest.mark.parametrize("scale", [1000.0, 5000.0, 6553.5])
@pytest.mark.parametrize("depth_m", [0.1, 2.0, 9.9])
def test_depth_is_read_in_metres(tmp_path, scale, depth_m):
    path = _write(tmp_path / "0.png", round(depth_m * scale))
    np.testing.assert_allclose(_reader(scale).read(path), depth_m, atol=0.5 / scale + 1e-6)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".tiff", ".pgm", ".npy", ".npz"])
def test_integers_of_16_bits_in_every_file(tmp_path, suffix):
    stored, path = np.rint(TRUE_M * 1000).astype(np.uint16), tmp_path / f"0{suffix}"
    if suffix == ".npy":
        np.save(path, stored)
    elif suffix == ".npz":
        np.savez(path, depth=stored, other=np.zeros(3))
    else:
        assert cv2.imwrite(str(path), stored)
    np.testing.assert_allclose(_reader(1000.0).read(path), TRUE_M, atol=0.0005 + 1e-6)


@pytest.mark.parametrize("suffix", [".tiff", ".npy"])
def test_floats_are_read_and_what_is_no_number_is_missing(tmp_path, suffix):
    stored, path = TRUE_M.copy(), tmp_path / f"0{suffix}"
    stored[0, :3] = np.nan, np.inf, -1.0
    np.save(path, stored) if suffix == ".npy" else cv2.imwrite(str(path), stored)
    read_m = _reader(1.0).read(path)
    np.testing.assert_array_equal(read_m[0, :3], 0.0)
    np.testing.assert_allclose(read_m[1:], TRUE_M[1:])


def test_saturated_readings_are_missing(tmp_path):
    assert not _reader(1000.0).read(_write(tmp_path / "0.png", 65535)).any()


def test_depth_of_a_ray_is_its_length_but_for_the_angle():
    """A wall across the view has one depth, and grows more distant to its corners."""
    v, u = np.mgrid[:10, :20]
    length_m = 2.0 * np.sqrt(((u - 9.5) / 20) ** 2 + ((v - 4.5) / 20) ** 2 + 1)
    np.testing.assert_allclose(length_m * z_of_rays(CAMERA), 2.0, rtol=1e-6)


@pytest.mark.parametrize("size", [(20, 10), (40, 20)])
def test_low_confidence_is_missing_depth(tmp_path, size):
    """Confidence may have another size; 0 is low, 1 and 2 are kept."""
    path = _write(tmp_path / "0.png", 2000)
    confidence = np.repeat(np.array([0, 1, 2, 2], np.uint8), 5)[None].repeat(10, axis=0)
    confidence = cv2.resize(confidence, size, interpolation=cv2.INTER_NEAREST)
    cv2.imwrite(str(tmp_path / "confidence.png"), confidence)
    read_m = _reader(1000.0).read(path, tmp_path / "confidence.png")
    np.testing.assert_array_equal(read_m[:, :5], 0.0)
    np.testing.assert_allclose(read_m[:, 5:], 2.0)


def test_eight_bit_and_color_images_are_no_depth(tmp_path):
    with pytest.raises(BadFrameError, match="16-bit"):
        _reader(1000.0).read(_write(tmp_path / "0.png", 200, np.uint8))
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((10, 20, 3), np.uint16))
    with pytest.raises(BadFrameError, match="16-bit"):
        _reader(1000.0).read(tmp_path / "1.png")


@pytest.mark.parametrize("data", [b"", b"no array", b"PK no archive"])
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_a_broken_array_is_a_bad_frame(tmp_path, suffix, data):
    path = tmp_path / f"0{suffix}"
    path.write_bytes(data)
    with pytest.raises(BadFrameError, match="cannot be read"):
        _reader(1.0).read(path)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_scale_must_be_positive(scale):
    with pytest.raises(SlamError, match="positive"):
        DepthStorage(scale)
