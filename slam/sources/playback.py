"""Playback: which frames of a source are used, when, and what became of the others."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import cv2
import numpy as np
from jaxtyping import Float32

from slam.camera import Camera
from slam.config import PlaybackConfig
from slam.errors import BadFrameError, SlamError
from slam.frame import Frame
from slam.sources.base import Source

logger = logging.getLogger(__name__)


@dataclass
class PlaybackCounts:
    """What became of the frames so far; `playback` writes it, others read it."""

    read: int = 0  # delivered
    without_color: int = 0  # of those delivered
    dropped: int = 0  # came too late in realtime, never decoded
    bad: dict[int, str] = field(default_factory=dict)  # reason by frame index


def playback(
    source: Source,
    config: PlaybackConfig,
    counts: PlaybackCounts | None = None,
    now_s: Callable[[], float] = time.monotonic,
    sleep_s: Callable[[float], object] = time.sleep,
) -> Iterator[Frame]:
    """Yield the usable frames of a source, with depth outside [min_depth_m, max_depth_m] set to 0.

    `limit` counts the frames that the stride selects, used or not. With pace "realtime" a frame is
    held until its time stamp is due, and one that is more than a frame period late *when the
    consumer asks for it* is dropped undecoded; a reader thread before a bounded queue asks whenever
    the queue has room. Pass an event's `wait` as `sleep_s` to wake it early.
    """
    counts = PlaybackCounts() if counts is None else counts
    indices = selected(source, config)
    pacer = (
        _Pacer(source.timestamps_s[:: config.stride], now_s, sleep_s)
        if config.pace == "realtime"
        else _NoPacer()
    )
    last_stamp_s = -np.inf
    for index in indices:
        stamp_s = float(source.timestamps_s[index])
        if pacer.is_late(stamp_s):
            counts.dropped += 1
            continue
        try:
            _require_later(stamp_s, last_stamp_s)
            frame = clamped(source.read(index), source.camera, config)
        except BadFrameError as error:
            counts.bad[index] = str(error)
            logger.warning("skipped frame %d: %s", index, error)
            continue
        last_stamp_s = stamp_s
        pacer.wait_for(stamp_s)
        counts.read += 1
        counts.without_color += frame.color is None
        yield frame
    if counts.read == 0:
        reason = next(iter(counts.bad.values()), "it is empty")
        raise SlamError(f"{source.name} has no usable frame: {reason}")


def selected(source: Source, config: PlaybackConfig) -> range:
    """Return the indices of the frames that stride and limit leave."""
    if config.stride < 1 or config.limit < 0:
        raise SlamError(
            f"stride {config.stride} must be >= 1 and limit {config.limit} must be >= 0"
        )
    return range(0, len(source.timestamps_s), config.stride)[: config.limit or None]


def _require_later(stamp_s: float, last_stamp_s: float) -> None:
    if not np.isfinite(stamp_s) or stamp_s <= last_stamp_s:
        raise BadFrameError(
            f"its time stamp {stamp_s:.6f} s is not after {last_stamp_s:.6f} s, the last frame's"
        )


def clamped(frame: Frame, camera: Camera, config: PlaybackConfig) -> Frame:
    """Return the frame with readings out of range (NaN and infinity, too) set to 0; raise
    `BadFrameError` if none is left.
    """
    if frame.depth_m.shape != (camera.height, camera.width):
        height, width = frame.depth_m.shape
        raise BadFrameError(
            f"its depth is {width}x{height}, the camera is {camera.width}x{camera.height}"
        )
    is_valid = cv2.inRange(frame.depth_m, (config.min_depth_m,), (config.max_depth_m,))
    if not is_valid.any():
        raise BadFrameError(
            f"no depth between {config.min_depth_m:g} and {config.max_depth_m:g} m"
            f" ({_median_text(frame.depth_m)})"
        )
    return replace(frame, depth_m=cv2.copyTo(frame.depth_m, is_valid))


def _median_text(depth_m: Float32[np.ndarray, "h w"]) -> str:
    readings_m = depth_m[np.isfinite(depth_m) & (depth_m > 0)]
    return f"median {np.median(readings_m):.3g} m" if readings_m.size else "no reading at all"


class _NoPacer:
    """As fast as the consumer takes them."""

    def is_late(self, stamp_s: float) -> bool:
        return False

    def wait_for(self, stamp_s: float) -> None:
        pass


class _Pacer:
    """The clock of a recording, which starts when the first frame is delivered."""

    def __init__(
        self,
        timestamps_s: np.ndarray,
        now_s: Callable[[], float],
        sleep_s: Callable[[float], object],
    ) -> None:
        self._period_s = float(np.median(np.diff(timestamps_s))) if len(timestamps_s) > 1 else 0.0
        self._now_s = now_s
        self._sleep_s = sleep_s
        self._offset_s: float | None = None

    def is_late(self, stamp_s: float) -> bool:
        return (
            self._offset_s is not None and self._now_s() > stamp_s + self._offset_s + self._period_s
        )

    def wait_for(self, stamp_s: float) -> None:
        if self._offset_s is None:
            self._offset_s = self._now_s() - stamp_s
        delay_s = stamp_s + self._offset_s - self._now_s()
        if delay_s > 0:
            self._sleep_s(delay_s)
