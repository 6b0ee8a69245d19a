"""The control page's server, through HTTP."""

import json
import socket
import threading
import time
from contextlib import ExitStack
from http.client import HTTPConnection
from urllib.parse import urlsplit

import numpy as np
import pytest

import slam.control.server
from slam.control.controls import Controls
from slam.control.remote import controlled
from slam.control.server import control_page
from slam.errors import SlamError

pytestmark = pytest.mark.timeout(30)
OWN = {"X-Twinmap-Control": "test"}


class Page:
    """The page of a run, and requests to it."""

    def __init__(self, controls, url):
        self.controls, self.url = controls, url
        self.host = urlsplit(url).netloc

    def ask(self, method, path, headers=None):
        connection = HTTPConnection(self.host, timeout=5)
        try:
            headers = {"Host": self.host} | (OWN if headers is None else headers)
            connection.request(method, path, headers=headers)
            answer = connection.getresponse()
            answer.text = answer.read().decode()
            return answer
        finally:
            connection.close()

    def status(self):
        return json.loads(self.ask("GET", "/status").text)


@pytest.fixture
def serve(monkeypatch):
    """Serve a page on a host; yields the function, and stops what it started."""
    monkeypatch.setattr(slam.control.server, "FAREWELL_S", 0.0)  # these pages ask no more
    with ExitStack() as stack:

        def start(host="127.0.0.1", port=0):
            controls = Controls()
            return Page(controls, stack.enter_context(control_page(controls, host, port)))

        yield start


@pytest.fixture
def page(serve):
    return serve()


def test_the_status_tells_what_the_loop_published(page):
    page.controls.publish(
        {"number": 12, "fps": np.float32(31.5), "maps": [{"name": "tsdf", "state": "OK"}]}
    )
    page.controls.say("saved mesh_000012.ply")
    answer = page.ask("GET", "/status")
    assert (answer.status, answer.headers["Content-Type"].split(";")[0]) == (
        200,
        "application/json",
    )
    assert json.loads(answer.text) == {
        "phase": "running",
        "run": {"number": 12, "fps": 31.5, "maps": [{"name": "tsdf", "state": "OK"}]},
        "message": "saved mesh_000012.ply",
        "message_number": 1,
    }


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("nan")])
def test_what_json_cannot_say_is_null(page, value):
    page.controls.publish({"maps": [{"name": "tsdf", "state": "LOST", "residual_mm": value}]})
    text = page.ask("GET", "/status").text
    no_constant = {"parse_constant": lambda name: pytest.fail(f"{name} is not JSON")}
    assert json.loads(text, **no_constant)["run"]["maps"][0]["residual_mm"] is None


@pytest.mark.parametrize(
    ("path", "phase"),
    [("/pause", "paused"), ("/resume", "running"), ("/step", "paused"), ("/quit", "ending")],
)
def test_a_post_acts_and_answers_with_the_status(page, path, phase):
    if path == "/resume":
        page.controls.pause()
    answer = page.ask("POST", path)
    assert answer.status == 200
    assert json.loads(answer.text)["phase"] == page.controls.status()["phase"] == phase


def test_reset_and_save_reach_the_loop(page):
    assert page.ask("POST", "/reset").status == 200
    assert (page.controls.take_reset(), page.controls.take_save()) == (True, False)
    assert page.ask("POST", "/save").status == 200
    assert (page.controls.take_reset(), page.controls.take_save()) == (False, True)


def test_a_post_from_the_page_itself_is_met(page):
    assert page.ask("POST", "/pause", OWN | {"Origin": f"http://{page.host}"}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({}, id="no-header"),  # what a form on another site can send
        pytest.param(OWN | {"Origin": "http://example.com"}, id="another-site"),
        pytest.param(OWN | {"Origin": "http://127.0.0.1:1"}, id="another-port"),
        pytest.param(OWN | {"Origin": "null"}, id="nowhere"),
        pytest.param(OWN | {"Origin": "http://["}, id="nonsense"),
    ],
)
def test_a_post_from_elsewhere_does_nothing(page, headers):
    assert page.ask("POST", "/pause", headers).status == 403
    assert page.status()["phase"] == "running"


@pytest.mark.parametrize("host", ["example.com", "example.com:80", "127.0.0.2", "", "[", "a@b"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/status"), ("GET", "/"), ("POST", "/pause")])
def test_another_name_for_this_server_is_refused(page, host, method, path):
    answer = page.ask(method, path, OWN | {"Host": host, "Origin": f"http://{host}"})
    assert answer.status == 403
    assert "running" not in answer.text
    assert page.status()["phase"] == "running"


def test_a_request_that_names_no_host_is_refused(page):
    assert _raw(page, b"GET /status HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 403")


def test_a_tunnel_may_have_another_port(page):
    tunnel = {"Host": "localhost:9999", "Origin": "http://localhost:9999"}
    assert page.ask("POST", "/pause", OWN | tunnel).status == 200


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        *(("GET", f"/{action}", 405) for action in ("pause", "resume", "step", "save", "quit")),
        ("GET", "/reset", 405),
        ("POST", "/", 405),
        ("POST", "/status", 405),
        ("PUT", "/status", 405),
        ("DELETE", "/", 405),
        ("OPTIONS", "/pause", 405),
        ("HEAD", "/pause", 405),
        ("GET", "/favicon.ico", 404),
        ("GET", "/..%2f..%2fetc/passwd", 404),
        ("GET", "/../page.html", 404),
        ("POST", "/anything", 404),
    ],
)
def test_everything_else_is_refused(page, method, path, code):
    answer = page.ask(method, path)
    assert answer.status == code
    assert (answer.headers["Allow"] is not None) == (code == 405)
    assert answer.headers["Access-Control-Allow-Origin"] is None
    assert page.status()["phase"] == "running"
    assert not page.controls.take_reset()


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"Content-Length": "1000000"}, 413),
        ({"Content-Length": "9" * 100}, 413),
        ({"Content-Length": "-1"}, 400),
        ({"Content-Length": "many"}, 400),
        ({"Transfer-Encoding": "chunked"}, 400),
    ],
)
def test_a_body_without_bound_is_refused(page, headers, code):
    lines = [f"{name}: {value}" for name, value in ({"Host": page.host} | OWN | headers).items()]
    request = "\r\n".join(["POST /pause HTTP/1.1", *lines, "", ""])
    assert _raw(page, request.encode()).startswith(b"HTTP/1.0 %d" % code)
    assert page.status()["phase"] == "running"


def test_a_small_body_is_ignored(page):
    lines = [f"Host: {page.host}", "X-Twinmap-Control: test", "Content-Length: 2"]
    request = "\r\n".join(["POST /pause HTTP/1.1", *lines, "", ""])
    assert _raw(page, request.encode(), b"{}").startswith(b"HTTP/1.0 200")  # and no reset


def test_the_page_may_load_nothing_but_itself(page):
    answer = page.ask("GET", "/", {})
    policy = answer.headers["Content-Security-Policy"]
    nonce = policy.partition("script-src 'nonce-")[2].partition("'")[0]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.text.count(f'nonce="{nonce}"') == 2
    assert "NONCE" not in answer.text
    assert nonce not in page.ask("GET", "/", {}).text  # another one each time


def test_nothing_is_written_to_the_terminal(page, capfd):
    page.ask("GET", "/status")
    page.ask("GET", "/nothing")
    _raw(page, b"nonsense\r\n\r\n")
    with socket.create_connection(urlsplit(page.url).netloc.split(":")):
        pass  # goes away without a word
    assert page.status()["phase"] == "running"
    assert capfd.readouterr() == ("", "")


def test_a_taken_port_is_one_clear_line(page, serve):
    port = urlsplit(page.url).port
    with pytest.raises(SlamError, match=rf"port {port} .*--control-port") as error:
        serve(port=port)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("host", "port"), [("no.such.host.invalid", 0), ("127.0.0.1", 70000), ("192.0.2.1", 0)]
)
def test_an_address_that_is_not_ours_is_one_clear_line(serve, host, port):
    with pytest.raises(SlamError, match=f"cannot be served on {host}, port {port}"):
        serve(host, port)


def test_on_all_addresses_it_answers_to_any_but_not_to_foreign_names(serve):
    page = serve("0.0.0.0")
    port = urlsplit(page.url).port
    page.host = f"127.0.0.1:{port}"
    for host in ("127.0.0.1", "localhost", "192.168.7.7", socket.gethostname()):
        assert page.ask("GET", "/status", {"Host": f"{host}:{port}"}).status == 200
    assert page.ask("GET", "/status", {"Host": f"example.com:{port}"}).status == 403
    assert "0.0.0.0" not in page.url


def test_an_open_page_hears_of_the_end():
    controls, phases = Controls(), []
    with control_page(controls, "127.0.0.1", 0) as url:
        page = Page(controls, url)
        phases.append(page.status()["phase"])
        poller = _polling(page, phases)
    poller.join(5)
    assert (phases[0], phases[-1]) == ("running", "over")
    with pytest.raises(ConnectionError):
        page.status()


def test_without_a_page_or_a_terminal_nobody_interferes():
    said = []
    with controlled(said.append, has_keys=False) as controls:
        assert controls.status()["phase"] == "running"
    assert said == []


def test_the_address_of_the_page_is_said():
    said = []
    with controlled(said.append, has_keys=False, port=0) as controls:
        [line] = said
        page = Page(controls, line.removeprefix("control page: "))
        page.ask("POST", "/pause")
        assert controls.status()["phase"] == "paused"


def _raw(page, *parts):
    """Send parts with a pause between them; return the whole answer."""
    with socket.create_connection(page.host.split(":"), timeout=5) as connection:
        for number, part in enumerate(parts):
            time.sleep(0.2 * (number > 0))
            connection.sendall(part)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b""))


def _polling(page, phases):
    """Ask for the status as a browser does until it says over, in a thread."""

    def poll():
        while phases[-1] != "over":
            time.sleep(0.4)
            phases.append(page.status()["phase"])

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    return thread
