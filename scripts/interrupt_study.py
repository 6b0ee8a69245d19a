"""Ends runs at random instants, and looks at what each leaves.

    python scripts/interrupt_study.py --runs 200 --signal INT [--jobs 2]
    python scripts/interrupt_study.py --runs 20 --signal KILL

INT, TERM and HUP: the folder must be complete, with exit code 0 and no traceback. KILL: with a
checkpoint every second, `slam run --resume` must go on from it and end with every frame; the
instant then lies after the first checkpoint. The instants are even over a run, from its first frame
to its last file, as measured beforehand.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from slam.runs.folder import load_run

SLAM = [sys.executable, "-c", "import sys; from slam.cli import main; sys.exit(main())"]
FILES = {
    "config.yaml", "frames.csv", "map.npz", "mesh.ply", "metrics.json", "report.html", "run.log",
    "trajectory.txt", "trajectory_online.txt",
}  # fmt: skip
PATIENCE_S = 600.0


@dataclass(frozen=True)
class Study:
    """What is run, and how it is ended."""

    source: str
    num_frames: int
    signal: signal.Signals

    def start(self, out: Path) -> subprocess.Popen:
        """Start a run and return when it has its first frame."""
        words = ["--limit", str(self.num_frames), "--tsdf.voxel-size-m", "0.02"]
        words += ["--pace", "realtime", "--checkpoint-s", "1", "--out", str(out)]
        process = subprocess.Popen(
            [*SLAM, "run", self.source, *words],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        _wait(lambda: _has(out / "run.log", "first frame"), process)
        return process

    def duration_s(self, out: Path) -> float:
        """Return how long a whole run takes from its first frame on."""
        process, start_s = self.start(out), time.monotonic()
        process.communicate(timeout=PATIENCE_S)
        return time.monotonic() - start_s

    def fault(self, out: Path, after_s: float) -> str:
        """End a run after some time; return what is wrong with what it leaves, or nothing."""
        process = self.start(out)
        if self.signal is signal.SIGKILL:
            _wait((out / "metrics.json").is_file, process)
        time.sleep(after_s)
        process.send_signal(self.signal)
        _, said = process.communicate(timeout=PATIENCE_S)
        if self.signal is signal.SIGKILL:
            return self._fault_of_resuming(out)
        missing = FILES - {path.name for path in out.iterdir()}
        if process.returncode or missing or "Traceback" in said:
            return f"exit {process.returncode}, missing {sorted(missing)}, said {said[-300:]!r}"
        return "" if load_run(out).frames else "no frame in the table"

    def _fault_of_resuming(self, out: Path) -> str:
        before = load_run(out)
        done = len(before.frames)
        command = [*SLAM, "run", "--resume", str(out)]
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        if result.returncode:
            return f"resuming after {done} frames: exit {result.returncode}: {result.stderr[-300:]}"
        run = load_run(out)
        last = run.frames[-1].index  # a late frame is dropped, the last one, too
        missing = FILES - {path.name for path in out.iterdir()}
        is_whole = last > self.num_frames - 10 and not missing and run.metrics["lost"] == 0
        return "" if is_whole else f"ends at frame {last}, missing {sorted(missing)}"


def _wait(is_met, process: subprocess.Popen) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not is_met() and process.poll() is None:
        if time.monotonic() > end_s:
            raise TimeoutError("the run does not begin")
        time.sleep(0.01)


def _has(path: Path, text: str) -> bool:
    return path.is_file() and text in path.read_text()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default="synthetic:room")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--signal", choices=("INT", "TERM", "HUP", "KILL"), default="INT")
    parser.add_argument("--jobs", type=int, default=1, help="runs side by side")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    study = Study(options.source, options.frames, signal.Signals[f"SIG{options.signal}"])
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(options.jobs) as pool:
        whole_s = study.duration_s(Path(folder) / "whole")
        instants_s = [rng.uniform(0.0, whole_s) for _ in range(options.runs)]
        outs = [Path(folder) / f"{number:03}" for number in range(options.runs)]
        faults = list(pool.map(study.fault, outs, instants_s))
    for number, fault in enumerate(faults):
        if fault:
            print(f"run {number}, {instants_s[number]:.2f} s after its first frame: {fault}")
    bad = sum(map(bool, faults))
    print(f"{options.runs} runs of {whole_s:.1f} s ended by {options.signal}: {bad} at fault")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
