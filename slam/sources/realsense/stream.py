"""A RealSense camera or recording as a stream of frames, with its outages."""

import logging
import time
from collections.abc import Callable, Generator, Iterator

from slam.config import RealSenseConfig
from slam.errors import SlamError
from slam.frame import Frame
from slam.sources.base import Outage
from slam.sources.realsense.clock import FrameClock
from slam.sources.realsense.feed import Feed
from slam.sources.realsense.pairing import Pairing
from slam.sources.realsense.raw_frame import RawFrame
from slam.sources.realsense.registration import Registration

logger = logging.getLogger(__name__)
POLL_S = 0.1  # no wait for a frame is longer
FIRST_FRAME_S = 10.0  # a camera that was just started may take its time
END_S = 2.0  # a recording that is not over, yet delivers nothing for so long, has stalled
FIRST_PAUSE_S, LAST_PAUSE_S = 0.25, 4.0  # between attempts to find a camera again


class RealSenseStream:
    """Frames of a feed. A live one that stops is opened again, by `connect`, until it is back."""

    def __init__(self, connect: Callable[[], Feed], config: RealSenseConfig) -> None:
        self._connect = connect
        self._config = config
        self._feed: Feed | None = connect()
        calibration = self._feed.calibration
        self.name = self._feed.name
        self.is_live = self._feed.is_live
        self.camera = calibration.depth.camera
        self.depth_noise = calibration.depth_noise(config.disparity_sigma_px)
        self.period_s = 1.0 / max(calibration.fps, 1.0)
        self.clock = FrameClock(calibration.fps, self.is_live)
        self._registration = Registration(calibration)

    def frames(self) -> Generator[Frame | Outage, None, None]:
        """Yield what comes, at least every quarter of a second; close the device at the end."""
        try:
            for item in self._raw_frames():
                if isinstance(item, Outage):
                    yield item
                elif (place := self.clock.place(item)) is not None:
                    yield self._frame(item, *place)
        finally:
            self.close()

    def ground_truth(self) -> None:
        """A camera knows no true poses."""
        return None

    def close(self) -> None:
        """Let go of the device."""
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    def _frame(self, raw: RawFrame, index: int, time_s: float) -> Frame:
        depth_m = self._registration.depth_m(self._registration.depth(raw))
        color = self._registration.color(raw, depth_m)
        return Frame(
            index,
            time_s,
            self.camera,
            depth_m,
            color,
            self.depth_noise,
            arrival_s=raw.arrival_s if self.is_live else None,
        )

    def _raw_frames(self) -> Iterator[RawFrame | Outage]:
        if not self.is_live:
            yield from self._recorded()
            return
        patience_s = FIRST_FRAME_S
        while True:
            yield from self._until_silent(patience_s)
            patience_s = self._config.timeout_s
            is_back = yield from self._reconnect()
            if not is_back:
                return

    def _recorded(self) -> Iterator[RawFrame]:
        feed = self._feed
        assert feed is not None
        pairing = Pairing(feed.calibration.color is not None)
        last_s = time.monotonic()
        while True:
            frame = feed.wait(POLL_S)
            yield from pairing.next(frame)
            if frame is not None:
                last_s = time.monotonic()  # after the consumer has taken it
            elif feed.is_over():
                return
            elif time.monotonic() - last_s > END_S:
                logger.warning("%s stalls before its end", self.name)
                return

    def _until_silent(self, patience_s: float) -> Iterator[RawFrame | Outage]:
        """Yield frames until none has come for `patience_s`, then for the time that is allowed."""
        feed = self._feed
        assert feed is not None
        pairing = Pairing(feed.calibration.color is not None)
        last_s = time.monotonic()
        while (silence_s := time.monotonic() - last_s) < patience_s:
            frame = feed.wait(POLL_S)
            yield from pairing.next(frame)
            if frame is not None:
                last_s = frame.arrival_s
                patience_s = self._config.timeout_s
            elif silence_s > self._config.timeout_s / 2:
                yield Outage(f"no frame from {self.name} for {silence_s:.1f} s")

    def _reconnect(self) -> Generator[Outage, None, bool]:
        """Wait for the camera with growing pauses; return whether it is back."""
        start_s = time.monotonic()
        logger.warning("%s delivers no frames: waiting for it to come back", self.name)
        self.close()
        pause_s = FIRST_PAUSE_S
        reason = "it was closed"
        while (elapsed_s := time.monotonic() - start_s) < self._config.reconnect_s:
            try:
                feed = self._connect()
                if feed.calibration != self._registration.calibration:
                    feed.close()
                    raise SlamError("another camera, or other settings")
                self._feed = feed
                logger.warning("%s is back after %.1f s", self.name, elapsed_s)
                return True
            except SlamError as error:
                reason = str(error)
            end_s = time.monotonic() + pause_s
            while (left_s := end_s - time.monotonic()) > 0:
                yield Outage(f"{self.name} is gone: {reason}")
                time.sleep(min(left_s, POLL_S))
            pause_s = min(2 * pause_s, LAST_PAUSE_S)
        logger.warning("%s did not come back within %.0f s", self.name, self._config.reconnect_s)
        return False
