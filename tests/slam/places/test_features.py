"""Corners: where they are in space, and what happens without colour."""

from dataclasses import replace

import cv2
import numpy as np

from slam.camera import Camera
from slam.places.features import MAX_WIDTH_PX, NUM_CORNERS, describe, extract
from slam.places.vocabulary import load_vocabulary


def test_points_lie_on_the_surface_behind_their_pixels(see):
    frame = see(np.eye(4))
    features = extract(frame, load_vocabulary())
    assert features is not None
    assert 300 < len(features) <= NUM_CORNERS
    camera, (x, y, z) = frame.camera, features.points.T
    u, v = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
    read_m = frame.depth_m[np.rint(v).astype(int), np.rint(u).astype(int)]
    np.testing.assert_allclose(read_m, z, atol=1e-5)
    np.testing.assert_array_equal(features.words, load_vocabulary().words_of(features.descriptors))


def test_no_colour_has_no_features_and_no_depth_no_points(see):
    frame = see(np.eye(4))
    assert extract(replace(frame, color=None), load_vocabulary()) is None
    for blank in ({"depth_m": np.zeros_like(frame.depth_m)}, {"color": np.zeros_like(frame.color)}):
        features = extract(replace(frame, **blank), load_vocabulary())
        assert features is not None
        assert len(features) == 0
        assert features.points.shape == (0, 3)


def test_corners_of_a_large_image_are_where_they_are_in_the_small_one(see):
    """Both are looked for in the same pixels: the large image is halved first."""
    color = see(np.eye(4)).color
    large = cv2.resize(color, (1280, 960), interpolation=cv2.INTER_NEAREST)
    assert large.shape[1] > MAX_WIDTH_PX
    pixels, descriptors = describe(color)
    pixels_large, descriptors_large = describe(large)
    np.testing.assert_array_equal(descriptors, descriptors_large)
    np.testing.assert_allclose((pixels_large + 0.5) / 2 - 0.5, pixels, atol=1e-3)
    assert pixels_large[:, 0].max() < 1280


def test_a_corner_at_the_border_of_an_odd_image_stays_inside(see):
    """Halving leaves out the last column of an odd width."""
    frame = see(np.eye(4))
    width, height = 1281, 961
    color = cv2.resize(frame.color, (width, height))
    depth_m = cv2.resize(frame.depth_m, (width, height), interpolation=cv2.INTER_NEAREST)
    camera = Camera(width, height, 1050.0, 1050.0, 640.0, 480.0)
    features = extract(
        replace(frame, color=color, depth_m=depth_m, camera=camera), load_vocabulary()
    )
    assert features is not None
    assert len(features) > 300
