import dataclasses

import numpy as np
import pytest

from slam.config import NoiseConfig
from slam.sources.noise.brightness import GAIN_LIMITS, TARGET_GREY, adjusted, automatic_gain
from slam.sources.noise.source import NoisySource
from slam.sources.synthetic import open_synthetic


@pytest.fixture
def frame():
    frame = open_synthetic("wall", 1).read(0)
    return dataclasses.replace(frame, color=np.full_like(frame.color, 100))


def rng():
    return np.random.default_rng(0)


def test_gain_steers_to_the_target_and_follows_the_last_frames():
    assert automatic_gain([TARGET_GREY / 2] * 8) == pytest.approx(2.0)
    after_a_step = [automatic_gain([50.0] * k + [200.0] * (8 - k)) for k in range(9)]
    assert np.all(np.diff(after_a_step) > 0)
    assert automatic_gain([1.0] * 8) == GAIN_LIMITS[1]
    assert automatic_gain([255.0] * 8) > GAIN_LIMITS[0]
    assert automatic_gain([None] * 8) == 1.0


def test_gain_is_a_factor_and_clips(frame):
    config = NoiseConfig(auto_exposure=True)
    assert (adjusted(frame, config, 1.5, rng()).color == 150).all()
    assert (adjusted(frame, config, 3.0, rng()).color == 255).all()


def test_vignetting_takes_its_share_in_the_corners(frame):
    color = adjusted(frame, NoiseConfig(vignetting=0.4), 1.0, rng()).color
    assert color[239, 319, 0] == 100
    assert {int(color[v, u, 0]) for v in (0, -1) for u in (0, -1)} == {60}


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_noise_grows_with_gain_and_grey_level(frame, gain):
    color = adjusted(frame, NoiseConfig(color_sigma=3.0), gain, rng()).color
    sigma = 3.0 * np.sqrt(gain / TARGET_GREY * 100 * gain)
    assert color.std() == pytest.approx(np.hypot(sigma, np.sqrt(1 / 12)), rel=0.02)
    assert color.mean() == pytest.approx(100 * gain, abs=0.05)


def test_brightness_follows_the_scene_late():
    source = open_synthetic("room", 40)
    noisy = NoisySource(source, NoiseConfig(auto_exposure=True))
    gains = [noisy.read(k).color.mean() / source.read(k).color.mean() for k in (0, 39)]
    means = [source.read(k).color.mean() for k in (0, 38)]
    np.testing.assert_allclose(gains, TARGET_GREY / np.array(means), rtol=0.1)
