"""Work in parts that several processes share: each takes the next that no other has taken.

numba compiles in one thread of a process at a time, so only processes compile side by side; what
one has compiled the others find in numba's cache.
"""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

from numba.core import event

from kernels.threads import NUM_THREADS
from slam.config import Config

MAX_PROCESSES = 4  # a process takes 300 MB
CONFIGS = "configs.pickle"
HELP = "import sys; from slam.runs.shared_work import help_with; help_with(sys.argv[1:])"

Parts = Callable[[Sequence[Config]], Sequence[Callable[[], None]]]


def share_work(parts: Parts, configs: Sequence[Config], say_start: Callable[[], None]) -> None:
    """Do all parts of these configs. When the first has to compile something, call `say_start` and
    start helpers on the other cores, which begin at the last part.

    `parts` has to be a function of a module. A helper that fails leaves its part undone.
    """
    with TemporaryDirectory(prefix="twinmap-") as name:
        folder = Path(name)
        helpers = _Helpers(folder, parts, configs, say_start)
        with helpers.running(), event.install_listener("numba:compile", helpers):
            _do(enumerate(parts(configs)), folder)


class _Helpers(event.Listener):
    """Processes that are started at the first compilation."""

    def __init__(
        self, folder: Path, parts: Parts, configs: Sequence[Config], say_start: Callable[[], None]
    ) -> None:
        self._folder = folder
        self._parts = f"{parts.__module__}:{parts.__qualname__}"
        self._configs = configs
        self._say_start = say_start
        self._processes: list[subprocess.Popen[bytes]] | None = None

    def on_start(self, event: event.Event) -> None:
        """Start the helpers, once."""
        if self._processes is not None:
            return
        self._processes = []
        self._say_start()
        (self._folder / CONFIGS).write_bytes(pickle.dumps(list(self._configs)))
        command = [sys.executable, "-c", HELP, str(self._folder), self._parts]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        for _ in range(min(NUM_THREADS, MAX_PROCESSES) - 1):
            self._processes.append(
                subprocess.Popen(
                    command,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )

    def on_end(self, event: event.Event) -> None:
        """Nothing is to be done."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Wait for the helpers at the end, or end them where an error ends the block."""
        try:
            yield
            for process in self._processes or ():
                process.wait()
        finally:
            for process in self._processes or ():
                process.kill()
                process.wait()


def help_with(arguments: Sequence[str]) -> None:
    """Do parts in a process that `share_work` started, the last first."""
    folder = Path(arguments[0])
    module, _, function = arguments[1].partition(":")
    configs: list[Config] = pickle.loads((folder / CONFIGS).read_bytes())
    parts: Parts = getattr(import_module(module), function)
    _do(reversed(list(enumerate(parts(configs)))), folder)


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
