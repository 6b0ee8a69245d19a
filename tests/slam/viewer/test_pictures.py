import cv2
import numpy as np

from slam.viewer.pictures import (
    NOTHING,
    RANGE_M,
    difference,
    diverging,
    jpeg,
    legend,
    nearest,
    smaller,
)


def test_nearer_is_blue_farther_red_equal_white_and_unknown_grey():
    depth_m = np.array([[1.0, 1.05, 0.95, 0.0, 1.0, 9.0]], np.float32)
    reference_m = np.array([[1.0, 1.0, 1.0, 1.0, 0.0, 1.0]], np.float32)
    colors = difference(depth_m, reference_m)[0].astype(int)
    assert colors[0].min() > 245
    assert colors[1][0] > 2 * colors[1][2]
    assert colors[2][2] > 2 * colors[2][0]
    assert (colors[3] == NOTHING).all()
    assert (colors[4] == NOTHING).all()
    np.testing.assert_allclose(colors[5], colors[1], atol=4)


def test_colors_change_all_along_the_range():
    scale = diverging(np.linspace(-RANGE_M, RANGE_M, 256, dtype=np.float32)[None])[0].astype(int)
    assert np.abs(np.diff(scale, axis=0)).max() <= 8
    assert len(np.unique(scale, axis=0)) > 240


def test_nearest_takes_readings_and_mixes_none():
    depth_m = np.zeros((8, 8), np.float32)
    depth_m[:, 4:] = 2.0
    assert set(np.unique(nearest(depth_m, 3, 5))) == {0.0, 2.0}
    np.testing.assert_array_equal(nearest(depth_m, 8, 8), depth_m)


def test_smaller_keeps_the_mean_and_the_shape():
    image = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    small = smaller(image, 32)
    assert small.shape == (24, 32, 3)
    assert abs(float(small.mean()) - float(image.mean())) < 1.0
    assert smaller(image, 320) is image


def test_jpeg_keeps_red_red():
    red = np.full((16, 16, 3), (200, 30, 30), np.uint8)
    decoded = cv2.imdecode(np.frombuffer(jpeg(red), np.uint8), cv2.IMREAD_COLOR_RGB)
    np.testing.assert_allclose(decoded.astype(int), red, atol=6)


def test_the_legend_shows_both_ends():
    image = legend()
    colors = {tuple(color) for color in image.reshape(-1, 3).tolist()}
    for end_m in (-RANGE_M, RANGE_M):
        assert tuple(diverging(np.array([[end_m]], np.float32))[0, 0].tolist()) in colors
