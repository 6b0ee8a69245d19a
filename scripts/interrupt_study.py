"""Ends runs at random instants, and looks at what each leaves.

    python scripts/interrupt_study.py --runs 200 --signal INT [--jobs 2]
    python scripts/interrupt_study.py --runs 20 --signal KILL

INT, TERM and HUP: the folder must be complete, with exit code 0 and no traceback. KILL: with a
checkpoint every second, `slam run --resume` must go on from it and end with every frame. The
instants are even over a run, from its first frame (KILL: its first checkpoint) to its last file, as
measured beforehand.

Each run is a process of its own, forked from one that has imported the command line, and has small
images: what takes a run most of its time here is neither of what is looked at.
"""

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from slam.cli import main as slam
from slam.errors import SlamError
from slam.runs.finished import load_run
from slam.sources.sequence_writer import write_sequence
from slam.sources.synthetic import open_synthetic

# Before the fork; nothing that starts threads of OpenMP, which would not live on in it.
IMPORTED = [
    "slam.cli", "slam.sources.synthetic", "slam.graph.solver", "slam.tracking.host",
    "matplotlib.axes",
]  # fmt: skip
FILES = {
    "config.yaml", "frames.csv", "map.npz", "mesh.ply", "metrics.json", "report.html", "run.log",
    "trajectory.txt", "trajectory_online.txt",
}  # fmt: skip
SMALL = 96, 72
PATIENCE_S = 600.0


def command_line(words: Sequence[str], log: Path) -> None:
    """Be `slam` with some arguments; what it says goes to a file."""
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(file, stream)
    sys.argv = ["slam", *words]
    sys.exit(slam())


class Command:
    """`slam` in a process of its own."""

    def __init__(self, words: Sequence[str], log: Path) -> None:
        self._log = log
        self.process: BaseProcess = multiprocessing.get_context("forkserver").Process(
            target=command_line, args=(words, log)
        )
        self.process.start()

    def wait_until(self, is_met: Callable[[], bool]) -> None:
        """Return when something is so, or the process has ended."""
        end_s = time.monotonic() + PATIENCE_S
        while not is_met() and self.process.is_alive():
            if time.monotonic() > end_s:
                raise TimeoutError("the run does not begin")
            time.sleep(0.01)

    def ended(self) -> tuple[int | None, str]:
        """Wait for the end; return the exit code and what was said."""
        self.process.join(PATIENCE_S)
        return self.process.exitcode, self._log.read_text()


@dataclass(frozen=True)
class Study:
    """What is run, and how it is ended."""

    source: str
    num_frames: int
    signal: signal.Signals
    ended: list[float] = field(default_factory=list)  # the instants of those that still ran

    def start(self, out: Path) -> Command:
        """Start a run and return when it has its first frame, or its first checkpoint."""
        words = ["run", self.source, "--limit", str(self.num_frames)]
        words += ["--tsdf.voxel-size-m", "0.04", "--pace", "realtime", "--checkpoint-s", "1"]
        command = Command([*words, "--out", str(out)], out.with_suffix(".txt"))
        command.wait_until(lambda: _has(out / "run.log", "first frame"))
        if self.signal is signal.SIGKILL:
            command.wait_until((out / "metrics.json").is_file)
        return command

    def duration_s(self, out: Path) -> float:
        """Return how long a whole run takes from there on."""
        command, start_s = self.start(out), time.monotonic()
        code, said = command.ended()
        if code:
            raise SlamError(f"the run ends with {code}: {said[-300:]}")
        return time.monotonic() - start_s

    def fault(self, out: Path, after_s: float) -> str:
        """End a run after some time; return what is wrong with what it leaves, or nothing."""
        command = self.start(out)
        time.sleep(after_s)
        if command.process.is_alive():
            assert command.process.pid is not None
            os.kill(command.process.pid, self.signal)
            self.ended.append(after_s)
        code, said = command.ended()
        if self.signal is signal.SIGKILL:
            return self._fault_of_resuming(out)
        missing = FILES - {path.name for path in out.iterdir()}
        if code or missing or "Traceback" in said:
            return f"exit {code}, missing {sorted(missing)}, said {said[-300:]!r}"
        return "" if load_run(out).frames else "no frame in the table"

    def _fault_of_resuming(self, out: Path) -> str:
        try:
            done = len(load_run(out).frames)
        except SlamError as error:
            return str(error)
        code, said = Command(["run", "--resume", str(out)], out.with_suffix(".txt")).ended()
        if code:
            return f"resuming after {done} frames: exit {code}: {said[-300:]}"
        run = load_run(out)
        last = run.frames[-1].index  # a late frame is dropped, the last one, too
        missing = FILES - {path.name for path in out.iterdir()}
        is_whole = last > self.num_frames - 10 and not missing and run.metrics["lost"] == 0
        return "" if is_whole else f"ends at frame {last}, missing {sorted(missing)}"


def _has(path: Path, text: str) -> bool:
    return path.is_file() and text in path.read_text()


def write_small(folder: Path, num_frames: int) -> None:
    """Write a recording of the synthetic room in small images."""
    source = open_synthetic("room", num_frames)
    source.camera = source.camera.resized(*SMALL)
    write_sequence(source, folder, "tum")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default="", help="default: the synthetic room in small images")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--signal", choices=("INT", "TERM", "HUP", "KILL"), default="INT")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    multiprocessing.get_context("forkserver").set_forkserver_preload(IMPORTED)
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        source = options.source or f"{folder}/recording"
        if not options.source:
            write_small(Path(source), options.frames)
        study = Study(source, options.frames, signal.Signals[f"SIG{options.signal}"])
        whole_s = study.duration_s(Path(folder) / "whole")
        instants_s = [rng.uniform(0.0, whole_s) for _ in range(options.runs)]
        outs = [Path(folder) / f"{number:03}" for number in range(options.runs)]
        bad = 0
        for number, fault in enumerate(pool.map(study.fault, outs, instants_s)):
            if fault:
                bad += 1
                print(f"run {number}, after {instants_s[number]:.2f} s: {fault}", flush=True)
    early = f"{len(study.ended)} of them before they ended by themselves"
    print(f"{options.runs} runs of {whole_s:.1f} s, {options.signal} to {early}: {bad} at fault")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
