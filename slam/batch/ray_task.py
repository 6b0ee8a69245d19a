"""What a node of Ray does for a job: its cores, the run, and the way of the run folder back.

Loading this module loads no kernels, which count the cores that they may use when they are loaded.
"""

import fcntl
import io
import os
import shutil
import signal
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from slam.batch.job import Job, Outcome, run_job

PATIENCE_S = 60.0  # with what a killed batch has left running


def run_task(job: Job, token: Path, num_cores: int) -> tuple[Outcome, bytes | None]:
    """Run a job on cores of its own. Where the batch's folder is seen, as a token in it tells, the
    run folder is made there; else it is returned, packed.
    """
    with _without_interrupts(), own_cores(num_cores):
        if token.is_file():
            folder = token.parent / job.path
            _wait_until_free(folder)
            return run_job(job, folder), None
        with tempfile.TemporaryDirectory(prefix="twinmap-") as name:
            folder = Path(name) / "run"
            outcome = run_job(job, folder)
            return outcome, packed(folder)


@contextmanager
def _without_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C, which would end a run early as if that were all: the batch ends its tasks."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def own_cores(num_cores: int, claims: Path | None = None) -> Iterator[list[int]]:
    """Keep this thread, and those that it starts, on cores that no other job of this machine has
    while the block runs; yield them, none where there are not so many.

    Ray counts CPUs but leaves it to the system where tasks run, and jobs that are moved onto each
    other's cores would not be timed alike. Locks are on files, and end with the process.
    """
    if claims is None:
        claims = Path(tempfile.gettempdir()) / f"twinmap-cores-{os.getuid()}"
    claims.mkdir(exist_ok=True)
    before = os.sched_getaffinity(0)
    with ExitStack() as held:
        mine: list[int] = []
        for core in sorted(before):
            if len(mine) < num_cores and _is_locked(held, claims / str(core)):
                mine.append(core)
        mine = mine if len(mine) == num_cores else []
        if mine:
            os.sched_setaffinity(0, mine)
        try:
            yield mine
        finally:
            os.sched_setaffinity(0, before)


def _is_locked(held: ExitStack, path: Path) -> bool:
    """Lock a file until the stack is left; False where someone else has."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return False
    held.callback(file.close)
    return True


def _wait_until_free(folder: Path) -> None:
    """Wait for a run of a killed batch to end; the run that comes says so if it does not."""
    from slam.errors import SlamError
    from slam.runs.claim import claimed

    deadline_s = time.monotonic() + PATIENCE_S
    while folder.is_dir() and time.monotonic() < deadline_s:
        with suppress(SlamError), claimed(folder):
            return
        time.sleep(0.5)


def packed(folder: Path) -> bytes:
    """Return the files of a run folder as one archive."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for path in sorted(folder.glob("*")):
            tar.add(path, path.name)
    return archive.getvalue()


def unpack(archive: bytes, folder: Path) -> None:
    """Make a run folder of an archive, whole or not at all."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(part, filter="data")
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
