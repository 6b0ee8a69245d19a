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
from dataclasses import dataclass, replace

from slam.errors import SlamError
from slam.viewer.web_page import Page

DATA_PORT, PAGE_PORT = 9876, 9090  # rerun's own defaults
MEMORY_LIMIT = "1GB"  # of the window and of the server; the oldest data are left out beyond
START_S = 20.0
ANY_ADDRESS = ("0.0.0.0", "::")
NICENESS = 10  # of a window: without a GPU it would take the tracker's cores


@dataclass(frozen=True)
class ViewerProcess:
    """A running viewer that takes data at `data_url`, and its page, unless it is a window."""

    child: subprocess.Popen
    data_url: str
    page: Page | None = None
    page_url: str = ""

    @property
    def is_running(self) -> bool:
        """Whether it has not ended; a closed window has."""
        return self.child.poll() is None

    @property
    def is_watched(self) -> bool:
        """Whether a browser shows its page."""
        return self.is_running and self.page is not None and self.page.is_watched

    def be_nice(self) -> None:
        """Leave the cores to the run where both want them."""
        with contextlib.suppress(OSError, AttributeError):
            os.setpriority(os.PRIO_PGRP, self.child.pid, NICENESS)

    def kill(self) -> None:
        """End it at once, whatever state it is in."""
        if self.page is not None:
            self.page.close()
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
    viewer = _start(words, "127.0.0.1", (port,))
    viewer.be_nice()
    return viewer


def serve_page(host: str) -> ViewerProcess:
    """Serve the viewer to browsers on one address of this machine."""
    port, page_port = _free_port(host, DATA_PORT), _free_port(host, PAGE_PORT)
    inner_port = _free_port(host, 0)
    name = _in_url(socket.gethostname() if host in ANY_ADDRESS else host)
    page_url = f"http://{name}:{page_port}"
    words = ["--serve-web", "--bind", host, "--port", str(port), "--cors-allow-origin", page_url]
    words += ["--web-viewer-port", str(inner_port), "--server-memory-limit", MEMORY_LIMIT]
    viewer = _start(words, host, (port, inner_port))
    try:
        data_url = f"rerun+http://{name}:{port}/proxy"
        page = Page((host, page_port), (_local(host), inner_port), data_url)
    except OSError as error:
        viewer.kill()
        raise SlamError(f"--host {host}, port {page_port}: {error.strerror or error}") from error
    return replace(viewer, page=page, page_url=page_url)


def _start(words: list[str], host: str, ports: tuple[int, ...]) -> ViewerProcess:
    """Start rerun and wait until all its ports answer; the first takes data."""
    command = [sys.executable, "-m", "rerun_cli", *words, "--memory-limit", MEMORY_LIMIT]
    # CI: rerun sends no usage data where it is set; there is no other switch for one process
    environment = os.environ | {"CI": "true", "RERUN_APP_ONLY": "true"}
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
            start_new_session=True,  # Ctrl-C ends the run, not what shows its end
        )  # fmt: skip
        local = _local(host)
        viewer = ViewerProcess(child, f"rerun+http://{_in_url(local)}:{ports[0]}/proxy")
        for _ in _every(0.05, START_S):
            if not viewer.is_running:
                output.seek(0)
                said = output.read().decode(errors="replace").strip().splitlines() or ["nothing"]
                raise SlamError(f"the viewer ended at once and said: {said[-1]}")
            if all(_answers(local, port) for port in ports):
                return viewer
    viewer.kill()
    raise SlamError(f"the viewer did not start within {START_S:.0f} s")


def _local(host: str) -> str:
    """Return how to reach a server from this machine."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


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
            if os.name == "posix":  # what was closed a moment ago is free, as it is to servers
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                return probe.getsockname()[1]
            except OSError as error:
                if port == 0 or error.errno != errno.EADDRINUSE:
                    raise SlamError(f"--host {host}: {error.strerror or error}") from error
    raise AssertionError("unreachable")
