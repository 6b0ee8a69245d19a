"""Work in parts that several processes share: each takes the next that no other has taken.

numba compiles in one thread of a process at a time, so only processes compile side by side; what
one has compiled the others find in numba's cache.
"""

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from numba.core import event

from kernels.threads import NUM_THREADS
from slam.config import Config

MAX_PROCESSES = 4  # a process takes a gigabyte
CONFIGS = "configs.pickle"
HELP = "import sys; from slam.runs.shared_work import help_with; help_with(sys.argv[1:])"

Parts = Callable[[Sequence[Config]], Sequence[Callable[[], None]]]


class _HasToCompile(BaseException):  # which no handler of errors on the way takes for one
    """A part is about to compile."""


class _Refusal(event.Listener):
    """Ends whatever begins to compile."""

    def on_start(self, event: event.Event) -> None:
        raise _HasToCompile

    def on_end(self, event: event.Event) -> None:
        """Nothing is to be done."""


def share_work(
    work: Callable[[], None],
    parts: Parts,
    configs: Sequence[Config],
    say_start: Callable[[], None],
) -> None:
    """Do `work`. Where it has to compile something, call `say_start`, have a process on each core
    do its parts for these configs, and do it after that.

    This one compiles none of it: what two processes compile of a kernel may differ in the last bits
    of its results, and it is to have what later runs find in the cache. `parts` has to be a
    function of a module. A process that fails leaves its part undone.
    """
    try:
        with event.install_listener("numba:compile", _Refusal()):
            work()
    except _HasToCompile:
        say_start()
        _compile_in_processes(f"{parts.__module__}:{parts.__qualname__}", configs)
        work()


def _compile_in_processes(parts: str, configs: Sequence[Config]) -> None:
    """Wait for processes that do the parts, or end them where an error ends the waiting."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    processes: list[subprocess.Popen[bytes]] = []
    with TemporaryDirectory(prefix="twinmap-") as folder:
        (Path(folder) / CONFIGS).write_bytes(pickle.dumps(list(configs)))
        try:
            for number in range(min(NUM_THREADS, MAX_PROCESSES)):
                command = [sys.executable, "-c", HELP, folder, parts, str(number)]
                processes.append(
                    subprocess.Popen(
                        command,
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
    folder = Path(arguments[0])
    module, _, function = arguments[1].partition(":")
    configs: list[Config] = pickle.loads((folder / CONFIGS).read_bytes())
    parts: Parts = getattr(import_module(module), function)
    numbered = list(enumerate(parts(configs)))
    _do(numbered if arguments[2] == "0" else reversed(numbered), folder)


def _do(parts: Iterable[tuple[int, Callable[[], None]]], folder: Path) -> None:
    for number, part in parts:
        if _take(folder / str(number)):
            part()


def _take(claim: Path) -> bool:
    """Claim a part; False where another process has."""
    try:
        claim.mkdir()
    except FileExistsError:
        return False
    return True
