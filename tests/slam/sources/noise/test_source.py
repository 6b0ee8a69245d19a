import numpy as np
import pytest

from slam.config import Config, NoiseConfig
from slam.config_file import load_config
from slam.errors import SlamError
from slam.sources.detect import open_source
from slam.sources.noise.schedule import color_slip
from slam.sources.noise.source import NoisySource, add_outliers
from slam.sources.synthetic import open_synthetic

KINECT = NoiseConfig(model="kinect")
STEREO = NoiseConfig(model="stereo")
ALL_AT_ONCE = NoiseConfig(
    model="stereo", seed=3, outliers=0.01, exposure_ms=10.0, readout_ms=15.0, color_delay_ms=20.0,
    auto_exposure=True, vignetting=0.3, color_sigma=2.0, frame_rate_hz=15.0, dropped=0.2,
)  # fmt: skip


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def _plane(depth_m, shape=(240, 320)):
    return np.full(shape, depth_m, np.float32)


def test_outliers_replace_their_share_of_the_readings(rng):
    depth_m = _plane(2.0, (480, 640))
    depth_m[:240] = 0.0
    noisy_m = add_outliers(depth_m, 0.05, rng)
    assert not noisy_m[:240].any()
    is_hit = noisy_m[240:] != 2.0
    assert is_hit.mean() == pytest.approx(0.05, rel=0.05)  # six standard errors
    hits_m = noisy_m[240:][is_hit]
    assert hits_m.min() >= 0.4
    assert hits_m.max() <= 5.0
    assert hits_m.mean() == pytest.approx(2.7, abs=0.1)
    assert (depth_m[240:] == 2.0).all()  # the argument is not changed


@pytest.fixture
def clean(memory_source):
    images = [_plane(1.5 + 0.1 * i, (48, 64)) for i in range(4)]
    return memory_source(images, np.arange(4) / 30)


def _depths(source, order):
    frames = {i: source.read(i).depth_m for i in order}
    return [frames[i] for i in sorted(frames)]


def test_the_same_seed_gives_the_same_images_in_any_order(clean):
    config = NoiseConfig(model="kinect", outliers=0.01, seed=3)
    forward = _depths(NoisySource(clean, config), [0, 1, 2, 3])
    backward = _depths(NoisySource(clean, config), [3, 1, 2, 0])
    np.testing.assert_array_equal(forward, backward)


def test_seeds_and_frames_differ(clean):
    first = _depths(NoisySource(clean, NoiseConfig(outliers=0.2, seed=1)), range(4))
    other = _depths(NoisySource(clean, NoiseConfig(outliers=0.2, seed=2)), range(4))
    assert not np.array_equal(first[0], other[0])
    hits = [image != 1.5 + np.float32(0.1 * i) for i, image in enumerate(first)]
    assert not np.array_equal(hits[0], hits[1])


def test_model_none_adds_only_outliers(clean):
    source = NoisySource(clean, NoiseConfig(model="none", outliers=0.1))
    assert source.depth_noise == clean.depth_noise
    assert 0.05 < (source.read(0).depth_m != 1.5).mean() < 0.15


@pytest.mark.parametrize(
    "config", [KINECT, STEREO, NoiseConfig(outliers=0.1), NoiseConfig(auto_exposure=True)]
)
def test_open_source_adds_the_noise_of_the_config(tmp_path, sample, config):
    sample.write["replica"](tmp_path)
    assert isinstance(open_source(str(tmp_path), Config(noise=config)), NoisySource)
    assert not isinstance(open_source(str(tmp_path), Config()), NoisySource)


def test_a_noisy_source_keeps_camera_stamps_color_and_truth(tmp_path, sample):
    sample.write["replica"](tmp_path)
    clean = open_source(str(tmp_path), Config())
    noisy = NoisySource(clean, KINECT)
    assert (noisy.name, noisy.camera) == (clean.name, clean.camera)
    np.testing.assert_array_equal(noisy.timestamps_s, clean.timestamps_s)
    np.testing.assert_array_equal(noisy.read(1).color, clean.read(1).color)
    assert len(noisy.ground_truth()) == len(clean.ground_truth())
    assert noisy.read(1).depth_noise == noisy.depth_noise


def test_everything_at_once_is_the_same_in_any_order():
    scene = open_synthetic("wall", 40)
    source = NoisySource(scene, ALL_AT_ONCE)
    assert 10 <= len(source.timestamps_s) <= 19
    forward = [source.read(index) for index in range(8)]
    again = NoisySource(scene, ALL_AT_ONCE)
    for index in (7, 2, 0, 5):
        frame = again.read(index)
        assert frame.index == index
        assert frame.timestamp_s == source.timestamps_s[index]
        np.testing.assert_array_equal(frame.depth_m, forward[index].depth_m)
        np.testing.assert_array_equal(frame.color, forward[index].color)


def test_slipped_colour_is_that_of_the_frame_before_or_after():
    clean, config = open_synthetic("wall", 8), NoiseConfig(color_slips=0.8)
    noisy, last = NoisySource(clean, config), len(clean.timestamps_s) - 1
    slips = [color_slip(index, config) for index in range(last + 1)]
    assert {-1, 1} <= set(slips[1:last])
    for index, slip in enumerate(slips):
        frame, shown = noisy.read(index), clean.read(min(max(index + slip, 0), last))
        np.testing.assert_array_equal(frame.color, shown.color)
        np.testing.assert_array_equal(frame.depth_m, clean.read(index).depth_m)


def test_poses_of_missing_frames_are_missing():
    source = NoisySource(open_synthetic("wall", 40), ALL_AT_ONCE)
    np.testing.assert_array_equal(source.ground_truth().timestamps_s, source.timestamps_s)


def test_each_effect_is_off_by_default():
    assert not isinstance(open_source("synthetic:wall", Config()), NoisySource)
    scene = open_synthetic("wall", 3)
    frame = NoisySource(scene, NoiseConfig()).read(1)
    np.testing.assert_array_equal(frame.depth_m, scene.read(1).depth_m)
    np.testing.assert_array_equal(frame.color, scene.read(1).color)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("exposure_ms", "-1"),
        ("vignetting", "1.5"),
        ("dropped", "1"),
        ("frame_rate_hz", "-5"),
        ("color_sigma", "-1"),
        ("color_delay_ms", "-100"),
    ],
)
def test_an_impossible_effect_is_one_line(option, value):
    with pytest.raises(SlamError, match=f"{option}.*{value}"):
        load_config([], {f"noise.{option}": value})


def test_blur_without_poses_is_refused(memory_source):
    with pytest.raises(SlamError, match="no true poses"):
        NoisySource(memory_source([_plane(2.0)], np.zeros(1)), NoiseConfig(exposure_ms=5.0))


def test_depth_noise_keeps_the_constant_part(memory_source):
    source = NoisySource(memory_source([_plane(2.0)], np.zeros(1)), KINECT)
    assert source.depth_noise.constant_m == 0.001
    expected = np.sqrt(1 / 36 + 1 / 12) / 351.3
    assert source.depth_noise.quadratic_per_m == pytest.approx(expected)
