"""Runs that studies measure: each made and scored once, by the command line."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]


class StudyError(Exception):
    """A command that failed, and what it said last."""


def slam(*words: str) -> None:
    """Run the command line in a process of its own and wait for it."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    }
    program = "import sys; from slam.cli import main; sys.exit(main())"
    result = subprocess.run(
        [sys.executable, "-c", program, *words],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if result.returncode != 0:
        said = result.stderr.strip().splitlines() or ["nothing on stderr"]
        raise StudyError(f"slam {words[0]} ended with {result.returncode}: {said[-1]}")


def measured(run: Path, source: str, words: Sequence[str]) -> dict[str, Any]:
    """Return the metrics of `slam run SOURCE WORDS` in a folder: made and scored now, unless that
    was done before. A run that was interrupted before it was scored is made anew.
    """
    done = run / "scored"
    if not done.is_file():
        slam("run", source, *words, "--out", str(run))
        slam("eval", str(run))
        done.touch()
    return json.loads((run / "metrics.json").read_text())
