"""Intrinsics that cannot be are refused, unlikely ones told, and all that are usual pass."""

import logging

import pytest

from slam.camera import Camera
from slam.errors import SlamError
from slam.sources.intrinsics import checked, of_other_size

USUAL = [
    Camera(640, 480, 525.0, 525.0, 319.5, 239.5),
    Camera(640, 480, 517.3, 516.5, 318.6, 255.3),
    Camera(1200, 680, 600.0, 600.0, 599.5, 339.5),
    Camera(192, 256, 210.0, 210.0, 95.5, 127.5),
    Camera(1280, 720, 635.0, 634.0, 652.1, 361.9),
    Camera(640, 576, 504.0, 504.1, 320.6, 330.7),  # Azure Kinect
    Camera(637, 477, 525.0, 525.0, 319.5, 239.5),
]


@pytest.mark.parametrize("camera", USUAL)
def test_usual_cameras_pass_without_a_word(camera, caplog):
    with caplog.at_level(logging.WARNING):
        assert checked(camera, "camera.yaml") is camera
    assert not caplog.text


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((640, 480, float("inf"), 525.0, 319.5, 239.5), "fx must be a number"),
        ((640, 480, 525.0, 1e30, 319.5, 239.5), "fy must be a number"),
        ((640, 480, 525.0, -525.0, 319.5, 239.5), "mirror the world"),
        ((640, 480, 0.0, 525.0, 319.5, 239.5), "must be positive"),
        ((-640, 480, 525.0, 525.0, 319.5, 239.5), "width must be positive"),
        ((640, 480, 525.0, 525.0, 959.5, 239.5), "outside of the 640x480 image"),
        ((640, 480, 525.0, 525.0, 319.5, -40.0), "outside of the 640x480 image"),
    ],
)
def test_values_that_cannot_be(values, message):
    with pytest.raises(SlamError, match=f"^camera.yaml: .*{message}"):
        checked(Camera(*values), "camera.yaml")


@pytest.mark.parametrize("camera", USUAL)
@pytest.mark.parametrize("factor", [0.25, 0.5, 2.0, 3.0, 7.5])
def test_intrinsics_of_another_resolution_are_named_with_the_right_ones(camera, factor):
    size = round(factor * camera.width), round(factor * camera.height)
    other = camera.resized(*size)
    wrong = Camera(camera.width, camera.height, other.fx, other.fy, other.cx, other.cy)
    with pytest.raises(SlamError, match="belong to images of about") as error:
        checked(wrong, "camera.yaml")
    fitting = of_other_size(wrong)
    assert f"fx {fitting.fx:.6g}" in str(error.value)
    # The principal point is taken for the middle: so far it may be off.
    assert fitting.fx == pytest.approx(camera.fx, rel=0.12)


def test_unlikely_values_are_told(caplog):
    checked(Camera(640, 480, 525.0, 400.0, 319.5, 239.5), "x")
    assert "differ by more than 20 %" in caplog.text
    checked(Camera(640, 480, 525.0, 525.0, 239.5, 319.5), "x")
    assert "are cx and cy swapped?" in caplog.text
