import numpy as np
import pytest

from slam.config import NoiseConfig
from slam.sources.noise.schedule import color_slip, kept_frames

STAMPS_S = np.arange(3000) / 30.0


def test_all_frames_by_default():
    np.testing.assert_array_equal(kept_frames(STAMPS_S, NoiseConfig()), np.arange(3000))


@pytest.mark.parametrize("rate_hz", [5.0, 10.0, 12.0, 15.0, 29.0, 30.0, 60.0])
def test_frame_rate(rate_hz):
    rng = np.random.default_rng(0)
    jittered_s = STAMPS_S + rng.uniform(-0.001, 0.001, len(STAMPS_S))
    kept = kept_frames(jittered_s, NoiseConfig(frame_rate_hz=rate_hz))
    assert kept[0] == 0
    assert len(kept) / 100.0 == pytest.approx(min(rate_hz, 30.0), rel=0.02)


def test_a_gap_does_not_make_frames_come_faster_after_it():
    stamps_s = np.concatenate([STAMPS_S[:300], STAMPS_S[600:900]])
    kept_s = stamps_s[kept_frames(stamps_s, NoiseConfig(frame_rate_hz=10.0))]
    assert np.diff(kept_s).min() > 0.09


@pytest.mark.parametrize("share", [0.05, 0.5])
def test_dropped_share(share):
    kept = kept_frames(STAMPS_S, NoiseConfig(dropped=share))
    assert kept[0] == 0
    # six standard errors
    assert len(kept) / 3000 == pytest.approx(1 - share, abs=6 * np.sqrt(share * (1 - share) / 3000))
    other = kept_frames(STAMPS_S, NoiseConfig(dropped=share, seed=1))
    assert not np.array_equal(kept, other)


def test_slips_of_colour_are_as_many_as_asked_for_and_the_same_each_time():
    noise = NoiseConfig(color_slips=0.2)
    slips = [color_slip(index, noise) for index in range(2000)]
    assert slips == [color_slip(index, noise) for index in range(2000)]
    for slip in (-1, 1):
        assert abs(slips.count(slip) / len(slips) - 0.1) < 0.03
    assert slips != [
        color_slip(index, NoiseConfig(color_slips=0.2, seed=1)) for index in range(2000)
    ]
    assert not any(color_slip(index, NoiseConfig()) for index in range(100))
