"""Blur, rolling shutter and delay against what the same scene looks like from other poses."""

import cv2
import numpy as np
import pytest

from slam.config import NoiseConfig
from slam.sources.noise.exposure import Exposure, pixel_flow
from slam.sources.noise.source import NoisySource
from slam.sources.synthetic import open_synthetic

INNER = np.s_[40:-40, 40:-40]


@pytest.fixture(scope="module")
def source():
    return open_synthetic("wall", 40)


def _difference(a, b):
    return float(np.abs(a[INNER].astype(float) - b[INNER].astype(float)).mean())


def test_flow_is_where_the_surface_goes(source):
    """Two frames on, the flow of the pair's middle frame leads from the first to the last."""
    exposure = Exposure.of(source, NoiseConfig(exposure_ms=1.0))
    frame = source.read(11)
    flow = pixel_flow(frame, exposure._velocity(frame.timestamp_s)) / 30.0
    v, u = np.mgrid[:480, :640].astype(np.float32)
    later = source.read(12).color
    warped = cv2.remap(later, u + flow[..., 0], v + flow[..., 1], cv2.INTER_LINEAR)
    still = _difference(later, frame.color)
    assert _difference(warped, frame.color) < 0.35 * still


def test_a_delay_of_whole_frames_is_the_frame_before(source):
    noisy = NoisySource(source, NoiseConfig(color_delay_ms=100.0))
    frame = noisy.read(20)
    assert _difference(frame.color, source.read(17).color) < 0.6
    np.testing.assert_array_equal(frame.depth_m, source.read(20).depth_m)


def test_a_delay_of_half_a_frame_lies_between(source):
    frame = NoisySource(source, NoiseConfig(color_delay_ms=16.0)).read(20)
    still = _difference(source.read(19).color, source.read(20).color)
    for index in (19, 20):
        assert 0.2 * still < _difference(frame.color, source.read(index).color) < 0.95 * still


def test_blur_takes_detail_with_the_length_of_the_exposure(source):
    detail = []
    for exposure_ms in (0.0, 5.0, 20.0):
        color = NoisySource(source, NoiseConfig(exposure_ms=exposure_ms)).read(12).color
        detail.append(np.abs(np.diff(color[INNER].astype(float), axis=1)).mean())
    assert detail[0] > detail[1] > detail[2]


def test_rolling_shutter_moves_the_first_and_last_rows_apart(source):
    """The middle row is exposed when the frame is stamped; rows above before, below after."""
    frame = NoisySource(source, NoiseConfig(readout_ms=2000.0 / 30.0)).read(20)
    rows = {
        "top": np.s_[10:40, 60:-60],
        "middle": np.s_[225:255, 60:-60],
        "bottom": np.s_[440:470, 60:-60],
    }

    def nearest(name):
        errors = {
            k: np.abs(
                frame.color[rows[name]].astype(float) - source.read(k).color[rows[name]]
            ).mean()
            for k in (19, 20, 21)
        }
        return min(errors, key=errors.__getitem__)

    assert [nearest(name) for name in rows] == [19, 20, 21]
