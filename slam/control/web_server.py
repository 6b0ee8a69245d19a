"""A local web server: what the control page and the viewer's page share."""

import logging
import socket
import socketserver
import sys
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from slam.workers import POLL_S, StopEvent

logger = logging.getLogger(__name__)


class WebServer(ThreadingHTTPServer):
    """Listens from the start; `serve` answers until it is told to stop."""

    timeout = POLL_S
    name = "web page"  # in warnings

    def __init__(
        self,
        address: tuple[Any, ...],
        family: socket.AddressFamily,
        handler: Callable[..., BaseHTTPRequestHandler],
    ) -> None:
        self.address_family = family
        super().__init__(address, handler)  # pyright: ignore[reportArgumentType] (IPv6: four parts)

    def server_bind(self) -> None:
        """Bind without asking DNS for the host's full name, which may take long."""
        socketserver.TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Warn of our own faults only: a browser that disconnects is ordinary."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            logger.warning("%s: %s: %s", self.name, type(error).__name__, error)

    def serve(self, stop: StopEvent) -> None:
        """Answer until asked to stop."""
        while not stop.is_set():
            self.handle_request()
