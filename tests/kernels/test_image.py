"""Picking the pixels that carry information for direct alignment."""

import numpy as np
import pytest

from kernels.image import pick_textured

INTRINSICS = np.array([50.0, 52.0, 9.5, 7.0], np.float32)


def test_textured_pixels_are_those_beside_an_edge(backend: str):
    """A step of 20 grey levels between columns 8 and 9 is seen from both."""
    gray = np.zeros((15, 20), np.float32)
    gray[:, 9:] = 20.0
    depth_m = np.full((15, 20), 2.0, np.float32)
    depth_m[3] = 0.0  # a row without depth
    found = pick_textured(gray, depth_m, INTRINSICS, 6.0, 1000)
    assert found.count == len(found.points) == 2 * 14
    u = found.points[:, 0] / found.points[:, 2] * 50.0 + 9.5
    v = found.points[:, 1] / found.points[:, 2] * 52.0 + 7.0
    np.testing.assert_allclose(u, np.tile([8, 9], 14), atol=1e-5)
    np.testing.assert_allclose(v, np.repeat([*range(3), *range(4, 15)], 2), atol=1e-5)
    np.testing.assert_array_equal(found.intensities, np.tile([0.0, 20.0], 14))
    assert pick_textured(gray, depth_m, INTRINSICS, 10.0, 1000).count == 0  # not more than that


@pytest.mark.parametrize("most", [2, 5, 27])
def test_too_many_are_thinned_out_evenly(backend: str, most: int):
    gray = np.random.default_rng(0).uniform(0, 255, (15, 20)).astype(np.float32)
    depth_m = np.ones((15, 20), np.float32)
    every = pick_textured(gray, depth_m, INTRINSICS, 1.0, 1000)
    some = pick_textured(gray, depth_m, INTRINSICS, 1.0, most)
    assert some.count == len(some.points) == len(some.intensities) == most
    place = {tuple(point): i for i, point in enumerate(every.points.tolist())}
    taken = [place[tuple(point)] for point in some.points.tolist()]
    assert taken[0] == 0
    assert taken[-1] == len(every.points) - 1
    assert np.ptp(np.diff(taken)) <= 1


def test_images_without_an_inside_have_no_texture(backend: str):
    for size in ((0, 0), (1, 1), (0, 7)):
        image = np.ones(size, np.float32)
        assert pick_textured(image, image, INTRINSICS, 6.0, 10).count == 0
    with pytest.raises(ValueError, match="most must be 2"):
        pick_textured(image, image, INTRINSICS, 6.0, 1)


def test_pixels_without_color_and_those_beside_them_are_not_taken(backend: str):
    gray = np.random.default_rng(0).uniform(0, 255, (15, 20)).astype(np.float32)
    depth_m = np.ones((15, 20), np.float32)
    gray[4:7, 12] = -1.0
    found = pick_textured(gray, depth_m, INTRINSICS, 1.0, 1000)
    u = np.rint(found.points[:, 0] * 50.0 + 9.5).astype(int)
    v = np.rint(found.points[:, 1] * 52.0 + 7.0).astype(int)
    is_taken = np.zeros((15, 20), bool)
    is_taken[v, u] = True
    assert not is_taken[4:7, 11:14].any()
    assert not is_taken[3:8, 12].any()
    assert is_taken[1:-1, 1:-1].sum() > 0.8 * 13 * 18
