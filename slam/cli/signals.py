"""How a user, a shell or a service manager ends a command."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from slam.control.controls import Controls  # which loads numba: half a second of --help

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ending:
    """Lets Ctrl-C, SIGTERM and a terminal that goes away end a run as at its last frame.

    A running session is only asked, so that no instant is a bad one: an exception that comes
    anywhere would leave tables of different lengths. Before it runs there is nothing to lose, and
    a second Ctrl-C is meant: both are a KeyboardInterrupt. Ctrl-C counts also where a shell started
    us with it ignored; a hang-up does not under nohup.
    """

    def __init__(self) -> None:
        self.controls: Controls | None = None  # of the session, once there is one
        self.is_asked = False  # the session was
        self._num_interrupts = 0

    def __call__(self, number: int, _: FrameType | None) -> None:
        """Handle a signal."""
        self._num_interrupts += number == signal.SIGINT
        if self.controls is None or not self.controls.is_begun or self._num_interrupts > 1:
            raise KeyboardInterrupt
        self.is_asked = True
        self.controls.quit(signal.Signals(number).name, is_hurried=True)


@contextmanager
def ended_by_signals(is_restored: bool) -> Iterator[Ending]:
    """Handle signals while the block runs, or, where it is the last of its process, to the end."""
    ending = Ending()
    with _handled(ending, is_restored):
        yield ending


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt for all of them, at once."""
    with _handled(signal.default_int_handler):
        yield


@contextmanager
def _handled(handler, is_restored: bool = True) -> Iterator[None]:
    is_nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    numbers = [n for n in ENDING if not (n == signal.SIGHUP and is_nohup)]
    before = [signal.signal(number, handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler_before in zip(numbers if is_restored else [], before, strict=False):
            signal.signal(number, handler_before)
