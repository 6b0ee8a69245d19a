"""A camera that sets its own exposure does not paint the map."""

from dataclasses import replace

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.config import NeuralConfig, TsdfConfig
from slam.exposure import color_gain, exposed, sparse_colors, sparse_pixels
from slam.frame import Frame
from slam.maps import exposure
from slam.maps.exposure import Exposures
from slam.maps.neural.map import NeuralMap
from slam.maps.tsdf.map import TsdfMap

pytestmark = pytest.mark.usefixtures("each_frame")
CAMERA = Camera(320, 240, 260.0, 260.0, 159.5, 119.5)
GAIN = np.array([1.4, 0.7, 1.2])


@pytest.fixture
def each_frame(monkeypatch):
    monkeypatch.setattr(exposure, "EVERY", 1)


def wall(index: int, gain: float | np.ndarray = 1.0) -> Frame:
    """A wall 1.5 m ahead that is red on the left and blue on the right."""
    color = np.full((CAMERA.height, CAMERA.width, 3), (120, 60, 40), np.uint8)
    color[:, CAMERA.width // 2 :] = (40, 80, 130)
    shape = (CAMERA.height, CAMERA.width)
    depth_m = np.full(shape, 1.5, np.float32)
    color = exposed(color, np.ones(3) * gain)
    return Frame(index, index / 30, CAMERA, depth_m, color, DepthNoise.rendered())


def tsdf_map() -> TsdfMap:
    return TsdfMap(TsdfConfig(), DepthNoise.rendered())


def neural_map() -> NeuralMap:
    return NeuralMap(NeuralConfig(budget_ms=0.0), DepthNoise.rendered())


def test_the_gain_is_found_among_outliers():
    rng = np.random.default_rng(0)
    shown = rng.integers(40, 120, (2000, 3), dtype=np.uint8)
    seen = exposed(shown, GAIN)
    seen[:300] = rng.integers(10, 240, (300, 3))
    gain = color_gain(shown, seen)
    assert gain is not None
    np.testing.assert_allclose(gain, GAIN, rtol=0.01)


def test_what_is_black_saturated_or_too_little_is_not_compared():
    shown = np.full((300, 3), 100, np.uint8)
    assert color_gain(shown, np.full((300, 3), 255, np.uint8)) is None
    assert color_gain(np.zeros((300, 3), np.uint8), shown) is None
    assert color_gain(shown[:50], shown[:50]) is None


def test_sparse_pixels_is_that_of_sparse_colours():
    for shape in ((240, 320), (242, 318), (480, 640), (100, 130)):
        rows = np.broadcast_to(np.arange(shape[0])[:, None], shape)
        image = np.repeat(rows[..., None].astype(np.uint8), 3, axis=2)
        colors, depth = sparse_colors(image), sparse_pixels(rows.astype(np.float32))
        assert colors.shape[:2] == depth.shape
        inside = depth < 256 - 4
        assert np.abs(colors[..., 0].astype(float) - depth)[inside].max() <= 3.0


@pytest.mark.parametrize("make", [tsdf_map, neural_map])
def test_a_few_frames_of_another_exposure_paint_a_map_half_as_much(make, monkeypatch):
    points = np.array([[-0.3, 0.0, 1.5], [0.3, 0.0, 1.5]], np.float32)
    changes = []
    monkeypatch.setattr(exposure, "SETTLED", 1)
    for share in (0.0, exposure.SHARE):
        monkeypatch.setattr(exposure, "SHARE", share)
        map_ = make()
        for index in range(12):
            map_.integrate(wall(index, 1.0 if index < 9 else GAIN), np.eye(4))
        changes.append(map_.color(points) - np.array([(120, 60, 40), (40, 80, 130)]))
    painted, evened = np.abs(changes).max(axis=(1, 2))
    assert painted > 8
    assert evened < 0.7 * painted


@pytest.fixture
def settled(monkeypatch):
    """The exposures of a camera that has settled, after one frame; all of a gain is taken out."""
    monkeypatch.setattr(exposure, "SHARE", 1.0)
    monkeypatch.setattr(exposure, "SETTLED", 1)
    exposures = Exposures()
    exposures.evened(wall(0), np.eye(4), _slightly_off)
    return exposures


def test_a_fixed_exposure_is_left_to_the_bit(settled):
    frame, brighter = wall(1), wall(2, 1.1)
    assert settled.evened(frame, np.eye(4), _slightly_off) is frame
    assert settled.evened(brighter, np.eye(4), _slightly_off) is not brighter


def _slightly_off(points):
    color = np.where(points[:, :1] < 0.0, (120, 60, 40), (40, 80, 130))
    return (color * 0.98).astype(np.uint8)


def test_a_map_follows_a_camera_that_settles():
    map_ = tsdf_map()
    for index in range(40):
        map_.integrate(wall(index, min(1.0, 0.3 + 0.1 * index)), np.eye(4))
    left = map_.color(np.array([[-0.3, 0.0, 1.5]], np.float32))[0]
    assert left[0] > 100  # of 120 once the camera has settled, and 36 in the first frame


def test_what_is_saturated_stays_white(settled):
    bright = wall(1, 1.5)
    assert bright.color is not None
    bright.color[:20] = 255
    evened = settled.evened(bright, np.eye(4), _slightly_off).color
    assert evened is not None
    assert (evened[:20] == 255).all()
    assert evened[20:].max() < 140


def test_a_frame_that_is_read_again_has_the_gain_that_it_had(settled):
    bright = wall(7, 1.3)
    evened = settled.evened(bright, np.eye(4), _slightly_off)
    again = settled.again(replace(bright))
    assert evened.color is not None
    np.testing.assert_array_equal(again.color, evened.color)
    assert np.abs(evened.color.astype(int) - wall(7).color).max() <= 4
    unseen = wall(8)
    assert settled.again(unseen) is unseen


def test_without_colour_nothing_is_done():
    unseen = replace(wall(0), color_mask=np.zeros((CAMERA.height, CAMERA.width), bool))
    for frame in (replace(wall(0), color=None), unseen):
        assert Exposures().evened(frame, np.eye(4), tsdf_map().color) is frame
