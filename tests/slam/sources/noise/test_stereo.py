import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.config import NoiseConfig
from slam.sources.noise.stereo import (
    add_stereo_noise,
    is_glare,
    is_occluded,
    smooth_noise,
    stereo_depth_noise,
)

CAMERA = Camera(320, 240, 300.0, 300.0, 159.5, 119.5)
SCALE = 300.0 * 0.05  # disparity times depth
INNER = np.s_[20:-20, 60:-20]


def plane(depth_m):
    return np.full((240, 320), depth_m, np.float32)


def checkered(contrast):
    """Return colour whose rows change every other pixel."""
    u = np.arange(320) // 2 % 2
    grey = np.uint8(128 + contrast * (u - 0.5))
    return np.broadcast_to(grey[None, :, None], (240, 320, 3)).copy()


def noisy(depth_m, color=None, seed=0, **settings):
    config = NoiseConfig(model="stereo", **settings)
    return add_stereo_noise(depth_m, color, CAMERA, config, np.random.default_rng(seed))


@pytest.mark.parametrize("depth_m", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("sigma_px", [0.05, 0.2])
def test_depth_noise_is_what_the_source_says(depth_m, sigma_px):
    config = NoiseConfig(model="stereo", stereo_sigma_px=sigma_px)
    stated = stereo_depth_noise(DepthNoise(0.0, 0.0, 0.0), CAMERA.fx, config)
    tilt = np.linspace(0.98, 1.02, 320, dtype=np.float32)
    clean_m = plane(depth_m) * tilt
    errors_m = [
        noisy(clean_m, seed=s, stereo_sigma_px=sigma_px)[INNER] - clean_m[INNER] for s in range(60)
    ]
    expected_m = np.hypot(sigma_px, 1 / 32 / np.sqrt(12)) * depth_m**2 / SCALE
    # 60 images of some 100 independent bumps: 5 % is five standard errors
    assert np.std(errors_m) == pytest.approx(expected_m, rel=0.05)
    assert stated.sigma_m(depth_m) == pytest.approx(expected_m + 0.0005, rel=0.05)


@pytest.mark.parametrize("correlation_px", [2.5, 6.0, 12.0])
def test_errors_of_neighbours_are_alike(correlation_px):
    noise = smooth_noise(np.random.default_rng(0), (1200, 1600), correlation_px)
    assert noise.std() == pytest.approx(1.0, abs=0.05)
    assert noise[:4].std() == pytest.approx(1.0, abs=0.3)  # at the border, too
    step = round(2 * correlation_px)
    correlation = (noise[:, step:] * noise[:, :-step]).mean()
    assert correlation == pytest.approx(np.exp(-1), abs=0.05)


def test_background_left_of_the_foreground_is_hidden_from_the_right_imager():
    depth_m = plane(2.0)
    depth_m[:, 150:200] = 0.5
    disparity = SCALE / depth_m
    hidden = is_occluded(disparity)
    shadow_px = SCALE / 0.5 - SCALE / 2.0  # 22.5
    row = np.flatnonzero(hidden[100])
    beyond_edge = row[row < SCALE / 2.0]
    in_shadow = row[row >= SCALE / 2.0]
    assert len(beyond_edge) == pytest.approx(SCALE / 2.0, abs=1)
    assert len(in_shadow) == pytest.approx(shadow_px, abs=1)
    assert in_shadow.max() == 149


def test_a_steep_plane_is_not_hidden():
    u = np.arange(320, dtype=np.float32)
    disparity = np.broadcast_to(5 + 0.3 * u, (240, 320)).astype(np.float32)
    assert not is_occluded(disparity)[:, 20:].any()


def test_plain_surface_gives_no_reading():
    textured, plain = checkered(60), checkered(0)
    assert (noisy(plane(1.0), textured)[INNER] > 0).mean() > 0.99
    assert not (noisy(plane(1.0), plain) > 0).any()
    assert (noisy(plane(1.0), plain, min_contrast=0.0)[INNER] > 0).mean() > 0.99


def test_low_contrast_is_noisier():
    tilted_m = plane(1.0) * np.linspace(0.9, 1.1, 320, dtype=np.float32)
    sure, faint = (noisy(tilted_m, checkered(c), min_contrast=2.0) for c in (60, 5))
    errors = [(image - tilted_m)[INNER][image[INNER] > 0].std() for image in (sure, faint)]
    assert errors[1] > 1.3 * errors[0]


def test_nothing_nearer_than_the_minimum_range():
    depth_m = plane(1.0)
    depth_m[:, 160:] = 0.25
    result = noisy(depth_m)
    assert not (result[:, 165:] > 0).any()
    assert (noisy(depth_m, min_range_m=0.2)[30:-30, 175:-10] > 0).mean() > 0.99


def test_edges_are_fattened_and_eaten_but_nothing_lies_between_two_surfaces():
    depth_m = plane(2.0)
    depth_m[:, 150:200] = 1.0
    result = noisy(depth_m)
    assert not ((result > 1.1) & (result < 1.8)).any()
    beside = result[:, 200:203]  # right of the foreground, where nothing is hidden
    assert 0.2 < ((beside > 0) & (beside < 1.1)).mean() < 0.7
    assert 0.1 < (beside == 0).mean() < 0.4
    assert (result[20:-20, 160:190] > 0).all()
    assert (result[20:-20, 210:300] > 1.8).all()


def test_surface_that_faces_the_camera_mirrors_its_light():
    spot = is_glare(plane(1.0), CAMERA)
    assert spot[119, 159]
    radius_px = np.sqrt(spot[5:-5, 5:-5].sum() / np.pi)
    assert radius_px == pytest.approx(CAMERA.fx * np.tan(np.arccos(0.995)), rel=0.03)


def test_missing_depth_stays_missing():
    depth_m = plane(1.0)
    depth_m[100:140, 150:200] = 0.0
    assert not noisy(depth_m)[105:135, 155:195].any()
