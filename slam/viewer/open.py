"""From what the user asks for to a viewer."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from slam.errors import SlamError
from slam.trajectory import Trajectory
from slam.viewer.background import BackgroundViewer
from slam.viewer.base import NoViewer, Viewer
from slam.viewer.blueprint import blueprint
from slam.viewer.process import open_window, serve_page
from slam.viewer.rerun_screen import RerunScreen

if TYPE_CHECKING:
    from rerun import RecordingStream


def open_viewer(
    where: str,
    names: Sequence[str],
    truth: Trajectory | None,
    say: Callable[[str], None],
    host: str = "127.0.0.1",
) -> Viewer:
    """Open a viewer of a run with one or more maps.

    `where` is none, rerun (a window), web (a page served on the address `host`, which `say` is
    told) or a path that ends in .rrd. `truth` are true poses to show and to score against: see
    `slam.evaluation.live`.
    """
    if where == "none":
        return NoViewer()
    if where not in ("rerun", "web") and not where.endswith(".rrd"):
        raise SlamError(f"--viewer must be none, rerun, web or a FILE.rrd; got {where}")
    _check_rerun()
    layout = blueprint(names, truth is not None)
    if where == "rerun":
        process = open_window()
    elif where == "web":
        process = serve_page(host)
        say(f"the viewer is at {process.page_url}")
    else:
        process = None
        _check_writable(Path(where))

    def connect(recording: "RecordingStream") -> None:
        if process is None:
            recording.save(where, default_blueprint=layout)
        else:
            recording.connect_grpc(process.data_url, default_blueprint=layout)

    return BackgroundViewer(RerunScreen(connect, names, truth, process))


def _check_rerun() -> None:
    os.environ.setdefault("RUST_LOG", "off")  # what fails is told in our log
    try:
        import rerun  # noqa: F401
    except ImportError as error:
        raise SlamError(
            f"the viewer cannot be imported ({error}); pip install 'twinmap[viewer]', "
            "or use --viewer none"
        ) from error


def _check_writable(path: Path) -> None:
    """Raise SlamError where a file cannot be written; a full disk shows only later."""
    try:
        # a pipe without a reader is an error instead of a wait
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK, 0o666))
    except OSError as error:
        raise SlamError(f"cannot write {path}: {error.strerror}") from error
