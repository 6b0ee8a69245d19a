"""Finding the surface of a distance that is known."""

import numpy as np
import pytest

from slam.camera import Camera
from slam.maps.implicit.observed import Observed
from slam.maps.implicit.rendering import camera_rays, trace
from slam.maps.readings import surface_readings

CAMERA = Camera(80, 60, 65.0, 65.0, 39.3, 29.7)


@pytest.fixture(scope="module")
def observed(see):
    """The band about the wall y = 0 and the box before it, as seen from the front."""
    observed = Observed(8)
    frame, T = see(has_box=True)
    observed.touch(frame, surface_readings(frame), T, 0.1, 0)
    return observed


def box_before_wall(points: np.ndarray) -> np.ndarray:
    """The signed distance to the fixture's wall and box."""
    outside = np.abs(points - np.float32([0.0, -0.35, 0.0])) - np.float32([0.2, 0.15, 0.2])
    box = np.linalg.norm(np.maximum(outside, 0.0), axis=1) + np.minimum(outside.max(axis=1), 0.0)
    return np.minimum(-points[:, 1], box).astype(np.float32)


def seen_depth(see, observed, position_m, distance=box_before_wall):
    frame, T = see(position_m, has_box=True, camera=CAMERA)
    found = trace(camera_rays(CAMERA, T), observed, distance).reshape(frame.depth_m.shape)
    return frame.depth_m, found


def test_a_known_surface_is_found_where_it_is(see, observed):
    true_m, found_m = seen_depth(see, observed, (0.05, -1.45, 0.02))
    hit = found_m > 0
    assert hit[4:-4, 4:-4].mean() > 0.97  # beside the box some of the wall was hidden
    error_m = np.abs(found_m - true_m)[hit]
    assert np.percentile(error_m, 95) < 0.002
    assert not found_m[~hit].any()


def test_too_steep_a_distance_is_as_good(see, observed):
    """A network's slope may be twice what it should be."""
    true_m, found_m = seen_depth(
        see, observed, (0.0, -1.5, 0.0), lambda points: 2.0 * box_before_wall(points)
    )
    error_m = np.abs(found_m - true_m)[found_m > 0]
    assert np.percentile(error_m, 95) < 0.002


def test_what_was_not_seen_is_not_there(see, observed):
    """From the side the box's flank is in view, which no camera has seen, and nothing is drawn
    across it; nor is there surface where the distance is not known.
    """
    _, found_m = seen_depth(see, observed, (0.0, -1.5, 0.0), lambda p: np.full(len(p), np.nan))
    assert not found_m.any()
    _, T = see((0.0, 1.5, 0.0))  # from behind the wall, outwards in
    found_m = trace(camera_rays(CAMERA, T), observed, box_before_wall)
    from_behind = found_m > 0
    assert from_behind.mean() < 0.05


def test_rays_are_the_cameras(see):
    _, T = see((0.3, -1.2, 0.1))
    rays = camera_rays(CAMERA, T)
    pixel = 17 * CAMERA.width + 23
    point = rays.at(np.array([pixel]), np.array([2.0], np.float32))[0]
    u, v = CAMERA.project((np.linalg.inv(T) @ [*point, 1.0])[None, :3])
    assert (float(u[0]), float(v[0])) == pytest.approx((23.0, 17.0), abs=1e-3)
