"""Parts of the check in processes of their own: what hangs or breaks the device in one of them
leaves the others alone.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

POLL_S = 0.1


def start(
    command: Sequence[str], log: Path | None = None, cache: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start a command in a process group of its own, its output into a log or to the terminal;
    numba keeps what it compiles in `cache`, or where this process does.
    """
    environment = os.environ | ({} if cache is None else {"NUMBA_CACHE_DIR": str(cache)})
    if log is None:
        return subprocess.Popen(command, env=environment, start_new_session=True)
    with log.open("wb") as file:
        return subprocess.Popen(
            command, env=environment, start_new_session=True, stdout=file, stderr=subprocess.STDOUT
        )


def wait(
    process: subprocess.Popen[bytes],
    limit_s: float,
    notes: Path | None = None,
    silent_s: float = 0.0,
) -> str:
    """Wait for a process; return "" or what went wrong. It is ended after `limit_s`, or when it has
    not written to `notes` for `silent_s`, or with this one.
    """
    start_s = time.monotonic()
    try:
        while process.poll() is None:
            time.sleep(POLL_S)
            now_s = time.monotonic()
            if now_s - start_s > limit_s:
                return f"ended after {limit_s:.0f} s"
            if notes is not None and time.time() - _written_s(notes, start_s, now_s) > silent_s:
                return f"ended: nothing for {silent_s:.0f} s"
    finally:
        end(process)
    return "" if process.returncode == 0 else f"exit status {process.returncode}"


def _written_s(notes: Path, start_s: float, now_s: float) -> float:
    """Return when a file was written, or when the wait began."""
    began_s = time.time() - (now_s - start_s)
    return max(began_s, notes.stat().st_mtime) if notes.exists() else began_s


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):  # a kernel that hangs holds it up
            process.wait(5.0)
