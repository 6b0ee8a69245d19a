import sys

import cv2
import numpy as np
import pytest

from slam.errors import BadFrameError
from slam.sources.images import read_color, read_image

from .containers import write_exr


@pytest.fixture(params=[".png", ".jpg"])
def path(request, tmp_path):
    path = tmp_path / f"image{request.param}"
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), dtype=np.uint8)
    cv2.imwrite(str(path), noise)
    return path


def test_color_is_rgb(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((4, 5, 3), (0, 0, 255), np.uint8))  # BGR
    assert read_color(tmp_path / "red.png")[2, 3].tolist() == [255, 0, 0]


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_truncated_anywhere_is_bad(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(BadFrameError, match=path.name):
        read_image(path, cv2.IMREAD_UNCHANGED)


def test_flipped_bit_in_png_is_bad(tmp_path):
    path = tmp_path / "depth.png"
    cv2.imwrite(str(path), np.arange(2400, dtype=np.uint16).reshape(40, 60))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(BadFrameError, match=r"depth\.png"):
        read_image(path, cv2.IMREAD_UNCHANGED)


def test_padding_behind_the_end_is_fine(path):
    expected = read_color(path)
    path.write_bytes(path.read_bytes() + b"\0" * 100)
    np.testing.assert_array_equal(read_color(path), expected)


def test_missing_and_foreign_files_are_bad(tmp_path):
    with pytest.raises(BadFrameError, match="No such file"):
        read_image(tmp_path / "nothing.png", cv2.IMREAD_UNCHANGED)
    (tmp_path / "text.png").write_text("not an image")
    with pytest.raises(BadFrameError, match="no image"):
        read_image(tmp_path / "text.png", cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 9\n", "git lfs pull"),
        (b"\n<!DOCTYPE html><html>404</html>", "web page"),
    ],
)
def test_what_is_there_in_place_of_an_image_is_named(tmp_path, data, message):
    (tmp_path / "0.png").write_bytes(data)
    with pytest.raises(BadFrameError, match=message):
        read_image(tmp_path / "0.png", cv2.IMREAD_UNCHANGED)


@pytest.mark.parametrize(("channel", "shape"), [("R", (4, 5)), ("Z", (4, 5)), ("RGB", (4, 5, 3))])
def test_exr_is_read(tmp_path, channel, shape):
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    write_exr(tmp_path / "0.exr", image, channel)
    np.testing.assert_array_equal(read_image(tmp_path / "0.exr", cv2.IMREAD_UNCHANGED), image)


def test_exr_that_is_damaged_is_bad(tmp_path):
    path = tmp_path / "0.exr"
    write_exr(path, np.ones((40, 50), np.float32))
    data = path.read_bytes()
    for cut in (8, len(data) // 2):
        path.write_bytes(data[:cut])
        with pytest.raises(BadFrameError, match="corrupt"):
            read_image(path, cv2.IMREAD_UNCHANGED)


def test_exr_without_its_package_says_what_to_do(tmp_path, monkeypatch):
    path = tmp_path / "0.exr"
    write_exr(path, np.ones((4, 5), np.float32))
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    with pytest.raises(BadFrameError, match=r"pip install 'twinmap\[exr\]'"):
        read_image(path, cv2.IMREAD_UNCHANGED)
