"""Compiling in parts that several processes share: each takes the next that no other has taken.

numba compiles in one thread of a process at a time, so only processes compile side by side; what
one has compiled the others find in numba's cache.
"""

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from numba.core import event

from kernels.threads import NUM_THREADS

MAX_PROCESSES = 4  # a process takes a gigabyte
PARTS = "parts.pickle"
HELP = "import sys; from kernels.shared_work import help_with; help_with(sys.argv[1:])"

Part = Callable[[], None]  # of a module's function, so that another process can unpickle it


class _HasToCompile(BaseException):  # which no handler of errors on the way takes for one
    """A part is about to compile."""


class _Refusal(event.Listener):
    """Ends whatever begins to compile."""

    def on_start(self, event: event.Event) -> None:
        raise _HasToCompile

    def on_end(self, event: event.Event) -> None:
        """Nothing is to be done."""


def share_work(work: Part, parts: Sequence[Part], say_start: Callable[[], None]) -> None:
    """Do `work`. Where it has to compile something, call `say_start`, have a process on each core
    do the parts, and do it after that.

    This process compiles none of it: a kernel just compiled may differ in the last bits of its
    results from the same kernel loaded from numba's cache, and the first run is to have what later
    runs have. A process that fails leaves its part undone.
    """
    try:
        with event.install_listener("numba:compile", _Refusal()):
            work()
    except _HasToCompile:
        say_start()
        _compile_in_processes(parts)
        work()


def _compile_in_processes(parts: Sequence[Part]) -> None:
    """Wait for processes that do the parts, or end them where an error ends the waiting."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    processes: list[subprocess.Popen[bytes]] = []
    with TemporaryDirectory(prefix="twinmap-") as folder:
        (Path(folder) / PARTS).write_bytes(pickle.dumps(parts))
        try:
            for number in range(min(NUM_THREADS, MAX_PROCESSES, len(parts))):
                processes.append(
                    subprocess.Popen(
                        [sys.executable, "-c", HELP, folder, str(number)],
                        env=environment,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )
                )
            for process in processes:
                process.wait()
        finally:
            for process in processes:
                process.kill()
                process.wait()


def help_with(arguments: Sequence[str]) -> None:
    """Do parts in a process that `share_work` started; all but the first begin with the last."""
    gc.disable()  # collecting takes a sixth of the time that numba compiles
    folder, number = Path(arguments[0]), arguments[1]
    parts: list[tuple[int, Part]] = list(enumerate(pickle.loads((folder / PARTS).read_bytes())))
    for i, part in parts if number == "0" else reversed(parts):
        if _take(folder / str(i)):
            part()


def _take(claim: Path) -> bool:
    """Claim a part; False where another process has."""
    try:
        claim.mkdir()
    except FileExistsError:
        return False
    return True
