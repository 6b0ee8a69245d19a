"""What `Slam.step` makes of frames that a program hands it with the mistakes that people make."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.frame import Frame, FrameGate

# in a process of its own: the tests' type checks would refuse most of them first
CODE = """
import sys
import numpy as np
from slam import Camera, DepthNoise, Frame
from slam.frame import FrameGate

camera = Camera(64, 48, 60.0, 60.0, 31.5, 23.5)
depth_m, color = np.ones((48, 64), np.float32), np.zeros((48, 64, 3), np.uint8)

def frame(depth_m=depth_m, color=color, stamp_s=1.0, camera=camera, index=1, **more):
    return Frame(index, stamp_s, camera, depth_m, color, DepthNoise(), **more)

for case in sys.argv[1:]:
    gate = FrameGate()
    gate.passed(frame(stamp_s=0.0, index=0))
    try:
        print(gate.passed(eval(case)).depth_m[0, :3])
    except ValueError as error:
        print(error)
    assert gate.passed(frame(stamp_s=2.0, index=2)).timestamp_s == 2.0  # it goes on afterwards
"""
PASSED = "[1. 1. 1.]"


CASES = [
    ("frame()", PASSED),
    ("frame(color=None)", PASSED),
    (
        "frame(depth_m.astype(float))",
        "must be float32 metres of the camera's shape (48, 64), got float64 (48, 64)",
    ),
    ("frame(depth_m[..., None])", "got float32 (48, 64, 1)"),
    ("frame(color=color[::2, ::2])", "uint8 RGB of shape (48, 64, 3), got uint8 (24, 32, 3)"),
    ("frame(color=color[..., 0])", "got uint8 (48, 64)"),
    ("frame(color=color / 255.0)", "got float64 (48, 64, 3)"),
    ("frame(camera=Camera(32, 24, 30.0, 30.0, 15.5, 11.5))", "shape (24, 32), got float32 (48"),
    ("frame(camera=Camera(64, 48, 61.0, 60.0, 31.5, 23.5))", "the camera changed from Camera("),
    ("frame(stamp_s=0.0)", "timestamp_s of frame 1 is 0.000000, not after 0.000000"),
    ("frame(index=0)", "index of a frame is 0, not after 0"),
    ("frame(index=-1)", "index of a frame is -1, not after 0"),
    ("frame(color_mask=np.ones((24, 32), bool))", "color_mask must be bool of shape (48, 64), got"),
    ("frame(color_mask=np.ones((48, 64)))", "color_mask must be bool of shape (48, 64), got float"),
    ("frame(acceleration=np.zeros(2))", "acceleration must be 3 numbers in m/s^2, got [0. 0.]"),
    ("frame(acceleration=np.array([0.0, 9.8, np.nan]))", "acceleration must be 3 numbers"),
    ("frame(acceleration=np.zeros(3))", PASSED),
    ("frame(stamp_s=float('nan'))", "timestamp_s of frame 1 is nan"),
    ("frame(np.where(np.eye(48, 64) > 0, np.float32(np.inf), depth_m))", "[0. 1. 1.]"),
    ("frame(np.where(np.eye(48, 64) > 0, np.float32(np.nan), depth_m))", "[0. 1. 1.]"),
]


def test_a_mistake_is_a_value_error_that_names_it_and_no_reading_is_missing():
    command = [sys.executable, "-c", CODE, *(case for case, _ in CASES)]
    result = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    lines = result.stdout.splitlines()
    assert len(lines) == len(CASES)
    for (case, says), line in zip(CASES, lines, strict=True):
        assert says in line, case


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"fx": 0.0}, "must be positive"),
        ({"fy": -60.0}, "must be positive"),
        ({"fx": float("nan")}, "fx must be a number of pixels, got nan"),
        ({"cy": 1e30}, r"cy must be a number of pixels, got 1e\+30"),
        ({"cx": 64.0}, r"principal point \(64, 23.5\) lies outside of the 64x48 image"),
    ],
)
def test_a_camera_that_cannot_be_is_refused_at_the_first_frame(changes, says):
    camera = replace(Camera(64, 48, 60.0, 60.0, 31.5, 23.5), **changes)
    frame = Frame(0, 0.0, camera, np.ones((48, 64), np.float32), None, DepthNoise())
    with pytest.raises(ValueError, match=says):
        FrameGate().passed(frame)


def test_buffers_may_be_used_again():
    """The map takes a frame in while the next one is being read into the same memory."""
    depth_m, color = np.ones((48, 64), np.float32), np.full((48, 64, 3), 7, np.uint8)
    mask = np.ones((48, 64), np.bool_)
    camera = Camera(64, 48, 60.0, 60.0, 31.5, 23.5)
    frame = Frame(0, 0.0, camera, depth_m, color, DepthNoise(), color_mask=mask)
    passed = FrameGate().passed(frame)
    for buffer in (depth_m, color, mask):
        buffer[:] = 0
    assert (passed.depth_m == 1).all()
    assert passed.color is not None
    assert (passed.color == 7).all()
    assert passed.color_mask is not None
    assert passed.color_mask.all()


def test_any_order_in_memory_will_do():
    depth_m, color = np.ones((64, 48), np.float32).T, np.zeros((48, 64, 3), np.uint8)[..., ::-1]
    camera = Camera(64, 48, 60.0, 60.0, 31.5, 23.5)
    passed = FrameGate().passed(Frame(0, 0.0, camera, depth_m, color, DepthNoise()))
    assert passed.depth_m.flags.c_contiguous
    assert passed.color is not None
    assert passed.color.flags.c_contiguous
