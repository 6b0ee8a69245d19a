"""Learned fusion: gross errors are left out, what a sensor saw stays and comes nearer to truth."""

from dataclasses import replace

import numpy as np
import pytest

from kernels.judge import NETWORK_SIZE
from slam.camera import DepthNoise
from slam.cli import main
from slam.config import Config, NoiseConfig
from slam.frame import Frame
from slam.sources.noise.source import NoisySource
from slam.sources.synthetic import open_synthetic
from slam.tracking.judge import Judge, NoJudge, load_network, new_judge

SIGMAS = 6.0  # an error beyond is no sensor's noise
NOISES = {
    "clean": NoiseConfig(),
    "kinect": NoiseConfig(model="kinect"),
    "stereo": NoiseConfig(model="stereo"),
}
Seen = tuple[Frame, np.ndarray, np.ndarray, np.ndarray]


def seen(noise: NoiseConfig, scene: str, index: int = 3) -> Seen:
    """Return a frame, its true depth, which readings are outliers, and which are surely good."""
    clean = open_synthetic(scene, 10)
    source = NoisySource(clean, noise) if noise.is_added else clean
    frame, true_m = source.read(index), clean.read(index).depth_m
    error_m, sigma_m = np.abs(frame.depth_m - true_m), frame.depth_noise.sigma_m(true_m)
    has_depth = (frame.depth_m > 0) & (true_m > 0)
    without = NoisySource(clean, replace(noise, outliers=0.0)) if noise.is_added else clean
    moved_m = np.abs(frame.depth_m - without.read(index).depth_m)  # the noise is the same
    is_outlier = has_depth & (moved_m > 0.1 * true_m)
    return frame, true_m, is_outlier, has_depth & (error_m < SIGMAS * sigma_m)


@pytest.mark.parametrize("scene", ["room", "desk"])
@pytest.mark.parametrize("share", [0.05, 0.2])
@pytest.mark.parametrize("sensor", NOISES)
def test_gross_errors_are_left_out(sensor: str, share: float, scene: str):
    frame, _, is_outlier, is_good = seen(replace(NOISES[sensor], outliers=share), scene)
    judged = Judge().judged(frame)
    assert (judged.depth_m[is_outlier] > 0).mean() < 0.08
    assert (judged.depth_m[is_good] == 0).mean() < 0.02
    assert not judged.depth_m[frame.depth_m == 0].any()


@pytest.mark.parametrize("scene", ["room", "thin", "desk"])
@pytest.mark.parametrize("sensor", NOISES)
def test_without_outliers_nearly_all_stays_and_none_gets_worse(sensor: str, scene: str):
    frame, true_m, _, is_good = seen(NOISES[sensor], scene)
    judged = Judge().judged(frame)
    assert (judged.depth_m[is_good] == 0).mean() < 0.01
    kept = is_good & (judged.depth_m > 0)
    before, after = (
        np.sqrt(np.mean(((z - true_m)[kept] / frame.depth_noise.sigma_m(true_m[kept])) ** 2))
        for z in (frame.depth_m, judged.depth_m)
    )
    assert after < {"clean": 0.15, "kinect": 0.8 * before, "stereo": before}[sensor]


def test_noise_that_is_stated_wrong_by_a_factor_does_little_harm():
    frame, _, is_outlier, is_good = seen(replace(NOISES["kinect"], outliers=0.1), "room")
    true = frame.depth_noise
    for factor in (0.5, 2.0):
        stated = DepthNoise(
            factor * true.constant_m, factor * true.linear, factor * true.quadratic_per_m
        )
        judged = Judge().judged(replace(frame, depth_noise=stated))
        assert (judged.depth_m[is_outlier] > 0).mean() < 0.12
        assert (judged.depth_m[is_good] == 0).mean() < 0.05


def test_an_empty_frame_stays_empty():
    frame, *_ = seen(NOISES["clean"], "room")
    empty = replace(frame, depth_m=np.zeros_like(frame.depth_m))
    assert not Judge().judged(empty).depth_m.any()


def test_the_config_decides():
    assert isinstance(new_judge(Config()), NoJudge)
    assert isinstance(new_judge(Config(fusion="learned")), Judge)
    frame, *_ = seen(NOISES["clean"], "room")
    assert NoJudge().judged(frame) is frame


@pytest.mark.parametrize("command", ["run", "compare", "bench"])
def test_commands_that_fuse_take_it(command: str, capsys: pytest.CaptureFixture[str]):
    assert main([command, "nowhere", "--fusion", "learned"]) == 2
    assert "--fusion" not in capsys.readouterr().err


def test_the_network_says_how_it_was_made():
    network = load_network()
    assert network.weights.shape == (NETWORK_SIZE,)
    assert network.header["command"].startswith("scripts/train_fusion.py")
    assert {"all", "single", "small", "specks", "kinect"} <= set(network.header["validation"])
