import re

import numpy as np
import pytest

from slam.camera import DepthNoise
from slam.config import PlaybackConfig
from slam.errors import SlamError
from slam.frame import Frame
from slam.sources.base import Outage, Source, Stream
from slam.sources.depth_range import max_depth_m
from slam.sources.image_sequence import ImageSequence
from slam.sources.playback import PlaybackCounts, playback
from slam.sources.tum import list_tum


def _image(sample, value=2.0):
    camera = sample.camera
    return np.full((camera.height, camera.width), value, np.float32)


@pytest.fixture
def make_source(memory_source, sample):
    def make(images=None, stamps_s=None, num_frames=10):
        images = [_image(sample)] * num_frames if images is None else images
        stamps_s = np.arange(len(images)) / 10 if stamps_s is None else np.array(stamps_s)
        return memory_source(images, stamps_s)

    return make


def _indices(source, counts=None, **config):
    return [frame.index for frame in playback(source, PlaybackConfig(**config), counts)]


def test_start_stride_and_limit(make_source):
    assert _indices(make_source()) == list(range(10))
    assert _indices(make_source(), stride=3) == [0, 3, 6, 9]
    assert _indices(make_source(), stride=3, limit=2) == [0, 3]
    assert _indices(make_source(), limit=100) == list(range(10))
    assert _indices(make_source(), start=4, stride=3) == [4, 7]
    with pytest.raises(SlamError, match="has 10 frames: none is left from 10"):
        _indices(make_source(), start=10)


@pytest.mark.parametrize("config", [{"stride": 0}, {"stride": -1}, {"limit": -1}, {"start": -1}])
def test_senseless_stride_and_limit_are_refused(make_source, config):
    with pytest.raises(SlamError, match=f"playback.{next(iter(config))} must be at least"):
        _indices(make_source(), **config)


def test_frames_that_are_not_selected_are_not_decoded(make_source):
    source = make_source()
    _indices(source, stride=4)
    assert source.reads == [0, 4, 8]


def test_readings_out_of_range_are_missing(make_source, sample):
    image = _image(sample)
    image[0, :8] = [np.nan, np.inf, -np.inf, 1e7, -1.0, 0.0, 0.19, 5.1]
    image[1, :2] = [0.25, 4.9]
    [frame] = playback(make_source([image]), PlaybackConfig(min_depth_m=0.2, max_depth_m=5.0))
    assert frame.depth_m.dtype == np.float32
    assert not frame.depth_m[0, :8].any()
    np.testing.assert_array_equal(frame.depth_m[1], image[1])
    assert np.isnan(image[0, 0])  # the source's image is not changed


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (0.0, "no reading at all"),
        (np.nan, "no reading at all"),
        (np.inf, "no reading at all"),
        (1e7, "median 1e[+]07 m"),
        (9.0, "median 9 m"),
        (0.1, "median 0.1 m"),
    ],
)
def test_frames_without_depth_in_range_are_skipped(make_source, sample, value, reason, caplog):
    good, bad = _image(sample), _image(sample, value)
    counts = PlaybackCounts()
    assert _indices(make_source([good, bad, good]), counts) == [0, 2]
    assert counts.read == 2
    assert list(counts.bad) == [1]
    assert "no depth between 0.2 and 5 m" in counts.bad[1]
    assert re.search(reason, counts.bad[1])
    assert "skipped frame 1" in caplog.text


def test_a_wrong_size_in_mid_sequence_is_skipped(make_source, sample):
    images = [_image(sample), np.ones((10, 20), np.float32), _image(sample)]
    counts = PlaybackCounts()
    assert _indices(make_source(images), counts) == [0, 2]
    assert "20x10" in counts.bad[1]


def test_a_frame_that_cannot_be_read_is_skipped(make_source, sample):
    counts = PlaybackCounts()
    assert _indices(make_source([None, _image(sample), None]), counts) == [1]
    assert counts.bad == {0: "it was made bad", 2: "it was made bad"}


@pytest.mark.parametrize(
    ("stamps_s", "used"),
    [
        ([0.0, 0.1, 0.1, 0.2], [0, 1, 3]),  # repeated
        ([0.0, 0.2, 0.1, 0.3], [0, 1, 3]),  # backwards
        ([0.0, np.nan, 0.1, 0.2], [0, 2, 3]),
    ],
)
def test_stamps_that_do_not_advance_are_skipped(make_source, sample, stamps_s, used):
    source = make_source([_image(sample)] * 4, stamps_s)
    counts = PlaybackCounts()
    assert _indices(source, counts) == used
    assert len(counts.bad) == 1


def test_a_frame_that_was_bad_does_not_set_the_time(make_source, sample):
    source = make_source([_image(sample), None, _image(sample)], [0.0, 9.0, 0.1])
    assert _indices(source) == [0, 2]


def test_a_source_without_a_usable_frame_is_an_error_with_the_reason(make_source, sample):
    with pytest.raises(SlamError, match=r"no usable frame.*median 300 m"):
        _indices(make_source([_image(sample, 300.0)] * 3))
    with pytest.raises(SlamError, match="it is empty"):
        _indices(make_source([]))


def test_wrong_depth_scale_ends_the_playback(tmp_path, sample):
    sample.write["tum"](tmp_path)
    path = tmp_path / "camera.yaml"
    path.write_text(path.read_text() + "depth_scale: 1\n")
    with pytest.raises(SlamError, match=r"depth_scale 5000 \(TUM\) would make it"):
        list(playback(ImageSequence(list_tum(tmp_path)), PlaybackConfig()))


def test_frames_without_color_are_counted(make_source):
    counts = PlaybackCounts()
    _indices(make_source(), counts)
    assert counts.without_color == counts.read == 10


class _Clock:
    """A clock that only moves when somebody sleeps or works."""

    def __init__(self):
        self.time_s = 1000.0

    def now_s(self):
        return self.time_s

    def sleep_s(self, duration_s):
        assert duration_s > 0
        self.time_s += duration_s


def _play(source, work_s, **config):
    """Consume with `work_s` seconds a frame; return (index, time) of each delivery, and counts."""
    clock, counts, deliveries = _Clock(), PlaybackCounts(), []
    config = PlaybackConfig(pace="realtime", **config)
    for frame in playback(source, config, counts, clock.now_s, clock.sleep_s):
        deliveries.append((frame.index, clock.time_s - 1000.0))
        clock.time_s += work_s
    return deliveries, counts


def test_realtime_delivers_at_the_stamps(make_source):
    deliveries, counts = _play(make_source(), work_s=0.03)
    np.testing.assert_allclose(deliveries, [(i, i / 10) for i in range(10)], atol=1e-9)
    assert counts.dropped == 0


def test_realtime_keeps_gaps_of_the_recording(make_source, sample):
    deliveries, _ = _play(make_source([_image(sample)] * 3, [5.0, 5.1, 7.0]), work_s=0.0)
    np.testing.assert_allclose([time_s for _, time_s in deliveries], [0.0, 0.1, 2.0], atol=1e-9)


def test_realtime_drops_late_frames_undecoded(make_source):
    """A consumer of 0.25 s a frame, frames each 0.1 s: it keeps up by leaving frames out."""
    source = make_source(num_frames=20)
    deliveries, counts = _play(source, work_s=0.25)
    indices = [index for index, _ in deliveries]
    assert source.reads == indices
    assert counts.read + counts.dropped == 20
    assert 7 <= counts.read <= 9  # two seconds of recording
    # Never more than a period late when asked for.
    assert all(time_s - index / 10 <= 0.1 + 1e-9 for index, time_s in deliveries)


def test_a_little_late_is_not_dropped(make_source):
    deliveries, counts = _play(make_source(), work_s=0.1)
    assert len(deliveries) == 10
    assert counts.dropped == 0


def test_one_long_pause_costs_only_the_frames_in_it(make_source):
    clock, counts = _Clock(), PlaybackCounts()
    config = PlaybackConfig(pace="realtime")
    seen = []
    for frame in playback(make_source(), config, counts, clock.now_s, clock.sleep_s):
        seen.append(frame.index)
        clock.time_s += 0.55 if frame.index == 2 else 0.0
    assert seen == [0, 1, 2, 7, 8, 9]  # at 0.75 s frame 6 (0.6 s) is over a period late, 7 is not
    assert counts.dropped == 4


def test_the_clock_starts_with_the_first_frame_that_is_delivered(make_source, sample):
    """Frames that could not be used, and the time until somebody asked, make nothing late."""
    source = make_source([None, None, *[_image(sample)] * 3])
    deliveries, _ = _play(source, work_s=0.0)
    np.testing.assert_allclose([time_s for _, time_s in deliveries], [0.0, 0.1, 0.2], atol=1e-9)


def test_with_a_stride_the_period_is_that_of_the_selected_frames(make_source):
    deliveries, counts = _play(make_source(num_frames=20), work_s=0.35, stride=4)
    assert [index for index, _ in deliveries] == [0, 4, 8, 12, 16]
    assert counts.dropped == 0


class _Stream:
    """Frames by index, and outages by their reason."""

    name = "stream"
    period_s = 0.1
    depth_noise = DepthNoise()

    def __init__(self, sample, items, is_live=False):
        self.camera = sample.camera
        self.is_live = is_live
        self.is_closed = False
        self._items = items
        self._depth_m = _image(sample)

    def frames(self):
        try:
            for item in self._items:
                if isinstance(item, str):
                    yield Outage(item)
                else:
                    stamp_s = item * self.period_s
                    noise = self.depth_noise
                    yield Frame(item, stamp_s, self.camera, self._depth_m, None, noise)
        finally:
            self.is_closed = True

    def ground_truth(self):
        return None


def _played(stream, counts=None, **config):
    """Return indices and reasons in order."""
    items = playback(stream, PlaybackConfig(**config), counts)
    return [item.reason if isinstance(item, Outage) else item.index for item in items]


def test_a_stream_is_played_with_its_outages_and_its_gaps_counted(sample):
    counts = PlaybackCounts()
    stream = _Stream(sample, [0, 1, "unplugged", "still", 4, 5])
    assert isinstance(stream, Stream)
    assert not isinstance(stream, Source)
    assert _played(stream, counts) == [0, 1, "unplugged", "still", 4, 5]
    assert (counts.read, counts.dropped) == (4, 2)
    assert stream.is_closed


def test_stride_and_limit_of_a_stream_count_what_comes(sample):
    items = [0, 1, 3, "unplugged", 4, 5, 6, 7]
    assert _played(_Stream(sample, items), stride=2) == [0, 3, "unplugged", 5, 7]
    stream = _Stream(sample, items)
    assert _played(stream, stride=2, limit=2) == [0, 3]
    assert stream.is_closed
    counts = PlaybackCounts()
    assert _played(_Stream(sample, items), counts, start=2) == [3, "unplugged", 4, 5, 6, 7]
    assert counts.dropped == 1


def test_a_stream_that_is_left_is_closed(sample):
    stream = _Stream(sample, range(10))
    frames = playback(stream, PlaybackConfig())
    next(frames)
    frames.close()
    assert stream.is_closed


def test_a_stream_without_a_frame_is_an_error(sample):
    with pytest.raises(SlamError, match="stream has no usable frame: it is empty"):
        _played(_Stream(sample, ["unplugged"]))


@pytest.mark.parametrize(
    ("is_live", "expected"), [(False, [0, 2, 5, 8, 11]), (True, list(range(12)))]
)
def test_a_recorded_stream_is_paced_and_a_live_one_has_its_own_pace(sample, is_live, expected):
    clock, seen = _Clock(), []
    stream = _Stream(sample, range(12), is_live)
    config = PlaybackConfig(pace="realtime")
    for frame in playback(stream, config, None, clock.now_s, clock.sleep_s):
        seen.append(frame.index)
        clock.time_s += 0.3
    assert seen == expected


@pytest.mark.parametrize(
    ("noise", "farthest_m"),
    [
        (DepthNoise.kinect_v1(), 3.94),
        (DepthNoise.rendered(), 5.0),
        (DepthNoise(0.0, 0.0, 0.004), 2.5),
        (DepthNoise.stereo(0.08, 525.0, 0.05), 4.94),
    ],
)
def test_range_ends_where_readings_tell_nothing(noise, farthest_m):
    assert max_depth_m(PlaybackConfig(), noise) == pytest.approx(farthest_m, abs=0.01)
    assert max_depth_m(PlaybackConfig(max_depth_m=8.0), noise) == 8.0
