"""The sections of the check, as they run in processes of their own."""

import json
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path

from gpu_checks import end_to_end, kernel_checks, stages, throughput
from gpu_checks.end_to_end import Emit
from gpu_checks.report import Row
from gpu_checks.timing import FirstLaunches, hooked
from gpu_checks.work import FULL, TINY, Workload
from kernels.cuda.graph import Graph

Section = Callable[[Workload, Path, Emit], None]


def compiled(section: Section, workload: Workload, folder: Path, emit: Emit) -> None:
    """Run a section and say how long its first launches took."""
    first = FirstLaunches()
    try:
        with hooked(first.around):
            section(workload, folder, emit)
    finally:
        emit(first_launches(first))


def first_launches(first: FirstLaunches) -> Row:
    """Return what compiling took."""
    note = "compiling, or loading what an earlier run has compiled"
    what = f"first launches of {len(first.seconds)} kernels and types"
    return Row("compilation", what, sum(first.seconds.values()), "s", note=note)


def graphs_not_captured(part: str) -> Row:
    """Return how many captures have failed in this process."""
    return Row("graphs not captured", part, float(Graph.num_failed), limit=0.0)


def _compare(map_name: str) -> Section:
    def compare(workload: Workload, folder: Path, emit: Emit) -> None:
        end_to_end.compare(workload, folder, map_name, emit)

    return partial(compiled, compare)


def _stages(map_name: str) -> Section:
    return lambda workload, folder, emit: stages.measure(workload, folder, map_name, emit)


def _throughput(map_name: str) -> Section:
    return lambda workload, folder, emit: throughput.measure(workload, folder, map_name, emit)


# in the order in which they run, each with the seconds that it is given
SECTIONS: dict[str, tuple[Section, float]] = {
    "compare:tsdf": (_compare("tsdf"), 75.0),
    "compare:neural": (_compare("neural"), 75.0),
    "stages:tsdf": (_stages("tsdf"), 60.0),
    "rate:tsdf": (_throughput("tsdf"), 60.0),
    "stages:neural": (_stages("neural"), 45.0),
    "rate:neural": (_throughput("neural"), 45.0),
}


def run_section(name: str, is_tiny: bool, folder: Path, rows: Path) -> int:
    """Run one section; write its rows as they come."""
    workload = TINY if is_tiny else FULL

    def emit(row: Row) -> None:
        print(row.line, flush=True)
        with rows.open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")

    start_s = time.monotonic()
    try:
        SECTIONS[name][0](workload, folder, emit)
    except Exception as error:
        traceback.print_exc()
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{place.filename.rpartition('/')[2]}:{place.lineno}"
        text = " ".join(str(error).split())[:200]
        note = f"{type(error).__name__} in {where}: {text}"
        emit(Row(name, "ended early", note=note, is_failure=True))
    emit(graphs_not_captured(name))
    print(f"         {name}: {time.monotonic() - start_s:.1f} s", flush=True)
    return 0


def run_kernel_section(names: list[str], seed: int, notes: Path, rows: Path) -> int:
    """Run checks of kernels; notes and rows say what became of them."""
    first = FirstLaunches()
    with hooked(first.around):
        for result in kernel_checks.run_checks(names, seed, notes):
            print(kernel_checks.describe(result), flush=True)
    found = (first_launches(first), graphs_not_captured("kernels"))
    with rows.open("a") as file:
        file.writelines(json.dumps(asdict(row)) + "\n" for row in found)
    return 0


def run_cpu_section(is_tiny: bool, folder: Path) -> int:
    """Render the frames and run the maps on the CPU."""
    for done in end_to_end.run_on_cpu(TINY if is_tiny else FULL, folder):
        print(done, flush=True)
    return 0


def read_rows(rows: Path) -> list[Row]:
    """Return the rows that the sections have written."""
    lines = rows.read_text().splitlines() if rows.exists() else []
    found = []
    for line in lines:
        try:
            found.append(Row(**json.loads(line)))
        except json.JSONDecodeError:  # its process was ended
            continue
    return found
