"""What the loop of a run and its remote controls share."""

import time
from collections import deque
from collections.abc import Callable
from typing import Literal, Required, TypedDict

from slam.workers import StopEvent

NAP_S = 0.02  # how often a paused loop looks up: unnoticeable for a hand, free for a core
MAX_STEPS_AHEAD = 4  # a held key must not go on stepping when it is let go

Phase = Literal["running", "paused", "ending", "over"]


class MapStatus(TypedDict, total=False):
    """One of the systems that the frames go through."""

    name: Required[str]
    state: Required[str]  # of tracking: ok, weak, lost
    residual_mm: float
    map_mb: float
    ate_cm: float  # so far


class Status(TypedDict, total=False):
    """What the loop tells after a frame; what it does not know it leaves out."""

    frame_index: int  # in the recording
    number: int  # of frames so far
    num_frames: int | None  # of all, if that is known
    fps: float
    maps: list[MapStatus]


class ControlStatus(TypedDict):
    """What the controls show."""

    phase: Phase
    run: Status
    message: str
    message_number: int  # tells a message from the same one said again


class Controls:
    """Requests go one way, the status the other.

    There is no lock: whoever calls writes one attribute or one deque, which is atomic. The loop:

        for frame in reader:
            while not controls.wait_until_due(stop):
                if controls.take_reset(): ...
                if controls.take_save(): ...
            if controls.is_quit:
                break
            ...
            controls.publish({"number": number, ...})
    """

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._standing: tuple[float | None, float] = (None, 0.0)  # since when; how long before
        self._is_paused = False
        self._is_quit = False
        self._is_hurried = False
        self.quit_by = ""  # who asked, for the log
        self.is_begun = False  # there are results to write from here on
        self._is_over = False
        self._steps: deque[None] = deque(maxlen=MAX_STEPS_AHEAD)
        self._resets: deque[None] = deque(maxlen=1)
        self._saves: deque[None] = deque(maxlen=1)
        self._status: Status = {}
        self._message = (0, "")

    # For keys and page.

    def pause(self) -> None:
        """Hold before the next frame."""
        self._is_paused = True
        self._steps.clear()

    def resume(self) -> None:
        """Go on."""
        self._is_paused = False
        self._steps.clear()

    def toggle_pause(self) -> None:
        """Hold, or go on."""
        if self._is_paused:
            self.resume()
        else:
            self.pause()

    def step(self) -> None:
        """Let one frame through, and hold before the next."""
        self._is_paused = True
        self._steps.append(None)

    def reset(self) -> None:
        """Ask for new, empty maps."""
        self._resets.append(None)

    def save_mesh(self) -> None:
        """Ask for the meshes as they are now."""
        self._saves.append(None)

    def quit(self, by: str = "request", is_hurried: bool = False) -> None:
        """Ask the run to end as at its last frame: everything is written. In a hurry what only
        makes it better is left out.

        A signal handler may call it: it takes no lock.
        """
        self.quit_by = by
        self._is_hurried = self._is_hurried or is_hurried
        self._is_quit = True

    def status(self) -> ControlStatus:
        """Return the run as its loop published it last."""
        number, text = self._message
        return ControlStatus(
            phase=self._phase(), run=self._status, message=text, message_number=number
        )

    def _phase(self) -> Phase:
        if self._is_over:
            return "over"
        if self._is_quit:
            return "ending"
        return "paused" if self._is_paused else "running"

    # For the loop.

    def wait_until_due(self, stop: StopEvent) -> bool:
        """Return True once there is nothing to wait for: the run goes on, or ends.

        False: a request is to be taken first, with `take_reset` or `take_save`; then call it again.
        So a request is met before the next frame, and while paused without one.
        """
        is_due = self._is_due(stop)
        if is_due is not None:
            return is_due
        since_s, stood_s = self._monotonic_s(), self._standing[1]
        self._standing = (since_s, stood_s)
        try:
            while (is_due := self._is_due(stop)) is None:
                stop.wait(NAP_S)
        finally:
            self._standing = (None, stood_s + self._monotonic_s() - since_s)
        return is_due

    def _is_due(self, stop: StopEvent) -> bool | None:
        """As `wait_until_due`; None: neither yet."""
        if self._is_quit or stop.is_set():
            return True
        if self._resets or self._saves:
            return False
        return True if not self._is_paused or _taken(self._steps) else None

    def take_reset(self) -> bool:
        """Whether a reset was asked for since the last call."""
        return _taken(self._resets)

    def take_save(self) -> bool:
        """Whether the meshes were asked for since the last call."""
        return _taken(self._saves)

    @property
    def is_quit(self) -> bool:
        """Whether the run was asked to end."""
        return self._is_quit

    @property
    def is_hurried(self) -> bool:
        """Whether it was asked to end with nothing done that can be left out."""
        return self._is_hurried

    def publish(self, status: Status) -> None:
        """Show how the run is; call it after each frame, with a new mapping each time."""
        self._status = status

    def say(self, message: str) -> None:
        """Show a line, such as which mesh was saved."""
        self._message = (self._message[0] + 1, message)

    def begin(self) -> None:
        """Tell that the first frame is next."""
        self.is_begun = True

    def end(self) -> None:
        """Show that the run is over."""
        self._is_over = True

    def now_s(self) -> float:
        """Read a clock that stands while the loop is held.

        With it a recording that is played in real time goes on where it was paused, and the frame
        rate counts no pause. Any thread may ask.
        """
        since_s, stood_s = self._standing
        return (self._monotonic_s() if since_s is None else since_s) - stood_s


def _taken(requests: deque[None]) -> bool:
    try:
        requests.pop()
    except IndexError:
        return False
    return True
