"""The whole check on a machine with a GPU: every section in its turn, and one table at the end."""

import json
import sys
import time
from pathlib import Path
from subprocess import Popen
from typing import Any

from gpu_checks import kernel_checks, processes
from gpu_checks.about import about
from gpu_checks.report import Row, as_json, has_mismatch, markdown, text_table
from gpu_checks.sections import SECTIONS, read_rows

TOTAL_S = 470.0
KERNELS_S = 260.0
SILENT_S = 120.0  # for one check of a kernel, compiling included
CPU_S = 280.0  # from the beginning
OF_ALL_PARTS = ("graphs not captured", "compilation")  # they stand at the end of the table


class Session:
    """Runs the sections and gathers what they find."""

    def __init__(self, script: Path, seed: int, folder: Path) -> None:
        self._command = [sys.executable, str(script)]
        self._seed = seed
        self._folder = folder
        self._rows_path = folder / "rows.jsonl"
        self._start_s = time.monotonic()
        self._failures: list[Row] = []
        self.checks: list[dict[str, Any]] = []

    @property
    def rows(self) -> list[Row]:
        """All rows so far: first what failed as a whole, then the checks of kernels."""
        found = read_rows(self._rows_path)
        last = [row for section in OF_ALL_PARTS for row in found if row.section == section]
        others = [row for row in found if row.section not in OF_ALL_PARTS]
        return [*self._failures, *_rows_of_checks(self.checks), *others, *last]

    def run(self, only: str) -> None:
        """Run the checks and sections whose names hold `only`."""
        sections = [name for name in SECTIONS if only in name]
        cpu = None
        try:
            if sections:
                cpu = self._start_cpu()
            self._run_kernels(kernel_checks.names_like(only))
            if cpu is not None:
                self._wait_for_cpu(cpu)
            for name in sections:
                self._run_section(name)
        except KeyboardInterrupt:
            self._failures.append(Row("the check", "interrupted", is_failure=True))
        finally:
            if cpu is not None:
                processes.end(cpu)
        total_s = time.monotonic() - self._start_s
        self._failures.append(Row("the check", "the whole check", total_s, "s", limit=480.0))

    def _left_s(self) -> float:
        return TOTAL_S - (time.monotonic() - self._start_s)

    def _say(self, text: str) -> None:
        print(f"[{time.monotonic() - self._start_s:5.1f} s] {text}", flush=True)

    def _start_cpu(self) -> Popen[bytes]:
        self._say("rendering, and the CPU's runs, in the background")
        command = [*self._command, "--section", "cpu", "--work", str(self._folder)]
        cache = self._folder / "numba_cpu"  # two processes must not write one index
        return processes.start(command, self._folder / "cpu.log", cache)

    def _wait_for_cpu(self, cpu: Popen[bytes]) -> None:
        self._say("waiting for the CPU's runs")
        wrong = processes.wait(cpu, max(CPU_S - (time.monotonic() - self._start_s), 10.0))
        print((self._folder / "cpu.log").read_text(errors="replace")[-3000:], end="", flush=True)
        if wrong:
            self._failures.append(Row("the check", "runs on the CPU", note=wrong, is_failure=True))

    def _run_kernels(self, names: list[str]) -> None:
        """Run checks; where one breaks off, go on behind it in a new process."""
        while names:
            self._say(f"{len(names)} checks of kernels")
            notes = self._folder / f"checks_{len(names)}.jsonl"
            command = [*self._command, "--section", "kernels", "--work", str(self._folder)]
            command += ["--seed", str(self._seed), "--checks", ",".join(names)]
            command += ["--notes", str(notes)]
            limit_s = min(KERNELS_S, self._left_s())
            try:
                wrong = processes.wait(processes.start(command), limit_s, notes, SILENT_S)
            except KeyboardInterrupt:
                self.checks += kernel_checks.read_notes(notes)[0]
                raise
            results, running = kernel_checks.read_notes(notes)
            if running is not None:
                mismatches = [f"did not come to its end: {wrong}"]
                results.append(
                    {"name": running, "seconds": 0.0, "num_comparisons": 0,
                     "mismatches": mismatches}
                )  # fmt: skip
            elif wrong:
                self._failures.append(Row("kernels", "the process", note=wrong, is_failure=True))
            self.checks += results
            names = names[len(results) :]
            if not results or self._left_s() < 0.5 * TOTAL_S:
                break
        if names:
            note = ", ".join(names)[:300]
            self._failures.append(Row("kernels", "checks not run", float(len(names)), note=note,
                                      limit=0.0))  # fmt: skip

    def _run_section(self, name: str) -> None:
        limit_s = min(SECTIONS[name][1], self._left_s())
        if limit_s < 5.0:
            self._failures.append(Row(name, "no time was left", is_failure=True))
            return
        self._say(f"{name} (at most {limit_s:.0f} s)")
        command = [*self._command, "--section", name, "--work", str(self._folder)]
        wrong = processes.wait(processes.start(command), limit_s)
        if wrong:
            self._failures.append(Row(name, "the section", note=wrong, is_failure=True))


def _rows_of_checks(checks: list[dict[str, Any]]) -> list[Row]:
    """Return one row for all checks that agree, and one for each that does not."""
    if not checks:
        return []
    wrong = [check for check in checks if check["mismatches"]]
    rows = [
        Row("kernels", check["name"], note="; ".join(check["mismatches"])[:300], is_failure=True)
        for check in wrong
    ]
    comparisons = sum(check["num_comparisons"] for check in checks)
    note = f"of {len(checks)}; {comparisons} comparisons"
    num_right = float(len(checks) - len(wrong))
    limit = float(len(checks))
    return [*rows, Row("kernels", "checks that agree", num_right, limit=limit, is_floor=True,
                       note=note)]  # fmt: skip


def run_session(
    script: Path, seed: int, only: str, folder: Path, json_path: Path, markdown_path: Path | None
) -> int:
    """Run everything in a folder, print the table and write it; return 1 if anything does not
    agree.
    """
    session = Session(script, seed, folder)
    session.run(only)
    rows, machine = session.rows, about()
    print("\n" + text_table(rows, machine))
    json_path.write_text(json.dumps(as_json(rows, machine, session.checks), indent=1) + "\n")
    if markdown_path is not None:
        markdown_path.write_text(markdown(rows, machine))
    is_wrong = has_mismatch(rows)
    print(f"\n{'MISMATCH' if is_wrong else 'all agree'}; {json_path}")
    return int(is_wrong)
