"""The viewer's web page, held to this machine.

rerun's page asks other servers for fonts, for news and for the examples of its welcome screen, and
sends them usage data; none of it can be switched off from here. So we hand the page on under a
policy by which the browser itself refuses all of that.
"""

import http.client
import shutil
import socket
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from urllib.parse import quote, urlsplit

from slam.control.web_server import WebServer
from slam.workers import Service

_KEPT_HEADERS = ("Content-Type", "rerun-final-length")  # the latter is for the loading bar


class Page:
    """Serves on an address what rerun serves on a port of this machine; `/` opens the run."""

    def __init__(self, address: tuple[str, int], upstream: tuple[str, int], data_url: str) -> None:
        handler = partial(_Handler, upstream, data_url)
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._server = WebServer(address, family, handler)
        self._service = Service("viewer page", self._server.serve)

    def close(self) -> None:
        """Serve no more."""
        self._service.close()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, upstream: tuple[str, int], data_url: str, *rest) -> None:
        self._upstream = upstream
        self._data_url = data_url
        super().__init__(*rest)

    def do_GET(self) -> None:
        """Hand on a file, or send a browser that comes without an address of data to ours."""
        if self.path == "/":
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", f"/?url={quote(self._data_url, safe='')}")
            self.end_headers()
            return
        upstream = http.client.HTTPConnection(*self._upstream, timeout=10.0)
        try:
            upstream.request("GET", self.path)
            answer = upstream.getresponse()
        except OSError:
            self.send_error(HTTPStatus.BAD_GATEWAY, "the viewer has ended")
            return
        self.send_response(answer.status)
        for name in _KEPT_HEADERS:
            if value := answer.getheader(name):
                self.send_header(name, value)
        self.send_header("Content-Security-Policy", _policy(self._data_url))
        self.end_headers()
        shutil.copyfileobj(answer, self.wfile)
        upstream.close()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing of requests."""


def _policy(data_url: str) -> str:
    """Return what the page may do: run its own code, and read our data."""
    data = urlsplit(data_url.removeprefix("rerun+"))
    return "; ".join(
        [
            "default-src 'self'",
            "script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "worker-src 'self' blob:",
            f"connect-src 'self' {data.scheme}://{data.netloc}",
        ]
    )
