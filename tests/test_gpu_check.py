"""The GPU check without a GPU: its rows, its clocks, its processes, and the comparison with the CPU
standing in for the GPU.
"""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from gpu_checks import (
    check,
    end_to_end,
    kernel_checks,
    processes,
    sections,
    session,
    systems,
    timing,
)
from gpu_checks.bandwidth import Traffic, changed_bytes
from gpu_checks.report import Row, as_json, has_mismatch, markdown, text_table
from gpu_checks.stages import GRADIENTS, emit_kernels, training_step
from gpu_checks.work import TINY, load_cpu_run, save_cpu_run

from kernels.cuda import arrays

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


class StepClock:
    """A clock whose marks are one more than the last, or what is told."""

    def __init__(self, steps_ms: list[float]) -> None:
        self._steps_ms = iter(steps_ms)
        self._now_ms = 0.0
        self.num_occupied = 0

    def mark(self) -> float:
        self._now_ms += next(self._steps_ms)
        return self._now_ms

    def elapsed_ms(self, start: float, end: float) -> float:
        return end - start

    def occupy(self) -> None:
        self.num_occupied += 1


def test_median_leaves_the_warm_up_out():
    clock = StepClock([0, 900, 0, 2, 0, 4, 0, 30])  # from one mark to the next
    assert timing.median_ms(clock, lambda: None, repeats=3, warm_up=1) == 4


def test_launches_are_timed_by_kernel(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timing, "name_of", lambda kernel: f"kernels.cuda.{kernel}")
    clock = StepClock([1, 5, 1, 7, 1, 6])
    times = timing.LaunchTimes(clock)
    for kernel in ("a", "b", "a"):
        with times.around(kernel, ()):
            pass
    assert times.values_ms() == {"kernels.cuda.a": [5, 6], "kernels.cuda.b": [7]}
    assert clock.num_occupied == 3
    rows: list[Row] = []
    emit_kernels("s", times.values_ms(), 1, rows.append)
    assert [row.what for row in rows] == ["a", "b", "all of a frame"]
    assert rows[-1].value == pytest.approx(19_000)  # us; a: 6, twice


def test_a_training_step_is_all_its_kernels():
    row = training_step(
        {
            GRADIENTS: [9.0, 1.0, 2.0, 3.0],
            "kernels.cuda.field_update:_adam": [9.0] + 8 * [0.5],
            "other:_kernel": [9.0],
        },
        num_frames=12,
    )
    assert row.value == 3.0 + 2.25 * 0.5  # medians, of what is not the warm-up's


def test_first_launches_are_told_by_their_types(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(timing, "name_of", str)
    first = timing.FirstLaunches()
    for array in (np.zeros(3), np.zeros(4), np.zeros((2, 2)), np.zeros(3, np.int32)):
        with first.around("kernel", (array, (array, 1.0))):
            pass
    assert len(first.seconds) == 3  # the second differs in nothing that a kernel is compiled for


def test_bytes_are_counted_by_sectors():
    voxels = tuple(torch.zeros(shape, dtype=dtype) for shape, dtype in (
        ((3, 512), torch.int16), ((3, 512), torch.uint16), ((3, 4, 512), torch.uint8)
    ))  # fmt: skip

    def integrate(frame: object, T_world_camera: object) -> None:
        voxels[0][1, 15:17] = 7  # two sectors
        voxels[1].view(torch.int16)[2, :16] = -1  # one
        voxels[2][0, :, 40] = 1  # one a channel

    map_ = SimpleNamespace(on_device=SimpleNamespace(voxels=voxels), integrate=integrate)
    assert changed_bytes(map_, None, None) == 7 * 32
    assert Traffic(1.0, 4096.0, 0).changed_bytes == Traffic(1.0, 0.0, 0).whole_bytes == 2 * 4096


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_processes_end(tmp_path: Path):
    assert processes.wait(processes.start(python("")), 60.0) == ""
    assert processes.wait(processes.start(python("raise SystemExit(3)")), 60.0) == "exit status 3"
    sleeper = processes.start(python("import time; time.sleep(100)"))
    assert processes.wait(sleeper, 0.3) == "ended after 0 s"
    assert sleeper.poll() is not None
    silent = processes.start(python("import time; time.sleep(100)"), tmp_path / "log")
    assert "nothing for" in processes.wait(silent, 60.0, tmp_path / "notes", silent_s=0.3)


STAND_IN = """
import json, sys
from pathlib import Path
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
work = Path(options["--work"])
if options["--section"] == "kernels":
    names = options["--checks"].split(",")
    with (work / f"checks_{len(names)}.jsonl").open("a") as file:
        for name in names:
            print(json.dumps({"started": name}), file=file, flush=True)
            if name == "breaks":
                sys.exit(3)
            wrong = ["off"] if name == "wrong" else []
            result = {"name": name, "seconds": 1.0, "num_comparisons": 2, "mismatches": wrong}
            print(json.dumps({"result": result}), file=file, flush=True)
elif options["--section"] == "dies":
    sys.exit(1)
elif options["--section"] != "cpu":
    row = {"section": options["--section"], "what": "rate", "value": 5.0}
    with (work / "rows.jsonl").open("a") as file:
        print(json.dumps(row), file=file)
"""


def test_a_session_goes_on_behind_what_breaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    checks = ["good", "breaks", "wrong", "last"]
    monkeypatch.setattr(session.kernel_checks, "names_like", lambda part: checks)
    monkeypatch.setattr(session, "SECTIONS", {"dies": (None, 60.0), "works": (None, 60.0)})
    running = session.Session(script, 1, tmp_path)
    running.run("")
    failed = {row.what for row in running.rows if row.verdict == "MISMATCH"}
    assert failed == {"breaks", "wrong", "the section", "checks that agree"}
    agree = next(row for row in running.rows if row.what == "checks that agree")
    assert (agree.value, agree.limit) == (2, 4)
    assert Row("works", "rate", 5.0) in running.rows


def test_notes_that_were_being_written_are_left_out(tmp_path: Path):
    notes = tmp_path / "notes"
    result = {"name": "a", "seconds": 1.0, "num_comparisons": 2, "mismatches": []}
    lines = [{"started": "a"}, {"result": result}, {"started": "b"}]
    notes.write_text("\n".join(map(json.dumps, lines)) + '\n{"resu')
    assert kernel_checks.read_notes(notes) == ([result], "b")
    assert kernel_checks.read_notes(tmp_path / "none") == ([], None)


def test_an_error_in_a_section_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def broken(*arguments: Any) -> None:
        raise RuntimeError("an illegal memory access")

    monkeypatch.setitem(sections.SECTIONS, "broken", (broken, 1.0))
    rows = tmp_path / "rows"
    assert sections.run_section("broken", True, tmp_path, rows) == 0
    (row,) = sections.read_rows(rows)
    assert row.verdict == "MISMATCH"
    assert "illegal memory access" in row.note


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


def test_what_was_interrupted_does_not_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupt(self: session.Session, names: list[str]) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session.Session, "_run_kernels", interrupt)
    running = session.Session(SCRIPT, 1, tmp_path)
    running.run("align_sdf")
    wrong = [row.what for row in running.rows if row.verdict == "MISMATCH"]
    assert "interrupted" in wrong
    assert "the whole check" in [row.what for row in running.rows]


def test_a_name_that_no_check_has_is_an_error(tmp_path: Path):
    run = subprocess.run(
        [sys.executable, str(SCRIPT), "--simulate", "--only", "typo"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
    )  # fmt: skip
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "gpu_check: no check has 'typo' in its name\n"


def test_parts_keep_what_they_compile_where_they_are_told(tmp_path: Path):
    code = "import os; assert os.environ['NUMBA_CACHE_DIR'] == os.path.abspath('kept')"
    started = processes.start(python(code), cache=Path("kept").absolute())
    assert processes.wait(started, 60.0) == ""


@pytest.mark.parametrize(
    ("dtype", "is_garbage"),
    [
        (torch.float32, lambda values: bool(torch.isnan(values).all())),
        (torch.int32, lambda values: bool((values > 1e9).all())),
        (torch.uint8, lambda values: bool((values == 0x5A).all())),
        (torch.bool, lambda values: bool(values.all())),
    ],
)
def test_outputs_hold_garbage_while_a_check_runs(monkeypatch, dtype, is_garbage):
    monkeypatch.setattr(arrays, "DEVICE", torch.device("cpu"))

    def look(case: check.Case) -> None:
        for shape in ((0,), (3, 5)):
            case.true(f"{shape}", is_garbage(arrays.empty(shape, dtype)))

    monkeypatch.setitem(check.CHECKS, "look", look)
    assert check.run_check("look", 1).mismatches == []
    assert not arrays.poisons


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with frames and what the CPU makes of them."""
    folder = tmp_path_factory.mktemp("work")
    done = list(end_to_end.run_on_cpu(TINY, folder))
    assert len(done) == 3
    return folder


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the CPU stand in for the GPU."""
    parts = systems.parts
    for module in (systems, end_to_end):
        monkeypatch.setattr(module, "parts", lambda config, frame, _: parts(config, frame, "cpu"))


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("map_name", ["tsdf", "neural"])
def test_the_cpu_agrees_with_itself(folder: Path, map_name: str):
    rows: list[Row] = []
    end_to_end.compare(TINY, folder, map_name, rows.append)
    assert not has_mismatch(rows)
    assert sum(row.what.endswith("surface") for row in rows) == 4
    positions = [row.value for row in rows if "position" in row.what]
    assert positions == [0.0, 0.0]


@pytest.mark.usefixtures("stand_in")
def test_poses_and_surface_that_differ_are_noticed(folder: Path, tmp_path: Path):
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "tsdf.npz").unlink()
    run = load_cpu_run(folder, "tsdf")
    run.Ts_world_camera[0, 2, 3] += 0.1
    save_cpu_run(tmp_path, "tsdf", run)
    rows: list[Row] = []
    end_to_end.compare(TINY, tmp_path, "tsdf", rows.append)
    wrong = [row.what for row in rows if row.verdict == "MISMATCH"]
    assert "position" in wrong
    assert "GPU's vertices to the CPU's surface" in wrong  # that of the map on the CPU's poses
