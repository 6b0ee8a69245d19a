"""Two views of a wall with a box before it: what agrees, and what floats in free space."""

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.frame import Frame
from slam.geometry import se3_exp
from slam.tracking.agreement import Agreement, compared, seen_from
from slam.tracking.prepare import PreparedFrame, prepare

CAMERA = Camera(640, 480, 520.0, 520.0, 319.5, 239.5)
NOISE = DepthNoise.rendered()


def view(has_box: bool = True) -> np.ndarray:
    depth_m = np.full((480, 640), 2.0, np.float32)
    if has_box:
        depth_m[120:360, 200:440] = 1.5
    return depth_m


def prepared(depth_m: np.ndarray) -> PreparedFrame:
    return prepare(Frame(0, 0.0, CAMERA, depth_m, None, NOISE))


def sight(here: np.ndarray, there: np.ndarray, shift_m: float = 0.0):
    T_there_here = se3_exp(np.array([0.0, 0.0, shift_m, 0.0, 0.0, 0.0]))
    return seen_from(prepared(there), prepared(here).cloud, T_there_here)


def test_a_view_agrees_with_itself():
    found = sight(view(), view())
    assert found.num_known == found.num_agreeing
    assert found.contradicted == 0.0


@pytest.mark.parametrize(("shift_m", "is_floating"), [(-0.05, True), (0.05, False)])
def test_what_lies_before_known_surface_floats_and_what_lies_behind_is_hidden(shift_m, is_floating):
    found = sight(view(), view(), shift_m)
    assert found.num_agreeing < 0.1 * found.num_known
    assert (found.num_floating > 0.9 * found.num_known) == is_floating


def test_noise_is_no_contradiction():
    noisy = view() + np.random.default_rng(0).normal(0.0, 0.002, (480, 640)).astype(np.float32)
    found = sight(noisy, view())
    assert found.contradicted < 0.01
    assert found.num_agreeing > 0.95 * found.num_known


def test_something_new_floats_and_what_went_leaves_no_trace_but_the_other_way():
    box = 240 * 240 / (480 * 640)
    assert sight(view(), view(has_box=False)).contradicted == pytest.approx(box, abs=0.03)
    assert sight(view(has_box=False), view()).contradicted == 0.0
    both = compared(prepared(view(has_box=False)), prepared(view()), np.eye(4))
    assert both.contradicted == pytest.approx(box, abs=0.03)


def test_nothing_is_known_beside_the_image_and_where_depth_is_missing():
    holes = view()
    holes[:, :320] = 0.0
    assert sight(view(), holes).num_known == pytest.approx(0.5 * 120 * 160, rel=0.05)
    assert sight(view(), np.zeros_like(holes)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("agreement", "is_believed"),
    [
        (Agreement(0.9, 0.01, None), True),
        (Agreement(0.9, 0.01, 0.4), True),
        (Agreement(0.1, 0.0, 0.9), False),  # nothing to compare with
        (Agreement(0.9, 0.2, None), False),
        (Agreement(0.9, 0.2, 0.5), False),
        (Agreement(0.9, 0.2, 0.9), True),  # somebody walks by
        (Agreement(0.9, 0.6, 0.9), False),
    ],
)
def test_when_a_pose_is_believed(agreement, is_believed):
    assert agreement.is_believed == is_believed
