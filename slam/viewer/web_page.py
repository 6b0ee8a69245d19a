"""The viewer's web page, held to this machine.

rerun's page asks other servers for fonts, for news and for the examples of its welcome screen, and
sends them usage data; none of it can be switched off from here. So we hand the page on under a
policy by which the browser itself refuses all of that.
"""

import contextlib
import http.client
import shutil
import socket
import time
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from urllib.parse import quote, urlsplit

from slam.control.web_server import WebServer
from slam.workers import Service

POLL_S = 0.5  # how often a browser that was closed is noticed
_KEPT_HEADERS = ("Content-Type", "rerun-final-length")  # the latter is for the loading bar


# What a browser shows at `/`: rerun's page, and below it how the run ends. Its open connection to
# `/run` is how we know that it is there.
FRAME = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>twinmap</title>
<style>
  html, body { margin: 0; height: 100%; background: #0d1011; color: #e8eaeb; font: 15px sans-serif }
  body { display: flex; flex-direction: column }
  iframe { border: 0; flex: 1 }
  p { margin: 0; padding: 0.6em 1em; background: #1d4f7a }
</style>
<iframe src="/?url=DATA_URL" title="the maps"></iframe>
<p hidden></p>
<script>
  const run = new EventSource("/run"), note = document.querySelector("p")
  function say(text) { note.textContent = text; note.hidden = false }
  run.onmessage = () => say("The run has ended. Its last view stays until you close this page.")
  run.onerror = () => { run.close(); say("The run has ended, and its server with it.") }
</script>
</html>
"""


class Audience:
    """The browsers that show the page, and whether the run goes on."""

    def __init__(self) -> None:
        self.is_run_over = False
        self.is_closed = False
        self.browsers: set[object] = set()


class Page:
    """Serves on an address what rerun serves on a port of this machine; `/` opens the run."""

    def __init__(self, address: tuple[str, int], upstream: tuple[str, int], data_url: str) -> None:
        self._audience = Audience()
        handler = partial(_Handler, upstream, data_url, self._audience)
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._server = WebServer(address, family, handler)
        self._service = Service("viewer page", self._server.serve)

    @property
    def is_watched(self) -> bool:
        """Whether a browser shows the page."""
        return bool(self._audience.browsers)

    def end_run(self) -> None:
        """Let the page say that the run has ended."""
        self._audience.is_run_over = True

    def close(self) -> None:
        """Serve no more."""
        self._audience.is_closed = True
        self._service.close()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, upstream: tuple[str, int], data_url: str, audience: Audience, *rest) -> None:
        self._upstream = upstream
        self._data_url = data_url
        self._audience = audience
        super().__init__(*rest)

    def do_GET(self) -> None:
        """Answer with the page, with how the run goes, or with what rerun serves."""
        if self.path == "/":
            self._start(HTTPStatus.OK, {"Content-Type": "text/html; charset=utf-8"})
            self.wfile.write(FRAME.replace("DATA_URL", quote(self._data_url, safe="")).encode())
        elif self.path == "/run":
            self._start(HTTPStatus.OK, {"Content-Type": "text/event-stream"})
            with contextlib.suppress(OSError):  # the page was closed
                self._follow_run()
        else:
            self._hand_on()

    def _start(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Security-Policy", _policy(self._data_url))
        self.end_headers()

    def _follow_run(self) -> None:
        """Send one event when the run ends, and comments, which fail when nobody is there."""
        audience, has_told = self._audience, False
        audience.browsers.add(self)
        try:
            while not audience.is_closed:
                tells = audience.is_run_over and not has_told
                self.wfile.write(b"data: ended\n\n" if tells else b":\n\n")
                has_told = has_told or tells
                time.sleep(POLL_S)
        finally:
            audience.browsers.discard(self)

    def _hand_on(self) -> None:
        upstream = http.client.HTTPConnection(*self._upstream, timeout=10.0)
        try:
            upstream.request("GET", self.path)
            answer = upstream.getresponse()
        except OSError:
            self.send_error(HTTPStatus.BAD_GATEWAY, "the viewer has ended")
            return
        headers = {name: answer.getheader(name) for name in _KEPT_HEADERS}
        self._start(answer.status, {name: value for name, value in headers.items() if value})
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
