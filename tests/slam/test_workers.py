"""The threads of a run. Nothing here may hang: every test has a timeout of its own."""

import itertools
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from slam.workers import POLL_S, ReadAhead, Service, StopEvent, Worker

pytestmark = pytest.mark.timeout(20)
ROOT = Path(__file__).resolve().parents[2]
LONG_S = 5.0  # far more than a wake-up takes, far less than the timeout


@pytest.fixture(autouse=True)
def _no_thread_is_left():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@pytest.fixture
def make_worker():
    workers = []

    def make(function):
        workers.append(Worker(function, name="test"))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


class _Gate:
    """A function for a worker: it stands still until it is let through."""

    def __init__(self):
        self.done = []
        self.started = threading.Event()
        self._tickets = threading.Semaphore(0)

    def __call__(self, item):
        self.started.set()
        assert self._tickets.acquire(timeout=LONG_S)
        self.done.append(item)

    def let_through(self, count=1):
        self._tickets.release(count)


def _in_thread(function):
    """Start a function in a thread; return the event that it sets at its end."""
    is_over = threading.Event()

    def call():
        function()
        is_over.set()

    threading.Thread(target=call).start()
    return is_over


@pytest.mark.parametrize("capacity", [1, 3, 1000])
def test_reading_ahead_keeps_all_items_in_order(capacity):
    reader = ReadAhead(range(100), capacity, StopEvent())
    assert list(reader) == list(range(100))
    reader.close()


def test_reading_ahead_of_nothing_ends():
    reader = ReadAhead([], 2, StopEvent())
    assert list(reader) == []
    reader.close()


def test_reading_ahead_reads_no_more_than_the_queue_holds():
    read = []
    reader = ReadAhead((read.append(i) or i for i in itertools.count()), 3, StopEvent())
    items = iter(reader)
    assert next(items) == 0
    time.sleep(2 * POLL_S)
    assert len(read) <= 1 + 3 + 1  # handed over, queued, in the reader's hands
    reader.close()


def test_an_error_while_reading_arrives_after_the_items_before_it():
    def items():
        yield 1
        yield 2
        raise OSError("the disk is gone")

    reader = ReadAhead(items(), 4, StopEvent())
    seen = []
    with pytest.raises(OSError, match="the disk is gone"):
        seen.extend(itertools.chain.from_iterable([item] for item in reader))
    assert seen == [1, 2]
    reader.close()


def test_closing_ends_a_reader_that_waits_for_room():
    reader = ReadAhead(itertools.count(), 1, StopEvent())
    time.sleep(POLL_S)  # it is full now
    start_s = time.monotonic()
    reader.close()
    assert time.monotonic() - start_s < LONG_S


def test_closing_ends_a_reader_that_waits_for_the_time_of_a_frame():
    stop = StopEvent()

    def items():
        stop.wait(1000.0)
        yield 1

    reader = ReadAhead(items(), 1, stop)
    start_s = time.monotonic()
    reader.close()
    assert time.monotonic() - start_s < LONG_S


def test_stopping_ends_the_iteration_too():
    stop = StopEvent()
    reader = ReadAhead(itertools.count(), 2, stop)
    for item in reader:
        if item == 5:
            stop.set()
    assert item == 5
    reader.close()


def test_a_worker_works_in_order_and_closing_finishes_it(make_worker):
    done = []
    worker = make_worker(lambda item: (time.sleep(0.001), done.append(item)))
    for item in range(50):
        worker.submit(item)
    worker.close()
    assert done == list(range(50))
    worker.close()  # again: no harm
    worker.wait(0)


def test_a_closed_worker_refuses_work_instead_of_never_doing_it(make_worker):
    for num_before in (0, 2):
        done = []
        worker = make_worker(done.append)
        for item in range(num_before):
            worker.submit(item)
        worker.close()
        assert worker.is_closed
        with pytest.raises(RuntimeError, match="the test is closed"):
            worker.submit(9)
        worker.wait(0)
        assert done == list(range(num_before))


UNCLOSED = """
import time
from slam.workers import Worker
worker = Worker(lambda item: (time.sleep(0.05), print(item, flush=True)), name="test")
for item in range(3):
    worker.submit(item)
"""


@pytest.mark.timeout(70)
def test_a_process_with_a_worker_that_nobody_closes_ends_when_all_is_done():
    command = [sys.executable, "-c", UNCLOSED]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout.split() == ["0", "1", "2"]
    assert ended.stderr == ""


@pytest.mark.parametrize("max_pending", [0, 1, 2])
def test_waiting_ends_once_few_enough_are_pending(make_worker, max_pending):
    gate = _Gate()
    worker = make_worker(gate)
    for item in range(3):
        worker.submit(item)
    is_over = _in_thread(lambda: worker.wait(max_pending))
    for num_done in range(3 - max_pending):
        assert not is_over.wait(0.05), f"waited for {num_done} of {3 - max_pending}"
        gate.let_through()
    assert is_over.wait(LONG_S)
    assert len(gate.done) == 3 - max_pending
    gate.let_through(3)


def test_waiting_for_nothing_returns_at_once(make_worker):
    gate = _Gate()
    worker = make_worker(gate)
    worker.wait(0)
    worker.submit(1)
    worker.wait(1)
    assert gate.done == []
    gate.let_through()


def test_a_worker_that_raises_says_so_and_works_no_more(make_worker):
    done = []

    def work(item):
        if item == 2:
            raise ValueError("item 2 is bad")
        done.append(item)

    worker = make_worker(work)
    for item in range(2):
        worker.submit(item)
        worker.wait(0)
    worker.submit(2)
    with pytest.raises(ValueError, match="item 2 is bad"):
        worker.wait(0)
    with pytest.raises(ValueError, match="item 2 is bad"):
        worker.submit(9)
    worker.close()
    with pytest.raises(ValueError, match="item 2 is bad"):
        worker.wait(0)
    assert done == [0, 1]


def test_an_error_wakes_whoever_waits(make_worker):
    gate = threading.Event()

    def work(item):
        gate.wait(LONG_S)
        raise ValueError("bad")

    worker = make_worker(work)
    for item in range(4):
        worker.submit(item)
    threading.Timer(0.05, gate.set).start()
    start_s = time.monotonic()
    with pytest.raises(ValueError, match="bad"):
        worker.wait(0)
    assert time.monotonic() - start_s < LONG_S


def test_a_service_runs_until_it_is_closed():
    started, ended = threading.Event(), threading.Event()

    def serve(stop):
        started.set()
        while not stop.is_set():
            stop.wait(1000.0)
        ended.set()

    service = Service("test", serve)
    assert started.wait(LONG_S)
    assert not ended.is_set()
    service.close()
    assert ended.is_set()
    service.close()  # again: no harm


def test_a_service_that_raises_is_one_warning(caplog):
    def serve(stop):
        raise OSError("the terminal is gone")

    service = Service("keys", serve)
    service.close()
    assert caplog.messages == ["keys: ended by OSError: the terminal is gone"]
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_closing_does_not_wait_for_a_service_that_hangs():
    gate = threading.Event()
    service = Service("test", lambda stop: gate.wait(LONG_S))
    service.close(limit_s=0.05)
    assert not gate.is_set()
    gate.set()
    service.close()


def test_a_full_queue_drops_the_oldest_where_the_newest_counts():
    made = threading.Event()

    def items():
        yield from range(10)
        made.set()

    reader = ReadAhead(items(), 2, StopEvent(), keeps_newest=True)
    assert made.wait(LONG_S)
    assert list(reader) == [8, 9]
    assert reader.num_dropped == 8
    reader.close()


def test_a_generator_that_is_left_is_closed_by_its_own_thread():
    closed_by = []

    def items():
        try:
            yield from itertools.count()
        finally:
            closed_by.append(threading.current_thread().name)

    generator = items()
    reader = ReadAhead(generator, 1, StopEvent())
    next(iter(reader))
    reader.close()
    assert closed_by == ["reader"]
