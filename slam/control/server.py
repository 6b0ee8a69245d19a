"""The control page: a small local web server."""

import contextlib
import socket
import time
from collections.abc import Iterator
from ipaddress import ip_address

from slam.control.answers import PageHandler
from slam.control.controls import Controls
from slam.control.web_server import WebServer
from slam.errors import SlamError
from slam.workers import Service

LOOPBACK = "127.0.0.1"
MAX_PORT = 65535
FAREWELL_S = 1.0  # how long the end waits for an open page to hear of it
OPEN_S = 2.0  # a page that asked within this time is open; it asks twice a second


@contextlib.contextmanager
def control_page(controls: Controls, host: str, port: int) -> Iterator[str]:
    """Serve the page while the block runs; yield its address."""
    server = _listen(controls, host, port)
    service = Service("control page", server.serve)
    try:
        yield server.url
    finally:
        try:
            controls.end()
            server.wait_until_end_is_shown()
        finally:
            service.close()
            server.server_close()


def _listen(controls: Controls, host: str, port: int) -> "_Server":
    try:
        if not 0 <= port <= MAX_PORT:  # getaddrinfo would wrap it round
            raise OverflowError(f"ports end at {MAX_PORT}")
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return _Server(controls, host, family, address)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SlamError(
            f"the control page cannot be served on {host}, port {port} ({reason}):"
            " give another --control-port, or 0 for a free one"
        ) from error


class _Server(WebServer):
    """Answers under the names of its own address only, so that no other site's name, pointed here,
    makes a browser take its pages for ours (DNS rebinding).
    """

    name = "control page"

    def __init__(
        self, controls: Controls, host: str, family: socket.AddressFamily, address: tuple
    ) -> None:
        self.controls = controls
        self._is_everywhere = _is_unspecified(address[0])
        self._names = {host.lower(), address[0]} | _local_names(address[0])
        self._last_asked_s = -OPEN_S
        self._is_end_told = False
        super().__init__(address, family, PageHandler)
        self.url = f"http://{_in_url(_reachable(address[0]))}:{self.server_address[1]}/"

    def is_known_as(self, name: str) -> bool:
        """Whether a request for that host is meant for this server."""
        return name in self._names or (self._is_everywhere and _is_address(name))

    def note_asked(self) -> None:
        """Remember that a page is open."""
        self._last_asked_s = time.monotonic()

    def note_end_told(self) -> None:
        """Remember that it knows of the end."""
        self._is_end_told = True

    def wait_until_end_is_shown(self) -> None:
        """Let an open page hear that the run is over."""
        end_s = time.monotonic() + FAREWELL_S
        is_open = time.monotonic() - self._last_asked_s < OPEN_S
        while is_open and not self._is_end_told and time.monotonic() < end_s:
            time.sleep(0.02)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_unspecified(address: str) -> bool:
    return ip_address(address.partition("%")[0]).is_unspecified


def _local_names(address: str) -> set[str]:
    """Return the names that this machine goes by, seen from itself or from its network."""
    parsed = ip_address(address.partition("%")[0])
    local = {"localhost"} if parsed.is_loopback or parsed.is_unspecified else set()
    machine = socket.gethostname().lower()
    return local if parsed.is_loopback else local | {machine, f"{machine}.local"}


def _reachable(address: str) -> str:
    """Return an address to type: of the outgoing network where the server listens on all."""
    if not _is_unspecified(address):
        return address
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # RFC 5737; sends nothing, only picks the interface
        return probe.getsockname()[0]
    return LOOPBACK


def _in_url(address: str) -> str:
    return f"[{address}]" if ":" in address else address
