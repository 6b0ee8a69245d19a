"""The threads of a run: one reads ahead, one maps for each system, others show and serve beside it.

Nothing else in the project starts a thread.
"""

import atexit
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Generic, TypeVar

from kernels.threads import beside, use_one_thread

logger = logging.getLogger(__name__)
Item = TypeVar("Item")
CLOSE_LIMIT_S = 1.0
POLL_S = 0.1  # how often a blocked thread looks whether it should stop
StopEvent = threading.Event  # asks a thread to end, also while it sleeps


class ReadAhead(Generic[Item]):
    """Runs an iterator in its own thread, a few items ahead of whoever iterates over this.

    When the queue is full it waits for room or, with `keeps_newest`, drops the oldest item.
    """

    def __init__(
        self,
        items: Iterable[Item],
        capacity: int,
        stop: StopEvent,
        keeps_newest: bool = False,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_over` is asked while no item comes: whoever iterates may have to end."""
        self.num_dropped = 0
        self._is_over = is_over
        self._keeps_newest = keeps_newest
        self._queue: queue.Queue[Item | None] = queue.Queue(capacity)
        self._stop = stop
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(items,), name="reader", daemon=True)
        self._thread.start()

    def _run(self, items: Iterable[Item]) -> None:
        try:
            for item in items:
                if not self._put(item):
                    break
        except BaseException as error:
            self._error = error
        finally:
            close = getattr(items, "close", None)
            if close is not None:  # a generator that was left: let it go of what it holds
                close()
        self._put(None)

    def _put(self, item: Item | None) -> bool:
        makes_room = self._keeps_newest and item is not None
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.0 if makes_room else POLL_S)
                return True
            except queue.Full:
                if makes_room:
                    self._drop_oldest()
        return False

    def _drop_oldest(self) -> None:
        with contextlib.suppress(queue.Empty):  # it has just been taken
            self._queue.get_nowait()
            self.num_dropped += 1

    def __iter__(self) -> Iterator[Item]:
        while not self._stop.is_set() and not self._is_over():
            try:
                item = self._queue.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if item is None:
                break
            yield item
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Stop the thread and wait for it, but not for a device whose driver hangs."""
        self._stop.set()
        self._thread.join(CLOSE_LIMIT_S)
        if self._thread.is_alive():
            logger.warning("the source does not end: going on without it")


class Worker(Generic[Item]):
    """Calls a function on submitted items, in order, in its own thread; the first starts it.

    One that nobody closes is closed when the process ends: what was submitted is done, and the
    thread does not keep the process.
    """

    def __init__(
        self,
        function: Callable[[Item], None],
        name: str,
        set_threads: Callable[[], None] = use_one_thread,
    ) -> None:
        """`set_threads` is called in the thread, to set how many threads kernels have there."""
        self._name = name
        self._function: Callable[[Item], None] | None = function
        self._set_threads = set_threads
        self._queue: queue.Queue[Item | None] = queue.Queue()
        self._condition = threading.Condition()
        self._num_pending = 0
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    @property
    def is_closed(self) -> bool:
        """Whether it takes no more."""
        return self._function is None

    def submit(self, item: Item) -> None:
        """Queue an item; raise what an earlier one raised, or `RuntimeError` once it is closed."""
        self._raise_error()
        if self.is_closed:
            raise RuntimeError(f"the {self._name} is closed: it takes nothing more")
        if self._thread is None:
            # Python waits for other threads before it calls what is registered, which ends this
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
            atexit.register(self.close)
        with self._condition:
            self._num_pending += 1
        self._queue.put(item)

    @property
    def num_pending(self) -> int:
        """How many items are unfinished."""
        return self._num_pending

    def wait(self, max_pending: int) -> None:
        """Wait until at most so many items are unfinished; raise what one raised."""
        with self._condition:
            self._condition.wait_for(
                lambda: self._num_pending <= max_pending or self._error is not None
            )
        self._raise_error()

    def close(self) -> None:
        """Finish what was submitted, end the thread, and let go of the function: it may belong to
        who owns this, and both would be kept until Python looks for cycles.
        """
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()
            atexit.unregister(self.close)
        self._function = None

    def _run(self) -> None:
        self._set_threads()
        function = self._function
        assert function is not None
        at_work = beside if self._set_threads is use_one_thread else contextlib.nullcontext
        while (item := self._queue.get()) is not None:
            try:
                if self._error is None:
                    with at_work():
                        function(item)
            except BaseException as error:
                self._error = error
            with self._condition:
                self._num_pending -= 1
                self._condition.notify_all()

    def _raise_error(self) -> None:
        if self._error is not None:
            raise self._error


class Paced:
    """Calls a function again and again in its own thread, which sleeps so long in between that the
    calls take no more than a share of one core, and once more, another function, at the end.

    `step` is called when there was a `wake` since it last was; it returns how many times its own
    time it costs the machine, threads of libraries included. No error comes out of this thread: the
    functions have to handle theirs. It does not keep the process from ending.
    """

    def __init__(self, step: Callable[[], float], last: Callable[[], None], share: float) -> None:
        self._step = step
        self._last = last
        self._share = share
        self._is_wanted = threading.Event()
        self._is_ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="viewer", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Ask for a call; returns at once."""
        self._is_wanted.set()

    def close(self, timeout_s: float) -> bool:
        """Ask for the last call and wait for it; False if it takes longer than that."""
        self._is_ending.set()
        self._is_wanted.set()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        use_one_thread()  # so that the thread's own time is the kernels' too
        while True:
            self._is_wanted.wait()
            if self._is_ending.is_set():
                break
            self._is_wanted.clear()
            start_s = time.thread_time()
            cost = self._step()
            used_s = cost * (time.thread_time() - start_s)
            self._is_ending.wait(used_s * (1.0 / self._share - 1.0))
        self._last()


class Service:
    """Runs a function beside the run, in a thread of its own, until it is closed.

    The function gets the event that tells it to return. What it raises ends the service with a
    warning, never the run.
    """

    def __init__(self, name: str, function: Callable[[StopEvent], None]) -> None:
        self._name = name
        self._function = function
        self._stop = StopEvent()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._function(self._stop)
        except Exception as error:
            logger.warning("%s: ended by %s: %s", self._name, type(error).__name__, error)

    def close(self, limit_s: float = 2.0) -> None:
        """Stop the function and wait for it, but no longer than that."""
        self._stop.set()
        self._thread.join(limit_s)
