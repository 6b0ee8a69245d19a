"""Work that processes share, on a module whose parts each compile a function of their own."""

import importlib
import os
import signal
import sys
import threading
import time

import pytest

from kernels.shared_work import MAX_PROCESSES, share_work
from kernels.threads import NUM_THREADS

NUM_PARTS = 6
# Each part compiles, notes who did it, and takes so long that nobody gets all of them.
MODULE = """
import os, time
from functools import partial
from pathlib import Path
import numba

HERE = Path(__file__).parent

def work():
    {work}
    (HERE / "worked").open("a").write(f"{{os.getpid()}}\\n")

def parts():
    return [partial(part, number) for number in range({num_parts})]

def part(number):
    {first}
    numba.njit(lambda x: x + number)(1)
    with (HERE / "done").open("a") as file:
        file.write(f"{{number}} {{os.getpid()}}\\n")
    time.sleep(0.5)
"""


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """Share the work of a new module, whose parts begin with a statement; return who did which,
    and how often the start was announced.
    """
    monkeypatch.syspath_prepend(tmp_path)

    def share(first="pass", work="numba.njit(lambda x: x)(1)"):
        text = MODULE.format(num_parts=NUM_PARTS, first=first, work=work)
        (tmp_path / "some_parts.py").write_text(text)
        (tmp_path / "done").touch()
        sys.modules.pop("some_parts", None)
        module = importlib.import_module("some_parts")
        starts = []
        share_work(module.work, module.parts(), lambda: starts.append(1))
        assert (tmp_path / "worked").read_text() == f"{os.getpid()}\n"
        lines = (tmp_path / "done").read_text().split("\n")[:-1]
        return [line.split() for line in lines], len(starts)

    yield share
    sys.modules.pop("some_parts", None)


@pytest.mark.skipif(NUM_THREADS < 2, reason="one core has nobody to share with")
def test_each_part_is_done_once_and_by_several_other_processes(shared):
    done, num_starts = shared()
    assert sorted(int(number) for number, _ in done) == list(range(NUM_PARTS))
    processes = {process for _, process in done}
    assert len(processes) > 1
    assert str(os.getpid()) not in processes
    assert num_starts == 1


def test_without_compiling_nobody_helps(shared):
    assert shared(work="pass") == ([], 0)


def test_a_process_that_fails_keeps_nothing_waiting(shared):
    done, _ = shared(first=f"assert os.getpid() == {os.getpid()} or number != 0")
    assert "0" not in {number for number, _ in done}


def test_an_interrupt_ends_the_processes(shared, tmp_path):
    """The user does not wait for what takes a minute."""
    first = f"""
    if os.getpid() != {os.getpid()}:
        (HERE / str(os.getpid())).touch()
        time.sleep(60)
    """

    def interrupt_once_they_have_begun():
        while len(processes()) < min(NUM_THREADS, MAX_PROCESSES):
            time.sleep(0.05)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    def processes():
        return [int(path.name) for path in tmp_path.iterdir() if path.name.isdigit()]

    threading.Thread(target=interrupt_once_they_have_begun, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        shared(first=first)
    for process in processes():
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)
