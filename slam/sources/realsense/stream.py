"""A RealSense camera or recording as a stream of frames, with its outages."""

import logging
import time
from collections.abc import Callable, Generator, Iterator

import numpy as np
from jaxtyping import Float64

from kernels.threads import use_one_thread
from slam.config import RealSenseConfig
from slam.errors import SlamError
from slam.frame import Frame
from slam.sources.base import Outage
from slam.sources.realsense.feed import Feed
from slam.sources.realsense.raw_frame import Delivery, RawFrame
from slam.sources.realsense.registration import Registration
from slam.sources.streams.clock import FrameClock
from slam.sources.streams.pairing import Pairing

logger = logging.getLogger(__name__)
POLL_S = 0.1  # no wait for a frame is longer
SILENCE_S = 0.5  # without a frame; shorter ones are hiccups
FIRST_FRAME_S = 5.0  # a camera that was just opened may take its time
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
        self.depth_unit_m = calibration.depth_unit_m  # of the values that the device stores
        self.period_s = 1.0 / max(calibration.fps, 1.0)
        self.clock = FrameClock(calibration.fps, self.is_live)
        self._registration = Registration(calibration)
        self._registration.warm_up()

    def frames(self) -> Generator[Frame | Outage, None, None]:
        """Yield what comes, at least every half second; close the device at the end."""
        use_one_thread()  # tracker and mapper need the cores
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
        depth_m = self._registration.depth_m(raw.depth)
        found = self._registration.color(raw, depth_m)
        return Frame(
            index,
            time_s,
            self.camera,
            depth_m,
            None if found is None else found.color,
            self.depth_noise,
            arrival_s=raw.arrival_s if self.is_live else None,
            acceleration=self._acceleration(raw),
            color_mask=None if found is None else found.mask,
        )

    def _acceleration(self, raw: RawFrame) -> Float64[np.ndarray, "3"] | None:
        if self._feed is None or self._feed.accelerometer is None:
            return None
        return self._feed.accelerometer.before(raw)

    def _raw_frames(self) -> Iterator[RawFrame | Outage]:
        return self._live() if self.is_live else self._recorded()

    def _recorded(self) -> Iterator[RawFrame]:
        feed = self._feed
        assert feed is not None
        pairing = self._pairing()
        last_s = time.monotonic()
        while True:
            delivery = feed.wait(POLL_S)
            yield from pairing.next(delivery)
            if delivery is not None:
                last_s = time.monotonic()  # after the consumer has taken it
            elif feed.is_over():
                return
            elif time.monotonic() - last_s > END_S:
                logger.warning("%s stalls before its end", self.name)
                return

    def _live(self) -> Iterator[RawFrame | Outage]:
        """Yield frames, and outages once none has come for `SILENCE_S`; end when none comes for
        the time that is allowed.
        """
        pairing = self._pairing()
        attempts = Attempts(self._config.timeout_s)
        reason = "it is silent"
        last_s = time.monotonic()
        while (silence_s := time.monotonic() - last_s) < self._config.reconnect_s:
            delivery = self._wait()
            yield from pairing.next(delivery)
            if delivery is not None and delivery.depth is not None:
                if attempts.num_made > 0:
                    logger.warning("%s is back after %.1f s", self.name, silence_s)
                attempts = Attempts(self._config.timeout_s)
                last_s = time.monotonic()
                continue
            if silence_s >= SILENCE_S:
                yield Outage(f"no frame from {self.name} for {silence_s:.1f} s: {reason}")
            if attempts.is_due():
                reason = self._reopen()
                attempts.made(is_open=self._feed is not None)
        logger.warning("%s did not come back within %.0f s", self.name, self._config.reconnect_s)

    def _pairing(self) -> Pairing:
        calibration = self._registration.calibration
        return Pairing(calibration.color is not None, calibration.fps)

    def _wait(self) -> Delivery | None:
        if self._feed is not None:
            return self._feed.wait(POLL_S)
        time.sleep(POLL_S)
        return None

    def _reopen(self) -> str:
        """Close the device and open it again, if it is there; return what to say of it."""
        self.close()
        try:
            feed = self._connect()
        except SlamError as error:
            return str(error)
        if feed.calibration != self._registration.calibration:
            feed.close()
            return f"{feed.name} has another calibration than the camera that the run began with"
        self._feed = feed
        return "it was opened anew"


class Attempts:
    """When to open a silent device anew: after the time-out, then with growing pauses."""

    def __init__(self, timeout_s: float) -> None:
        self.num_made = 0
        self._pause_s = FIRST_PAUSE_S
        self._next_s = time.monotonic() + timeout_s

    def is_due(self) -> bool:
        """Whether to try."""
        return time.monotonic() >= self._next_s

    def made(self, is_open: bool) -> None:
        """Plan the next one: a device that was just opened is given time for its first frame."""
        self.num_made += 1
        self._next_s = time.monotonic() + (FIRST_FRAME_S if is_open else self._pause_s)
        self._pause_s = min(2 * self._pause_s, LAST_PAUSE_S)
