import logging
import os
import re
import signal
import socket
import sys
import time
import urllib.request
from pathlib import Path
from urllib.parse import quote

import pytest

from slam.viewer import background, process
from slam.viewer.open import open_viewer
from slam.viewer.process import serve_page


@pytest.fixture
def served():
    viewer = serve_page("127.0.0.1")
    yield viewer
    viewer.kill()


def ports_of(viewer) -> list[int]:
    page = re.fullmatch(r"http://127\.0\.0\.1:(\d+)", viewer.page_url)
    data = re.fullmatch(r"rerun\+http://127\.0\.0\.1:(\d+)/proxy", viewer.data_url)
    assert page is not None
    assert data is not None
    return [int(page[1]), int(data[1])]


def is_open(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
    except ConnectionError:
        return False
    return True


@pytest.mark.timeout(20)
def test_the_page_is_served_and_gone_afterwards(served):
    with urllib.request.urlopen(served.page_url) as answer:
        inner = f"/?url={quote(served.data_url, safe='')}"
        assert f'<iframe src="{inner}"' in answer.read().decode()
    with urllib.request.urlopen(served.page_url + inner) as answer:
        assert b"<canvas" in answer.read()
        policy = answer.headers["Content-Security-Policy"]
    assert f"connect-src 'self' {served.data_url[6:-6]}" in policy
    with urllib.request.urlopen(f"{served.page_url}/re_viewer_bg.wasm") as answer:
        assert len(answer.read()) > 10_000_000
        assert answer.headers["Content-Type"] == "application/wasm"
    served.kill()
    assert not served.is_running
    while any(is_open(port) for port in ports_of(served)):
        time.sleep(0.01)


@pytest.mark.timeout(20)
def test_a_page_is_told_that_the_run_has_ended_and_watched_until_it_is_closed(served):
    assert not served.is_watched
    with urllib.request.urlopen(f"{served.page_url}/run") as events:
        assert events.readline() == b":\n"
        assert served.is_watched
        served.page.end_run()
        while (line := events.readline()) != b"data: ended\n":
            assert line in (b":\n", b"\n")
        assert served.is_watched
    while served.is_watched:
        time.sleep(0.01)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_listens_on_the_loopback_address_only_and_sends_no_usage_data(served):
    ports = ports_of(served)
    listening = {}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            address, state = line.split()[1], line.split()[3]
            if state == "0A":
                host, port = address.split(":")
                listening.setdefault(int(port, 16), []).append(host)
    assert [listening[port] for port in ports] == [["0100007F"], ["0100007F"]]
    environment = Path(f"/proc/{served.child.pid}/environ").read_bytes().split(b"\0")
    assert b"CI=true" in environment


def test_taken_ports_give_others(served):
    second = serve_page("127.0.0.1")
    try:
        assert not set(ports_of(second)) & set(ports_of(served))
    finally:
        second.kill()


def test_what_ends_at_once_is_said_with_its_last_words(monkeypatch):
    monkeypatch.setenv("RERUN_CLI_PATH", "/bin/false")
    with pytest.raises(process.SlamError, match="the viewer ended at once"):
        serve_page("127.0.0.1")


@pytest.fixture
def on_a_page(monkeypatch):
    """Open a viewer on a page; return it and its process."""
    made = []
    monkeypatch.setattr("slam.viewer.open.serve_page", lambda host: made[0])
    made.append(serve_page("127.0.0.1"))
    said = []
    yield open_viewer("web", ("tsdf",), None, said.append), made[0]
    assert said == [f"the viewer is at {made[0].page_url}"]
    made[0].kill()


@pytest.mark.timeout(60)
def test_a_viewer_that_stops_reading_holds_up_nothing(
    on_a_page, make_maps, run_through, monkeypatch
):
    monkeypatch.setattr(background, "LAST_VIEW_S", 0.0)
    monkeypatch.setattr(background, "CLOSE_S", 2.0)
    viewer, child = on_a_page
    maps = {"tsdf": make_maps()["tsdf"]}
    snapshots = run_through(maps)
    viewer.show(next(snapshots))
    os.killpg(child.child.pid, signal.SIGSTOP)
    for snapshot in snapshots:
        viewer.show(snapshot)
    viewer.close()
    assert maps["tsdf"].num_integrated == 12
    assert not child.is_running


@pytest.mark.timeout(60)
def test_a_viewer_that_was_closed_is_one_warning(on_a_page, make_maps, run_through, caplog):
    viewer, child = on_a_page
    snapshots = run_through({"tsdf": make_maps()["tsdf"]})
    viewer.show(next(snapshots))
    while viewer._rows:
        time.sleep(0.01)
    child.kill()
    for snapshot in snapshots:
        viewer.show(snapshot)
    viewer.close()
    (record,) = (record for record in caplog.records if record.levelno == logging.WARNING)
    assert "the viewer failed, the run goes on without it: " in record.message
