"""A terminal that hands over single keys, and gets its old mode back whatever happens."""

import contextlib
import os
import select
import signal
import termios
from collections.abc import Iterator
from types import FrameType

LOCAL_MODES = 3  # where tcgetattr keeps ECHO and ICANON


class KeyTerminal:
    """A terminal in cbreak mode: keys arrive at once and unseen, Ctrl-C and Ctrl-Z work as ever.

    A process in the background must not touch it: the system would stop the process.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._before: list | None = None  # its attributes when it was taken
        self._is_let_go = False

    def take(self) -> bool:
        """Set the mode, again if a shell has changed it; return whether its keys are ours."""
        if self._is_let_go or not self._is_in_foreground():
            return False
        attributes = termios.tcgetattr(self._fd)
        if attributes[LOCAL_MODES] & (termios.ECHO | termios.ICANON):
            self._before = termios.tcgetattr(self._fd)
            attributes[LOCAL_MODES] &= ~(termios.ECHO | termios.ICANON)
            termios.tcsetattr(self._fd, termios.TCSANOW, attributes)
        return True

    def read(self, timeout_s: float) -> str | None:
        """Return what was typed, "" if nothing was in time, None if the terminal is gone."""
        if not select.select([self._fd], [], [], timeout_s)[0]:
            return ""
        typed = os.read(self._fd, 64)
        return typed.decode("ascii", "ignore") if typed else None

    def let_go(self) -> None:
        """Give it its old mode back, and leave it alone until `allow`."""
        self._is_let_go = True
        if self._before is not None and self._is_in_foreground():
            with contextlib.suppress(termios.error):  # the terminal is gone
                termios.tcflush(self._fd, termios.TCIFLUSH)  # a second "q" is not for the shell
                termios.tcsetattr(self._fd, termios.TCSANOW, self._before)
        self._before = None

    def allow(self) -> None:
        """Let `take` work again."""
        self._is_let_go = False

    def _is_in_foreground(self) -> bool:
        try:
            return os.tcgetpgrp(self._fd) == os.getpgrp()
        except OSError:  # not the terminal that controls this process: it suspends nothing
            return True


@contextlib.contextmanager
def let_go_while_suspended(terminal: KeyTerminal) -> Iterator[None]:
    """Give the terminal back when Ctrl-Z stops the process: not every shell repairs it."""

    def suspend(number: int, frame: FrameType | None) -> None:
        terminal.let_go()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)  # stands here until the shell goes on with it
        signal.signal(signal.SIGTSTP, suspend)
        terminal.allow()

    is_set = False
    if signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL:
        with contextlib.suppress(ValueError):  # only the main thread may
            signal.signal(signal.SIGTSTP, suspend)
            is_set = True
    try:
        yield
    finally:
        if is_set:
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
