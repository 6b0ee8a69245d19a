"""All checks of kernels one after the other, each noted in a file: so that a check that hangs, or
that leaves the device unusable, is known, and the others can be run without it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from kernel_cases.check import Result, run_check
from kernel_cases.suite import CHECKS

from gpu_checks.systems import synchronize


def run_checks(names: Sequence[str], seed: int, notes: Path | None) -> Iterator[Result]:
    """Yield the result of each check; stop after one that leaves the device unusable."""
    for name in names:
        _note(notes, {"started": name})
        result = run_check(name, seed)
        loss = _loss()  # a launch may fail after the last comparison
        if loss:
            result = replace(result, mismatches=[*result.mismatches, loss])
        _note(notes, {"result": asdict(result)})
        yield result
        if loss:  # of an illegal access nothing recovers but a new process
            return


def _loss() -> str:
    """Return what has made the device unusable; nothing where it works."""
    try:
        synchronize()
    except RuntimeError as error:
        return f"the device is lost: {' '.join(str(error).split())[:200]}"
    return ""


def describe(result: Result) -> str:
    """Return a result as lines of progress."""
    verdict = "MISMATCH" if result.mismatches else "ok"
    lines = [f"{verdict:8} {result.name} {result.seconds:.1f} s", *result.mismatches]
    return "\n         ".join(lines)


def names_like(part: str) -> list[str]:
    """Return the names of the checks that hold a part."""
    return [name for name in CHECKS if part in name]


def read_notes(notes: Path) -> tuple[list[dict[str, Any]], str | None]:
    """Return the results that were noted, and the check that was begun and not ended."""
    lines = notes.read_text().splitlines() if notes.exists() else []
    results, running = [], None
    for line in lines:
        try:
            note = json.loads(line)
        except json.JSONDecodeError:  # it was being written when the process ended
            continue
        running = note.get("started")
        results += [note["result"]] if "result" in note else []
    return results, running


def _note(notes: Path | None, what: dict[str, Any]) -> None:
    if notes is not None:
        with notes.open("a") as file:
            file.write(json.dumps(what) + "\n")
