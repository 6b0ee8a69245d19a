"""When a keyframe is replaced."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from slam.camera import Camera
from slam.geometry import se3_exp
from slam.tracking.keyframe import MUCH_SHARPER, KeyframeView, sharpness
from slam.tracking.prepare import NO_GRAY, Level

CAMERA = Camera(160, 120, 130.0, 130.0, 79.5, 59.5)


def textured(seed: int = 0) -> Level:
    noise = np.random.default_rng(seed).uniform(0, 255, (120, 160)).astype(np.float32)
    gray = cv2.GaussianBlur(noise, (0, 0), 1.5)
    return Level(CAMERA, np.ones((120, 160), np.float32), gray)


def blurred(level: Level, num_pixels: int) -> Level:
    assert level.gray is not None
    return replace(level, gray=cv2.blur(level.gray, (num_pixels, 1)))


def moved(x_m: float, turn_rad: float) -> np.ndarray:
    return se3_exp(np.array([x_m, 0.0, 0.0, 0.0, turn_rad, 0.0]))


@pytest.mark.parametrize(
    ("x_m", "turn_rad", "is_due"),
    [(0.0, 0.0, False), (0.2, 0.1, False), (0.3, 0.0, True), (0.0, 0.25, True)],
)
def test_is_due_where_the_camera_has_moved_far(x_m, turn_rad, is_due):
    view = KeyframeView(np.eye(4), 2.0, 100.0)
    assert view.needs_replacement(moved(x_m, turn_rad), 100.0) == is_due


@pytest.mark.parametrize("seed", range(3))
def test_a_sharp_view_replaces_one_in_motion_and_not_the_other_way(seed):
    sharp, in_motion = textured(seed), blurred(textured(seed), 9)
    of_sharp = KeyframeView(np.eye(4), 2.0, sharpness(sharp))
    of_blurred = KeyframeView(np.eye(4), 2.0, sharpness(in_motion))
    assert of_blurred.needs_replacement(np.eye(4), sharpness(sharp))
    assert not of_sharp.needs_replacement(np.eye(4), sharpness(in_motion))
    assert not of_sharp.needs_replacement(np.eye(4), sharpness(textured(seed + 10)))


def test_is_not_replaced_for_a_little():
    view = KeyframeView(np.eye(4), 2.0, 100.0)
    assert not view.needs_replacement(np.eye(4), 99.0 * MUCH_SHARPER)


def test_pixels_without_colour_are_no_edge():
    level = textured()
    assert level.gray is not None
    gray = level.gray.copy()
    gray[:, 100:] = NO_GRAY
    assert sharpness(replace(level, gray=gray)) == pytest.approx(sharpness(level), rel=0.1)


def test_without_colour_nothing_is_sharp():
    assert sharpness(replace(textured(), gray=None)) == 0.0
    assert sharpness(replace(textured(), gray=np.full((120, 160), NO_GRAY))) == 0.0
