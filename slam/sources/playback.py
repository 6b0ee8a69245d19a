"""Playback: which frames of a source are used, when, and what became of the others."""

import contextlib
import functools
import logging
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import overload

import numpy as np
from jaxtyping import Float64

from slam.camera import Camera
from slam.config import PlaybackConfig
from slam.errors import BadFrameError, SlamError
from slam.frame import Frame
from slam.sources.base import Outage, Source, Stream
from slam.sources.depth_range import clamped
from slam.sources.pacer import NoPacer, Pacer

logger = logging.getLogger(__name__)
MAX_SKIPS_TOLD = 5  # one by one; then only how many they were


@dataclass
class PlaybackCounts:
    """What became of the frames so far; `playback` writes it, others read it."""

    read: int = 0  # delivered
    no_color: Counter[str] = field(default_factory=Counter)  # of those delivered, by the reason
    dropped: int = 0  # came too late in realtime, or never from a device
    bad: dict[int, str] = field(default_factory=dict)  # reason by frame index

    @property
    def without_color(self) -> int:
        """How many of the frames delivered had no colour."""
        return self.no_color.total()


@overload
def playback(
    source: Source,
    config: PlaybackConfig,
    counts: PlaybackCounts | None = None,
    now_s: Callable[[], float] = time.monotonic,
    sleep_s: Callable[[float], object] = time.sleep,
) -> Iterator[Frame]: ...
@overload
def playback(
    source: Source | Stream,
    config: PlaybackConfig,
    counts: PlaybackCounts | None = None,
    now_s: Callable[[], float] = time.monotonic,
    sleep_s: Callable[[float], object] = time.sleep,
) -> Iterator[Frame | Outage]: ...
def playback(
    source: Source | Stream,
    config: PlaybackConfig,
    counts: PlaybackCounts | None = None,
    now_s: Callable[[], float] = time.monotonic,
    sleep_s: Callable[[float], object] = time.sleep,
) -> Iterator[Frame | Outage]:
    """Yield the usable frames of a source, with depth outside [min_depth_m, max_depth_m] set to 0;
    of a stream, its outages, too.

    `limit` counts the frames that the stride selects, used or not. With pace "realtime" a frame is
    held until its time stamp is due, and one that is more than a frame period late *when the
    consumer asks for it* is dropped, undecoded if the source is no stream; a reader thread before a
    bounded queue asks whenever the queue has room. Pass an event's `wait` as `sleep_s` to wake it
    early. A live stream has a pace of its own.
    """
    counts = PlaybackCounts() if counts is None else counts
    if isinstance(source, Stream):
        items = _streamed(source, config, counts)
        period_s = source.period_s * config.stride
    else:
        items = _indexed(source, config)
        period_s = _period_s(source.timestamps_s[config.start :: config.stride])
    is_paced = config.pace == "realtime" and not (isinstance(source, Stream) and source.is_live)
    pacer = Pacer(period_s, now_s, sleep_s) if is_paced else NoPacer()
    try:
        with contextlib.closing(items):
            yield from _usable(items, source.camera, config, counts, pacer)
    finally:
        _tell_losses(counts, source.name)
    if counts.read == 0:
        reason = next(iter(counts.bad.values()), "it is empty")
        raise SlamError(f"{source.name} has no usable frame: {reason}")


def _tell_losses(counts: PlaybackCounts, name: str) -> None:
    """Say once, at the end, how many frames had no colour, and why; how many were skipped."""
    if counts.no_color:
        (reason, num), *others = counts.no_color.most_common()
        more = f"; {sum(n for _, n in others)} for other reasons" if others else ""
        logger.warning(
            "%s: %d of %d frames had no colour (%s%s%s)",
            name, counts.without_color, counts.read, reason, f": {num}" if others else "", more,
        )  # fmt: skip
    if len(counts.bad) > MAX_SKIPS_TOLD:
        logger.warning("%s: %d frames were skipped in all", name, len(counts.bad))


def selected(source: Source, config: PlaybackConfig) -> range:
    """Return the indices of the frames that start, stride and limit leave."""
    num_frames = len(source.timestamps_s)
    if config.start >= num_frames > 0:
        raise SlamError(f"{source.name} has {num_frames} frames: none is left from {config.start}")
    return range(config.start, num_frames, config.stride)[: config.limit or None]


def rest_of(
    config: PlaybackConfig, last_index: int, num_frames: int | None
) -> PlaybackConfig | None:
    """Return the playback of what comes after a frame of a source, None where nothing is left."""
    start, limit = last_index + config.stride, config.limit
    if num_frames is not None and start >= num_frames:
        return None
    if limit:
        limit = (config.start + limit * config.stride - start) // config.stride
        if limit <= 0:
            return None
    return replace(config, start=start, limit=limit)


def num_selected(source: Source | Stream, config: PlaybackConfig) -> int | None:
    """Return how many frames are selected; None where the end shows when it comes."""
    if isinstance(source, Stream):
        return config.limit or None
    return len(selected(source, config))


@dataclass(frozen=True)
class _Selected:
    """A frame that the stride selects, and how to get it."""

    index: int
    timestamp_s: float
    read: Callable[[], Frame]


def _indexed(source: Source, config: PlaybackConfig) -> Generator[_Selected | Outage, None, None]:
    for index in selected(source, config):
        stamp_s = float(source.timestamps_s[index])
        yield _Selected(index, stamp_s, functools.partial(source.read, index))


def _streamed(
    stream: Stream, config: PlaybackConfig, counts: PlaybackCounts
) -> Generator[_Selected | Outage, None, None]:
    """Select every n-th frame that comes, and count those that are missing in between."""
    num_frames, last_index = 0, config.start - 1
    with contextlib.closing(stream.frames()) as frames:
        for item in frames:
            if isinstance(item, Outage):
                yield item
                continue
            if item.index < config.start:
                continue
            counts.dropped += item.index - last_index - 1
            last_index = item.index
            if num_frames % config.stride == 0:
                yield _Selected(item.index, item.timestamp_s, lambda frame=item: frame)
            num_frames += 1
            if config.limit and num_frames > (config.limit - 1) * config.stride:
                return


def _usable(
    items: Iterable[_Selected | Outage],
    camera: Camera,
    config: PlaybackConfig,
    counts: PlaybackCounts,
    pacer: Pacer | NoPacer,
) -> Iterator[Frame | Outage]:
    last_stamp_s = -np.inf
    for item in items:
        if isinstance(item, Outage):
            yield item
            continue
        if pacer.is_late(item.timestamp_s):
            counts.dropped += 1
            continue
        try:
            _require_later(item.timestamp_s, last_stamp_s)
            frame = clamped(item.read(), camera, config)
        except BadFrameError as error:
            counts.bad[item.index] = str(error)
            if len(counts.bad) <= MAX_SKIPS_TOLD:
                logger.warning("skipped frame %d: %s", item.index, error)
            continue
        last_stamp_s = item.timestamp_s
        pacer.wait_for(item.timestamp_s)
        counts.read += 1
        if frame.color is None:
            counts.no_color[frame.no_color or "none came with it"] += 1
        yield frame


def _period_s(timestamps_s: Float64[np.ndarray, "n"]) -> float:
    return float(np.median(np.diff(timestamps_s))) if len(timestamps_s) > 1 else 0.0


def _require_later(stamp_s: float, last_stamp_s: float) -> None:
    if not np.isfinite(stamp_s) or stamp_s <= last_stamp_s:
        raise BadFrameError(
            f"its time stamp {stamp_s:.6f} s is not after {last_stamp_s:.6f} s, the last frame's"
        )
