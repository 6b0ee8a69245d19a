"""What the control page's server answers."""

import json
import math
import secrets
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from numbers import Integral, Real
from pathlib import Path
from typing import Protocol, cast, runtime_checkable
from urllib.parse import urlsplit

from slam.control.controls import Controls

PAGE = Path(__file__).with_name("page.html").read_text(encoding="utf-8")
OWN_HEADER = "X-Twinmap-Control"  # another site's page cannot send it without our consent
MAX_BODY_BYTES = 1024  # of requests that need none
READINGS = ("/", "/status")
ACTIONS: dict[str, Callable[[Controls], None]] = {
    "/pause": Controls.pause,
    "/resume": Controls.resume,
    "/step": Controls.step,
    "/reset": Controls.reset,
    "/save": Controls.save_mesh,
    "/quit": Controls.quit,
}


@runtime_checkable
class ControlServer(Protocol):
    """What a request needs to know of the server that received it."""

    controls: Controls

    def is_known_as(self, name: str) -> bool:
        """Whether a request for that host is meant for this server."""
        ...

    def note_asked(self) -> None:
        """Remember that a page is open."""
        ...

    def note_end_told(self) -> None:
        """Remember that it knows of the end."""
        ...


class PageHandler(BaseHTTPRequestHandler):
    """One request. GET shows, POST acts; HTTP/1.0, so a connection carries one request."""

    server_version = "twinmap"
    sys_version = ""
    timeout = 5.0  # for a client that stops in the middle

    def do_GET(self) -> None:
        """Answer with the page or the status."""
        path = self._checked_path()
        if path == "/":
            nonce = secrets.token_urlsafe(16)
            self._answer(HTTPStatus.OK, "text/html", PAGE.replace("NONCE", nonce), nonce)
        elif path == "/status":
            self._answer_status()

    def do_POST(self) -> None:
        """Do what was asked, and answer with the status."""
        path = self._checked_path()
        if path is None or not self._is_own_page() or not self._is_body_small():
            return
        ACTIONS[path](self._controls)
        self._answer_status()

    def _refuse_method(self) -> None:
        self._checked_path()

    do_HEAD = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _refuse_method

    def _checked_path(self) -> str | None:
        """Return the path if this server has it, for this method; otherwise answer."""
        hosts = self.headers.get_all("Host", [])
        if len(hosts) != 1 or not self._server.is_known_as(_host_name(hosts[0])):
            self._refuse(HTTPStatus.FORBIDDEN, "not the name of this server")
            return None
        path = self.path.partition("?")[0]
        allowed = "GET" if path in READINGS else "POST" if path in ACTIONS else None
        if allowed is None:
            self._refuse(HTTPStatus.NOT_FOUND, "there is no such page")
        elif self.command != allowed:
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, f"use {allowed}", allowed)
        return path if allowed == self.command else None

    def _is_own_page(self) -> bool:
        """Whether our page or a program asks, not another site's page through a browser."""
        origin = self.headers.get("Origin")
        is_foreign = origin is not None and _place(origin) != self.headers["Host"]
        if is_foreign or OWN_HEADER not in self.headers:
            self._refuse(HTTPStatus.FORBIDDEN, f"only from the page itself, or with {OWN_HEADER}")
            return False
        return True

    def _is_body_small(self) -> bool:
        """Read the body, which means nothing: unread, it would reset the connection."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            self._refuse(HTTPStatus.BAD_REQUEST, "a body needs its length")
            return False
        if len(length) > 9 or int(length) > MAX_BODY_BYTES:
            self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "no body is needed")
            return False
        self.rfile.read(int(length))
        return True

    def _answer_status(self) -> None:
        self._server.note_asked()
        status = self._controls.status()
        self._answer(HTTPStatus.OK, "application/json", json.dumps(_plain(status)))
        if status["phase"] == "over":
            self._server.note_end_told()

    def _refuse(self, code: HTTPStatus, reason: str, allowed: str = "") -> None:
        self._answer(code, "text/plain", f"{reason}\n", allowed=allowed)

    def _answer(
        self, code: HTTPStatus, kind: str, text: str, nonce: str = "", allowed: str = ""
    ) -> None:
        body = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", _policy(nonce))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Referrer-Policy", "same-origin")
        self.send_header("Cache-Control", "no-store")
        if allowed:
            self.send_header("Allow", allowed)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal belongs to the run."""

    @property
    def _controls(self) -> Controls:
        return self._server.controls

    @property
    def _server(self) -> ControlServer:
        return cast(ControlServer, self.server)


def _host_name(host: str) -> str:
    """Return the name without the port, "" if it is none. The port may be a tunnel's."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _place(origin: str) -> str:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""


def _policy(nonce: str) -> str:
    """Allow the page its own script, style, icon and requests, and nothing else."""
    own = f"script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; " if nonce else ""
    rules = "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; {own}{rules}; frame-ancestors 'none'"


def _plain(value: object) -> object:
    """Return what JSON can say: NaN and infinity, which it cannot, become null."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, Real) and not isinstance(value, Integral):  # numpy's float32 is a Real
        return float(value) if math.isfinite(value) else None
    return value
