import logging
import threading

import pytest

from slam.viewer import background
from slam.viewer.background import MAX_ROWS, BackgroundViewer
from slam.viewer.base import Snapshot, Viewer


class Notes:
    """A screen that writes down what it is given, and does what a test wants of it."""

    cost = 1.0

    def __init__(
        self, is_ready=lambda: True, draw=lambda: None, finish=lambda: None, abandon=lambda: None
    ) -> None:
        self.is_ready, self._draw, self._finish, self._abandon = is_ready, draw, finish, abandon
        self.rows: list[int] = []
        self.newest: list[int] = []
        self.ends: list[str] = []

    def draw(self, rows, newest) -> None:
        self.rows += [row.index for row in rows]
        self.newest.append(newest.frame.index)
        self._draw()

    def finish(self, newest, deadline_s) -> None:
        self.ends.append("finish")
        self._finish()

    def release(self) -> None:
        self.ends.append("release")

    is_watched = False

    def close(self) -> None:
        self.ends.append("close")

    def abandon(self) -> None:
        self.ends.append("abandon")
        self._abandon()


def fail() -> None:
    raise RuntimeError("the window\nwas closed")


@pytest.fixture
def snapshots(walk) -> list[Snapshot]:
    return [Snapshot(frame, (), 30.0) for frame in walk.frames]


@pytest.fixture
def blocked():
    """Block for ever, as far as a test can see; tell how many threads do."""
    release = threading.Event()
    yield release.wait
    release.set()


def show_all(screen: Notes, snapshots: list[Snapshot]) -> None:
    viewer = BackgroundViewer(screen, share=0.5)
    assert isinstance(viewer, Viewer)
    for snapshot in snapshots:
        viewer.show(snapshot)
    viewer.close()


def test_every_frame_gets_in_once_however_few_the_views(snapshots):
    screen = Notes()
    show_all(screen, snapshots)
    assert screen.rows == [snapshot.frame.index for snapshot in snapshots]
    assert screen.newest[-1] == snapshots[-1].frame.index
    assert screen.ends == ["finish", "release", "close"]


def test_nothing_shown_is_nothing_drawn():
    screen = Notes(draw=fail)
    show_all(screen, [])
    assert screen.ends == ["release", "close"]


def test_a_screen_that_stalls_gets_all_rows_when_it_goes_on(snapshots):
    ready = iter([True, False, False])
    screen = Notes(is_ready=lambda: next(ready, True))
    show_all(screen, snapshots)
    assert screen.rows == [snapshot.frame.index for snapshot in snapshots]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("where", ["is_ready", "draw", "finish"])
def test_a_screen_that_hangs_holds_up_neither_the_frames_nor_the_end(
    snapshots, blocked, where, monkeypatch, caplog
):
    monkeypatch.setattr(background, "LAST_VIEW_S", 0.0)
    monkeypatch.setattr(background, "CLOSE_S", 0.3)
    screen = Notes(**{where: blocked})
    show_all(screen, snapshots)
    assert screen.ends[-2:] == ["abandon", "close"]
    assert [record.message for record in caplog.records] == [
        "the viewer does not answer; the last view is not complete"
    ]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("where", ["is_ready", "draw", "finish"])
def test_a_screen_that_hangs_and_fails_when_it_is_abandoned_is_one_warning(
    snapshots, where, monkeypatch, caplog
):
    monkeypatch.setattr(background, "LAST_VIEW_S", 0.0)
    monkeypatch.setattr(background, "CLOSE_S", 0.3)
    is_abandoned = threading.Event()

    def hang_until_abandoned() -> None:
        is_abandoned.wait()
        fail()

    viewer = BackgroundViewer(Notes(**{where: hang_until_abandoned}, abandon=is_abandoned.set))
    viewer.show(snapshots[0])
    viewer.close()
    viewer._thread._thread.join()
    assert [record.message for record in caplog.records] == [
        "the viewer does not answer; the last view is not complete"
    ]


@pytest.mark.timeout(20)
def test_rows_that_wait_are_bounded(snapshots, blocked, monkeypatch):
    monkeypatch.setattr(background, "LAST_VIEW_S", 0.0)
    monkeypatch.setattr(background, "CLOSE_S", 0.3)
    viewer = BackgroundViewer(Notes(draw=blocked))
    for _ in range(MAX_ROWS + 100):
        viewer.show(snapshots[0])
    assert len(viewer._rows) <= MAX_ROWS
    viewer.close()


@pytest.mark.parametrize("where", ["is_ready", "draw", "finish"])
def test_a_screen_that_fails_is_one_warning_and_the_run_goes_on(snapshots, where, caplog):
    screen = Notes(**{where: fail})
    with caplog.at_level(logging.WARNING):
        show_all(screen, snapshots)
        show_all(Notes(), snapshots)
    assert [record.message for record in caplog.records] == [
        "the viewer failed, the run goes on without it: the window was closed"
    ]
    assert len(screen.newest) <= 1 + (where == "finish") * len(snapshots)
