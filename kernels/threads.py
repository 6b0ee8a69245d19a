"""How many threads kernels may use."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numba

NUM_THREADS = numba.get_num_threads()  # of the process, read before anything lowers it


def use_one_thread() -> None:
    """Give the kernels that the calling thread calls no other thread."""
    numba.set_num_threads(1)


class SharedThreads:
    """The process's threads, for two loops of kernels: half for each, and all for the second while
    the first has nothing to do, but for those `beside` both; all for each if they take turns.
    """

    def __init__(self, in_turns: bool) -> None:
        share = NUM_THREADS if in_turns else max(1, NUM_THREADS // 2)
        self._of_second = share
        self._of_first = NUM_THREADS if in_turns else max(1, NUM_THREADS - share)
        self._is_first_busy = False

    @contextmanager
    def first(self) -> Iterator[None]:
        """Be the first loop, at work in this block."""
        before = numba.get_num_threads()
        numba.set_num_threads(self._of_first)
        self._is_first_busy = True
        try:
            yield
        finally:
            self._is_first_busy = False
            numba.set_num_threads(before)

    def be_second(self) -> None:
        """Make the calling thread that of the second loop."""
        _shared.set(self)
        self.take()

    def take(self) -> None:
        """Let kernels of the second loop use what the first does not, from now on."""
        free = self._of_second if self._is_first_busy else NUM_THREADS - len(_beside)
        numba.set_num_threads(max(free, self._of_second))


_beside: list[None] = []  # an item for each thread; append and pop are atomic


@contextmanager
def beside() -> Iterator[None]:
    """Be at work in this block, with one thread, beside the two loops of `SharedThreads`, of which
    the second takes one less: threads of a kernel wait for each other, and what one of them has to
    wait for a core the others burn.
    """
    _beside.append(None)
    try:
        yield
    finally:
        _beside.pop()


_shared: ContextVar[SharedThreads | None] = ContextVar("shared_threads", default=None)


def take_free_threads() -> None:
    """Use the threads that are free now, if the calling thread shares them with another: to be
    called between the parts of long work.
    """
    shared = _shared.get()
    if shared is not None:
        shared.take()
