"""The GPU check without a GPU: its command, its rows and its processes."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gpu_check
import pytest
import torch
from gpu_checks import sections
from gpu_checks.report import Row, as_json, has_mismatch, markdown, text_table
from gpu_checks.sections import SECTIONS

from kernels.cuda.graph import Graph
from slam import device
from slam.device import Obstacle

SCRIPT = Path(__file__).resolve().parents[1] / "scripts" / "gpu_check.py"
MACHINE = {"GPU": "none", "versions": {"torch": "1", "numba": "2"}}


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("s", "w", 1.0), ""),
        (Row("s", "w", 1.0, limit=1.0), "ok"),
        (Row("s", "w", 1.1, limit=1.0), "MISMATCH"),
        (Row("s", "w", float("nan"), limit=1.0), "MISMATCH"),
        (Row("s", "w", 0.9, limit=1.0, is_floor=True), "MISMATCH"),
        (Row("s", "w", 0.9, target=1.0, is_floor=True), "missed"),
        (Row("s", "w", 1.2, target=1.0, is_floor=True), "met"),
        (Row("s", "w", is_failure=True), "MISMATCH"),
    ],
)
def test_verdict(row: Row, verdict: str):
    assert row.verdict == verdict
    assert has_mismatch([row]) == (verdict == "MISMATCH")


def test_tables_hold_every_row_under_its_section():
    rows = [
        Row("one", "first", 1234.5, "fps", target=1100.0, is_floor=True, note="a|b"),
        Row("two", "second", 0.01234, "mm", limit=0.1),
    ]
    lines = text_table(rows, MACHINE).splitlines()
    assert lines[:2] == ["GPU: none", "versions: torch 1, numba 2"]
    assert lines[4] == "-- one"
    assert lines[5].split() == ["first", "1234", "fps", "target", ">=", "1100", "met", "a|b"]
    assert lines[7].split() == ["second", "0.0123", "mm", "<=", "0.1", "ok"]
    assert "| first | 1234 fps | target >= 1100 | met | a/b |" in markdown(rows, MACHINE)
    report = as_json(rows, MACHINE, [])
    assert json.loads(json.dumps(report))["rows"][1]["verdict"] == "ok"
    assert report["is_ok"]


def test_an_error_in_a_section_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*arguments: Any) -> None:
        raise RuntimeError("an illegal memory access")

    monkeypatch.setitem(sections.SECTIONS, "broken", (broken, 1.0))
    rows = tmp_path / "rows"
    assert sections.run_section("broken", True, tmp_path, rows) == 0
    row, _ = sections.read_rows(rows)
    assert row.verdict == "MISMATCH"
    assert "illegal memory access" in row.note


def test_graphs_that_were_not_captured_are_a_mismatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sections.SECTIONS, "empty", (lambda *arguments: None, 1.0))
    for num_failed, verdict in ((0, "ok"), (1, "MISMATCH")):
        monkeypatch.setattr(Graph, "num_failed", num_failed)
        rows = tmp_path / str(num_failed)
        sections.run_section("empty", True, tmp_path, rows)
        assert [row.verdict for row in sections.read_rows(rows)] == [verdict]


def test_without_a_gpu_it_says_so(tmp_path: Path):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    run = subprocess.run(
        [sys.executable, str(SCRIPT)], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert run.returncode == 2
    assert run.stdout == ""
    assert len(run.stderr.splitlines()) == 1
    assert not list(tmp_path.iterdir())


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Let the command be called here: what it sets is put back."""
    monkeypatch.setenv("NUMBA_CACHE_DIR", "")
    monkeypatch.setenv("CUDA_HOME", "")
    handler = signal.getsignal(signal.SIGTERM)
    yield monkeypatch
    signal.signal(signal.SIGTERM, handler)


def test_an_obstacle_is_told_with_its_remedy(
    command: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def find_obstacle() -> Obstacle:
        assert "gpu_check_" in os.environ["NUMBA_CACHE_DIR"]  # where a checkout is read-only
        return Obstacle("numba-cuda is not installed", "pip install it")

    command.setattr(device, "find_obstacle", find_obstacle)
    command.setattr(sys, "argv", ["gpu_check.py"])
    assert gpu_check.main() == 2
    told = "gpu_check: numba-cuda is not installed: pip install it; without a GPU: --simulate\n"
    assert capsys.readouterr() == ("", told)


@pytest.mark.parametrize("options", [[], ["--simulate"]])
def test_a_name_that_nothing_has_is_an_error(
    command: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str]
):
    command.setattr(device, "find_obstacle", lambda: None)
    command.setattr(gpu_check, "prepare_simulator", lambda: None)
    command.setattr(sys, "argv", ["gpu_check.py", "--only", "typo", *options])
    assert gpu_check.main() == 2
    known = ", ".join(SECTIONS)
    told = f"gpu_check: nothing has 'typo' in its name; sections: {known}\n"
    assert capsys.readouterr() == ("", told)
