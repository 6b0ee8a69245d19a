"""A viewer that runs beside the run: what it does not get done is left out."""

import logging
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from kernels.threads import NUM_THREADS
from slam.viewer.base import Snapshot
from slam.viewer.rows import FrameRow, row_of
from slam.workers import Paced

logger = logging.getLogger(__name__)
MAX_ROWS = 2000  # frames that wait for the next view; older ones are not shown
SHARE_OF_MACHINE = 0.055  # of all its cores' time
LAST_VIEW_S = 5.0  # for the meshes in the end, at most
WATCHED_LAST_VIEW_S = 30.0  # while someone looks at the page: what is missing then stays missing
CLOSE_S = 5.0  # for the rest of the end


@runtime_checkable  # the tests check argument types at run time
class Screen(Protocol):
    """What views are drawn on. Its methods are called in one thread but where they say so."""

    cost: float  # of the machine's time over that of the calling thread

    def is_ready(self) -> bool:
        """Tell whether another view can be drawn; raise if never more."""
        ...

    def draw(self, rows: Sequence[FrameRow], newest: Snapshot) -> None:
        """Show the frames since the last view, the newest of them in full."""
        ...

    def finish(self, newest: Snapshot, deadline_s: float) -> None:
        """Show the maps as they are now, until a `time.monotonic()`."""
        ...

    def release(self) -> None:
        """Let go of the run, in the end."""
        ...

    @property
    def is_watched(self) -> bool:
        """Whether someone looks at what it serves. Asked in other threads."""
        ...

    def close(self) -> None:
        """Serve no more, after `release`; called in another thread."""
        ...

    def abandon(self) -> None:
        """Let go at once, while another thread hangs in another method."""
        ...


class BackgroundViewer:
    """Draws on a screen in a thread that takes a small share of the machine.

    A view starts from what came in since the one before: a row of numbers of every frame, images
    and maps of the newest. A screen that fails is told in the log, once, and then left alone.
    """

    def __init__(self, screen: Screen, share: float = SHARE_OF_MACHINE * NUM_THREADS) -> None:
        self._screen = screen
        self._rows: deque[FrameRow] = deque(maxlen=MAX_ROWS)
        self._newest: Snapshot | None = None
        self._has_failed = False
        self._deadline_s = 0.0
        self._thread = Paced(self._draw, self._finish, min(share, 0.5))

    def show(self, snapshot: Snapshot) -> None:
        """Take the newest frame; returns at once."""
        if not self._has_failed:
            self._rows.append(row_of(snapshot))
            self._newest = snapshot
            self._thread.wake()

    def finish(self) -> None:
        """Show the maps as they are now, within seconds."""
        last_view_s = WATCHED_LAST_VIEW_S if self._screen.is_watched else LAST_VIEW_S
        self._deadline_s = time.monotonic() + last_view_s
        if not self._thread.close(last_view_s + CLOSE_S):
            logger.warning("the viewer does not answer; the last view is not complete")
            self._give_up()  # first, so that the failure of what hangs is not reported too
            self._screen.abandon()

    @property
    def is_watched(self) -> bool:
        """Whether someone looks at a page that is still served."""
        return self._screen.is_watched

    def close(self) -> None:
        """Finish, and serve no more."""
        self.finish()
        self._screen.close()

    def _draw(self) -> float:
        newest = self._newest
        if newest is not None and not self._has_failed:
            try:
                if self._screen.is_ready():
                    rows = [self._rows.popleft() for _ in range(len(self._rows))]
                    self._screen.draw(rows, newest)
            # a viewer may fail in any way; the run goes on
            except Exception as error:
                self._fail(error)
        return self._screen.cost

    def _finish(self) -> None:
        self._draw()
        newest = self._newest
        try:
            if newest is not None:
                self._screen.finish(newest, self._deadline_s)
            self._screen.release()
        except Exception as error:
            self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self._has_failed:
            return
        self._give_up()
        reason = " ".join(str(error).split()) or type(error).__name__
        logger.warning("the viewer failed, the run goes on without it: %s", reason)
        logger.info("how the viewer failed", exc_info=error)

    def _give_up(self) -> None:
        self._has_failed = True
        self._rows.clear()
        self._newest = None
