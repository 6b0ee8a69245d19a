"""Work that processes share, on a module whose parts each compile a function of their own."""

import importlib
import os
import sys

import pytest

from kernels.threads import NUM_THREADS
from slam.config import Config
from slam.runs.shared_work import share_work

NUM_PARTS = 6
# Each part compiles, notes who did it, and takes so long that nobody gets all of them.
MODULE = """
import os, time
from types import SimpleNamespace
from functools import partial
from pathlib import Path
import numba

HERE = Path(__file__).parent

def parts(configs):
    return [partial(part, number, configs[0].map) for number in range({num_parts})]

def part(number, map_name):
    {first}
    numba.njit(lambda x: x + number)(1)
    with (HERE / "done").open("a") as file:
        file.write(f"{{number}} {{os.getpid()}} {{map_name}}\\n")
    time.sleep(0.5)
"""


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """Share the parts of a new module, whose parts begin with a statement; return who did which,
    and how often the start was announced.
    """
    monkeypatch.syspath_prepend(tmp_path)

    def share(first="pass", config=None):
        (tmp_path / "some_parts.py").write_text(MODULE.format(num_parts=NUM_PARTS, first=first))
        sys.modules.pop("some_parts", None)
        module = importlib.import_module("some_parts")
        starts = []
        share_work(module.parts, [config or Config()], lambda: starts.append(1))
        lines = (tmp_path / "done").read_text().split("\n")[:-1]
        return [line.split() for line in lines], len(starts)

    yield share
    sys.modules.pop("some_parts", None)


@pytest.mark.skipif(NUM_THREADS < 2, reason="one core has nobody to share with")
def test_each_part_is_done_once_and_by_several_processes(shared):
    done, num_starts = shared(config=Config(map="neural"))
    assert sorted(int(number) for number, _, _ in done) == list(range(NUM_PARTS))
    assert len({process for _, process, _ in done}) > 1
    assert {map_name for _, _, map_name in done} == {"neural"}
    assert num_starts == 1


def test_without_compiling_nobody_helps(shared):
    done, num_starts = shared(first="numba = SimpleNamespace(njit=lambda function: function)")
    assert {process for _, process, _ in done} == {str(os.getpid())}
    assert len(done) == NUM_PARTS
    assert num_starts == 0


def test_a_helper_that_fails_keeps_nothing_waiting(shared):
    done, _ = shared(first=f"assert os.getpid() == {os.getpid()}")
    assert {process for _, process, _ in done} == {str(os.getpid())}
    assert len(done) >= NUM_PARTS - 3  # each helper leaves the one part that it failed in


@pytest.mark.skipif(NUM_THREADS < 2, reason="one core has nobody to share with")
def test_an_error_ends_the_helpers(shared, tmp_path):
    """A part of a helper takes a minute; one of this process fails when that has begun."""
    first = f"""
    helper = HERE / "helper"
    if os.getpid() != {os.getpid()}:
        helper.write_text(str(os.getpid()))
        time.sleep(60)
    while number == 1:
        time.sleep(0.1)
        if helper.exists() and helper.read_text():
            raise ZeroDivisionError
    """
    with pytest.raises(ZeroDivisionError):
        shared(first=first)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "helper").read_text()), 0)
