"""What a check notices: elements that are off or were never written, and a device that is lost."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from gpu_checks import kernel_checks
from kernel_cases import check

from kernels.cuda import arrays

from .conftest import ROOT

SKIPPING = """
from numba import cuda
import numpy as np
import torch
from kernel_cases.check import check, run_check
from kernels.cuda.arrays import empty, to_host
from kernels.cuda.launch import kernel, launch_over

@kernel
def ones(out, num):
    i = cuda.grid(1)
    if i < num:
        out[i] = 1

def compare(case, num):
    for dtype in (torch.float32, torch.int32, torch.uint16, torch.uint8):
        out = empty((1000,), dtype)
        launch_over(ones, 1000, out, num)
        got = to_host(out)
        case.close(str(dtype), got, np.ones(1000, got.dtype), 0.1, flips=0.01, cap=1.0)

@check
def writes_all(case):
    compare(case, 1000)

@check
def skips_one(case):
    compare(case, 999)

assert run_check("writes_all", 1).mismatches == []
assert len(run_check("skips_one", 1).mismatches) == 4
"""


@pytest.mark.parametrize(
    ("num_off", "value", "is_noticed"),
    [(1, 1.5, False), (2, 1.5, True), (1, 2.5, True), (1, np.nan, True), (5, 0.05, False)],
)
def test_what_rounding_flips_is_bounded_in_number_and_size(num_off, value, is_noticed):
    case, wanted = check.Case(1), np.zeros(100)
    got = wanted.copy()
    got[:num_off] = value
    case.close("all", got, wanted, 0.1, flips=0.01, cap=2.0)
    assert bool(case.mismatches) == is_noticed


def test_flips_without_a_cap_are_an_error():
    with pytest.raises(ValueError, match="cap"):
        check.Case(1).close("all", np.zeros(3), np.zeros(3), 0.1, flips=0.01)


@pytest.mark.parametrize(
    ("dtype", "is_garbage"),
    [
        (torch.float32, lambda values: bool(torch.isnan(values).all())),
        (torch.int32, lambda values: bool((values > 1e9).all())),
        (torch.uint8, lambda values: bool((values == 0x5A).all())),
        (torch.bool, lambda values: bool(values.all())),
    ],
)
def test_outputs_hold_garbage_while_a_check_runs(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, is_garbage: Callable[..., bool]
):
    monkeypatch.setattr(arrays, "DEVICE", torch.device("cpu"))

    def look(case: check.Case) -> None:
        for shape in ((0,), (3, 5)):
            case.true(f"{shape}", is_garbage(arrays.empty(shape, dtype)))

    monkeypatch.setitem(check.CHECKS, "look", look)
    assert check.run_check("look", 1).mismatches == []
    assert not arrays.poisons


def test_an_element_that_a_kernel_skips_is_noticed():
    path = os.pathsep.join([str(ROOT), str(ROOT / "scripts"), str(ROOT / "tests")])
    simulated = os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "PYTHONPATH": path}
    run = subprocess.run(
        [sys.executable, "-c", SKIPPING], env=simulated, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr


def test_a_check_that_breaks_the_device_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def fail() -> None:
        raise RuntimeError("an illegal memory access")

    monkeypatch.setitem(check.CHECKS, "breaks", lambda case: case.equal("one", 1, 1))
    monkeypatch.setattr(kernel_checks, "synchronize", fail)
    (result,) = kernel_checks.run_checks(["breaks", "never run"], 1, tmp_path / "notes")
    assert result.mismatches == ["the device is lost: an illegal memory access"]
    ((noted,), running) = kernel_checks.read_notes(tmp_path / "notes")
    assert noted["mismatches"] == result.mismatches
    assert running is None
