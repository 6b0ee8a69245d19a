import os
import sys

import pytest

from slam.errors import SlamError
from slam.viewer.base import NoViewer, Viewer
from slam.viewer.open import open_viewer


def open_it(where, host="127.0.0.1") -> Viewer:
    return open_viewer(str(where), ("tsdf",), None, pytest.fail, host)


def test_none_shows_nothing():
    assert isinstance(open_it("none"), NoViewer)


def test_what_is_no_viewer_is_said_with_what_is():
    with pytest.raises(SlamError, match=r"none, rerun, web or a FILE\.rrd; got picture\.png"):
        open_it("picture.png")


def test_a_missing_rerun_is_said_with_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "rerun", None)
    with pytest.raises(SlamError, match=r"pip install 'twinmap\[viewer\]'"):
        open_it(tmp_path / "run.rrd")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["missing/run.rrd", "folder.rrd", "pipe.rrd"])
def test_a_path_that_cannot_be_written_is_said(tmp_path, name):
    (tmp_path / "folder.rrd").mkdir()
    os.mkfifo(tmp_path / "pipe.rrd")
    with pytest.raises(SlamError, match=f"cannot write .*{name}"):
        open_it(tmp_path / name)


@pytest.mark.skipif(sys.platform != "linux", reason="a display is told by variables on Linux only")
def test_a_machine_without_a_display_is_told_what_to_use_instead(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(SlamError, match=r"no display; use --viewer web or --viewer FILE\.rrd"):
        open_it("rerun")


def test_an_address_of_another_machine_is_said():
    with pytest.raises(SlamError, match=r"--host 192\.0\.2\.1: "):
        open_it("web", host="192.0.2.1")
