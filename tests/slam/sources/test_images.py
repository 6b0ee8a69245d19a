import cv2
import numpy as np
import pytest

from slam.errors import BadFrameError
from slam.sources.images import read_color, read_image


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


def test_exr_that_cannot_be_read_says_what_to_do(tmp_path):
    path = tmp_path / "0.exr"
    path.write_bytes(b"\x76\x2f\x31\x01\x02\x00\x00\x00" + 60 * b"\x00")
    if cv2.haveImageReader(str(path)):
        pytest.skip("this OpenCV reads EXR")
    with pytest.raises(BadFrameError, match=r"cannot read: convert it to npy, as docs/formats\.md"):
        read_image(path, cv2.IMREAD_UNCHANGED)
