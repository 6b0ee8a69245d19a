"""The end of a run by a signal: all files, no traceback, whatever the instant."""

import os
import pty
import signal
import subprocess
import sys
import time

import pytest

from slam.cli.signals import ended_by_signals
from slam.control.controls import Controls
from slam.runs.finished import load_run

FILES = {
    "config.yaml", "frames.csv", "graph.json", "map.npz", "mesh.ply", "metrics.json", "report.html",
    "run.log", "trajectory.txt", "trajectory_online.txt",
}  # fmt: skip
CODE = "import sys; from slam.cli import main; sys.exit(main())"
WORDS = [
    "run",
    "synthetic:wall",
    "--pace",
    "realtime",
    "--tsdf.voxel-size-m",
    "0.02",
]  # 200 frames of 1/30 s


def started(out, *more, **options):
    """Start a run and wait until it has read frames."""
    command = [sys.executable, "-c", CODE, *WORDS, *more, "--out", str(out)]
    process = subprocess.Popen(command, **options)
    end_s = time.monotonic() + 120
    while not (out / "run.log").is_file() or "first frame" not in (out / "run.log").read_text():
        assert time.monotonic() < end_s
        assert process.poll() is None
        time.sleep(0.02)
    return process


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_run_with_all_its_files(tmp_path, name):
    process = started(tmp_path, stderr=subprocess.PIPE, text=True)
    time.sleep(0.3)
    process.send_signal(getattr(signal, name))
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert "Traceback" not in said
    log = (tmp_path / "run.log").read_text()
    assert "synthetic:wall" in log
    assert f"ended by {name}" in log
    assert {path.name for path in tmp_path.iterdir()} == FILES
    run = load_run(tmp_path)
    assert 0 < len(run.frames) == run.metrics["frames"] < 200


def test_a_terminal_that_is_closed_ends_a_run_with_all_its_files(tmp_path):
    """Every write to it fails from then on."""
    ours, its = pty.openpty()
    process = started(
        tmp_path, stdin=its, stdout=its, stderr=its, start_new_session=True,
        preexec_fn=lambda: os.close(ours),
    )  # fmt: skip
    os.close(its)
    time.sleep(0.3)
    os.close(ours)
    process.send_signal(signal.SIGHUP)  # which the kernel sends to who it controls
    process.wait(timeout=120)
    assert process.returncode in (0, 120)  # 120: Python could not flush what was said last
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_before_the_first_frame_and_the_second_time_it_is_an_interrupt():
    controls = Controls()
    with ended_by_signals(is_restored=True) as ending:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        ending.controls = controls
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        controls.begin()
        signal.raise_signal(signal.SIGTERM)
        assert controls.is_quit
        assert controls.quit_by == "SIGTERM"
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)


def test_under_nohup_a_hang_up_is_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_by_signals(is_restored=True):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
