"""The viewer's own process: rerun's window or web server, on the addresses that we choose.

rerun's functions for Python would serve on all addresses of the machine, and could not be ended
where they hang.
"""

import contextlib
import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote

from slam.errors import SlamError

DATA_PORT, WEB_PORT = 9876, 9090  # rerun's own defaults
MEMORY_LIMIT = "1GB"  # of the window and of the server; the oldest data are left out beyond
START_S = 20.0
ANY_ADDRESS = ("0.0.0.0", "::")
NICENESS = 10  # of a window: without a GPU it would take the tracker's cores


@dataclass(frozen=True)
class ViewerProcess:
    """A running viewer that takes data at `data_url`; `page_url` is where a browser finds it."""

    child: subprocess.Popen
    data_url: str
    page_url: str  # empty for a window

    @property
    def is_window(self) -> bool:
        """Whether it has a window of its own."""
        return not self.page_url

    @property
    def is_running(self) -> bool:
        """Whether it has not ended; a closed window has."""
        return self.child.poll() is None

    def kill(self) -> None:
        """End it at once, whatever state it is in."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()


def open_window() -> ViewerProcess:
    """Open the native viewer; raise SlamError where that is not possible."""
    is_x11_or_wayland = sys.platform not in ("darwin", "win32")
    if is_x11_or_wayland and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise SlamError(
            "--viewer rerun: this machine has no display; use --viewer web or --viewer FILE.rrd"
        )
    port = _free_port("127.0.0.1", DATA_PORT)
    words = ["--bind", "127.0.0.1", "--port", str(port), "--hide-welcome-screen"]
    return _start(words, "127.0.0.1", port, "")


def serve_page(host: str) -> ViewerProcess:
    """Serve the viewer to browsers on one address of this machine."""
    port, web_port = _free_port(host, DATA_PORT), _free_port(host, WEB_PORT)
    name = socket.gethostname() if host in ANY_ADDRESS else host
    name = f"[{name}]" if ":" in name else name
    origin = f"http://{name}:{web_port}"
    words = ["--serve-web", "--bind", host, "--port", str(port)]
    words += ["--web-viewer-port", str(web_port), "--server-memory-limit", MEMORY_LIMIT]
    words += ["--cors-allow-origin", origin]
    page_url = f"{origin}/?url={quote(f'rerun+http://{name}:{port}/proxy', safe='')}"
    return _start(words, host, port, page_url)


def _start(words: list[str], host: str, port: int, page_url: str) -> ViewerProcess:
    command = [sys.executable, "-m", "rerun_cli", *words, "--memory-limit", MEMORY_LIMIT]
    # CI: rerun sends no usage data where it is set; there is no other switch for one process
    environment = os.environ | {"CI": "true", "RERUN_APP_ONLY": "true"}
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,  # Ctrl-C ends the run, not what shows its end
        )  # fmt: skip
        if not page_url:
            with contextlib.suppress(OSError, AttributeError):
                os.setpriority(os.PRIO_PROCESS, child.pid, NICENESS)
        local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        at = f"[{local}]" if ":" in local else local
        viewer = ViewerProcess(child, f"rerun+http://{at}:{port}/proxy", page_url)
        for _ in _every(0.05, START_S):
            if not viewer.is_running:
                output.seek(0)
                said = output.read().decode(errors="replace").strip().splitlines() or ["nothing"]
                raise SlamError(f"the viewer ended at once; its last words: {said[-1]}")
            if _answers(local, port):
                return viewer
    viewer.kill()
    raise SlamError(f"the viewer did not start within {START_S:.0f} s")


def _every(pause_s: float, limit_s: float) -> Iterator[None]:
    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        yield
        time.sleep(pause_s)


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _free_port(host: str, wanted: int) -> int:
    """Return the wanted port of an address of this machine, or any free one if it is taken."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            try:
                probe.bind((host, port))
                return probe.getsockname()[1]
            except OSError as error:
                if port == 0 or error.errno != errno.EADDRINUSE:
                    raise SlamError(f"--host {host}: {error.strerror or error}") from error
    raise AssertionError("unreachable")
