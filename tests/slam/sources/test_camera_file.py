"""`camera.yaml`: lenses, and another camera for colour."""

from pathlib import Path

import numpy as np
import pytest

from slam.errors import SlamError
from slam.sources.camera_file import CameraFile, read_camera_file

PLAIN = "width: 64\nheight: 48\nfx: 58.5\nfy: 58.5\ncx: 31.5\ncy: 23.5\ndepth_scale: 1000\n"
OTHER = "color_camera: {width: 64, height: 48, fx: 60, fy: 60, cx: 32, cy: 24"


def read(tmp_path: Path, more: str) -> CameraFile:
    path = tmp_path / "camera.yaml"
    path.write_text(PLAIN + more)
    return read_camera_file(path)


@pytest.mark.parametrize(
    ("text", "model", "coefficients"),
    [
        ("distortion: [0.1, -0.2, 1e-3, 0.002]", "brown_conrady", (0.1, -0.2, 1e-3, 0.002)),
        ("distortion: [0.1, 0, 0, 0, 0.3]", "brown_conrady", (0.1, 0, 0, 0, 0.3)),
        (
            "distortion: [0.1, 0, 0, 0, 0.3, 4, 5, 6]",
            "brown_conrady",
            (0.1, 0, 0, 0, 0.3, 4, 5, 6),
        ),
        ("fisheye: [0.1, -0.2, 0.3, 4]", "fisheye", (0.1, -0.2, 0.3, 4)),
    ],
)
def test_distortion(tmp_path, text, model, coefficients):
    camera_file = read(tmp_path, text)
    assert camera_file.lens.model == model
    assert camera_file.lens.coefficients == coefficients
    assert camera_file.rig.is_undistorted


def test_zeros_are_no_distortion(tmp_path):
    assert not read(tmp_path, "distortion: [0, 0, 0, 0, 0]").rig.is_undistorted
    assert not read(tmp_path, "").rig.is_undistorted


def test_another_color_camera(tmp_path):
    rows = "T_color_depth: [[1, 0, 0, 0.025], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]"
    camera_file = read(tmp_path, OTHER + ", distortion: [0.1, 0, 0, 0]}\n" + rows)
    assert camera_file.color_camera is not None
    assert camera_file.color_camera.lens.camera.fx == 60.0
    assert camera_file.T_color_depth == (1, 0, 0, 0.025, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1)
    assert camera_file.rig.color_size == (48, 64)
    assert camera_file.rig.is_undistorted
    np.testing.assert_array_equal(read(tmp_path, OTHER + "}").rig.color_size, (48, 64))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("distortion: [0.1, 0.2]", "distortion must hold k1 k2 p1 p2 k3"),
        ("distortion: 0.1", "distortion must be a list of numbers"),
        ("distortion: [0.1, x, 0, 0]", "distortion must be a number, got 'x'"),
        ("distortion: [0.1, .inf, 0, 0]", "must hold finite numbers"),
        ("fisheye: [0.1, 0.2, 0, 0, 0]", "fisheye must hold k1 k2 k3 k4, got 5 numbers"),
        ("fisheye: [0, 0, 0, 0]\ndistortion: [0, 0, 0, 0]", "either distortion or fisheye"),
        (OTHER + "}\nT_color_depth: [1, 2, 3]", "T_color_depth must hold 3 or 4 rows"),
        (
            OTHER + "}\nT_color_depth: [[2,0,0,0],[0,2,0,0],[0,0,2,0]]",
            "T_color_depth holds no rotation",
        ),
        (
            OTHER + "}\nT_color_depth: [[1,0,0,0],[0,1,0,0],[0,0,-1,0]]",
            "T_color_depth holds no rotation",
        ),
        ("color_camera: {width: 64}", "color_camera lacks height"),
        ("T_color_depth: [[1,0,0,0],[0,1,0,0],[0,0,1,0]]", "T_color_depth needs color_camera"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, message):
    with pytest.raises(SlamError, match=message) as error:
        read(tmp_path, text)
    assert "camera.yaml" in str(error.value)
