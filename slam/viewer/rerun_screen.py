"""A run on a rerun recording: a window, a web page or a file."""

import itertools
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from slam.camera import Camera
from slam.trajectory import Trajectory
from slam.viewer import archetypes, pictures
from slam.viewer.base import Snapshot
from slam.viewer.blueprint import (
    FPS,
    LEGEND,
    LIVE_COLOR,
    LIVE_DEPTH,
    MAP_DIFFERENCE,
    PLOTS,
    curve,
)
from slam.viewer.process import ViewerProcess
from slam.viewer.rows import FrameRow
from slam.viewer.shown_system import ShownSystem

if TYPE_CHECKING:
    from rerun import RecordingStream

GREY = (140, 140, 140)  # seen on black and on white
# of what belongs to a map
COLORS = {"tsdf": (102, 194, 255), "neural": (255, 159, 67), "implicit": (134, 208, 118)}
FURTHER_COLORS = ((203, 153, 255), (255, 122, 150), (255, 221, 89), (122, 226, 192))
LIVE_WIDTH, RENDERED_WIDTH = 320, 128
MESH_S = 0.035  # of a view
FLUSH_S = 2.0


class RerunScreen:
    """Draws views on a recording, to which `connect` gives its way out before the first.

    Each view shows the camera and does one of the costly things in turn: to render the maps, or to
    go on with the mesh of one of them.
    """

    cost = 1.3  # rerun's own threads, measured

    def __init__(
        self,
        connect: Callable[["RecordingStream"], None],
        names: Sequence[str],
        truth: Trajectory | None,
        process: ViewerProcess | None,
    ) -> None:
        import rerun as rr

        self._recording = rr.RecordingStream("twinmap")
        self._recording.set_log_time_enabled(False)
        self._connect = connect
        self._colors = colors_of(names)
        self._truth = truth
        self._process = process
        self._systems: list[ShownSystem] = []
        self._start_s = 0.0
        self._num_views = 0

    def is_ready(self) -> bool:
        """Tell whether what was drawn last has gone out; raise if it cannot any more."""
        if self._process is not None and not self._process.is_running:
            raise ConnectionError("its window was closed")
        try:
            self._recording.flush(timeout_sec=FLUSH_S)
        except RuntimeError as error:
            if "timed out" in str(error):
                return False
            raise
        return True

    def draw(self, rows: Sequence[FrameRow], newest: Snapshot) -> None:
        """Show the frames since the last view, the newest of them in full."""
        if self._num_views == 0:
            self._begin(newest)
        self._recording.set_time("frame", sequence=newest.frame.index)
        self._recording.set_time("time", duration=newest.frame.timestamp_s - self._start_s)
        self._meet(newest)
        self._show_curves([row for row in rows if _is_of(row, newest)])
        for system in self._systems:
            system.follow_loops(newest.frame.index)
        self._show_cameras(newest)
        turn = self._num_views % (1 + len(self._systems))
        if turn == 0:
            self._show_renderings(newest)
        else:
            end_s = time.thread_time() + MESH_S
            self._systems[turn - 1].show_mesh(_is_past(time.thread_time, end_s))
        self._num_views += 1

    def finish(self, newest: Snapshot, deadline_s: float) -> None:
        """Show the maps as they are now, until a `time.monotonic()`."""
        for system in self._systems:
            system.follow_loops()
            system.show_path()
        self._show_renderings(newest)
        for num_left, system in zip(range(len(self._systems), 0, -1), self._systems, strict=True):
            now_s = time.monotonic()  # a map whose mesh takes long leaves the others their share
            system.show_mesh(_is_past(time.monotonic, now_s + (deadline_s - now_s) / num_left))
        for system in self._systems:
            if time.monotonic() < deadline_s:
                system.show_predicted()

    def release(self) -> None:
        """Let go when all has gone out, and tell a page that the run has ended."""
        self._recording.flush(timeout_sec=FLUSH_S)
        self._recording.disconnect()
        if self._process is not None and self._process.page is not None:
            self._process.page.end_run()

    @property
    def is_watched(self) -> bool:
        """Whether a browser shows the page."""
        return self._process is not None and self._process.is_watched

    def close(self) -> None:
        """Serve the page no more; a window stays open."""
        if self._process is not None and self._process.page is not None:
            self._process.kill()

    def abandon(self) -> None:
        """Let go at once, while another thread hangs in another method."""
        if self._process is not None:
            self._process.kill()  # what waits for it fails then

    def _begin(self, newest: Snapshot) -> None:
        """Log what does not change."""
        import rerun as rr

        self._connect(self._recording)
        self._start_s = newest.frame.timestamp_s
        self._log(LEGEND, rr.Image(pictures.legend()), static=True)
        self._log(FPS, rr.SeriesLines(colors=GREY, names="all"), static=True)
        for name, color in self._colors.items():
            self._log(f"/{name}", rr.ViewCoordinates.RDF, static=True)
            for plot in PLOTS:
                style = rr.SeriesLines(colors=color, names=name)
                self._log(curve(name, plot), style, static=True)

    def _meet(self, newest: Snapshot) -> None:
        """Make place for systems that are new."""
        for k, view in enumerate(newest.systems):
            if k < len(self._systems) and self._systems[k].map is view.map:
                continue
            system = ShownSystem(self._recording, view, self._colors[view.name], self._truth)
            if k < len(self._systems):
                system.clear()
            self._systems[k : k + 1] = [system]

    def _show_curves(self, rows: Sequence[FrameRow]) -> None:
        """Add every frame to the plots."""
        import rerun as rr

        times = [
            rr.TimeColumn("frame", sequence=[row.index for row in rows]),
            rr.TimeColumn("time", duration=[row.timestamp_s - self._start_s for row in rows]),
        ]
        curves = {FPS: [row.fps for row in rows]}
        for k, system in enumerate(self._systems):
            for plot, values in system.take(rows, k).items():
                curves[curve(system.name, plot)] = values
        for path, values in curves.items():
            columns = rr.Scalars.columns(scalars=values)
            self._recording.send_columns(path, indexes=times, columns=columns, strict=True)

    def _show_cameras(self, newest: Snapshot) -> None:
        frame = newest.frame
        if frame.color is not None:
            small = pictures.smaller(frame.color, LIVE_WIDTH)
            self._log(LIVE_COLOR, archetypes.color_image(small))
        depth_m = pictures.nearest(frame.depth_m, *_size(frame.camera, LIVE_WIDTH))
        self._log(LIVE_DEPTH, archetypes.depth_image(depth_m))
        for system, view in zip(self._systems, newest.systems, strict=True):
            system.show_camera(frame.camera, view.result.T_world_camera)

    def _show_renderings(self, newest: Snapshot) -> None:
        frame = newest.frame
        camera = frame.camera.scaled(min(1.0, RENDERED_WIDTH / frame.camera.width))
        seen = [
            system.show_rendering(frame, camera, view.result.T_world_camera)
            for system, view in zip(self._systems, newest.systems, strict=True)
        ]
        if len(seen) == 2:
            error = pictures.difference(seen[0].depth_m, seen[1].depth_m)
            self._log(MAP_DIFFERENCE, archetypes.error_image(error))

    def _log(self, path: str, logged: Any, static: bool = False) -> None:
        self._recording.log(path, logged, static=static, strict=True)


def colors_of(names: Sequence[str]) -> dict[str, archetypes.Color]:
    """Return the colour of each system: that of its kind of map, others where it has settings."""
    further = itertools.cycle(FURTHER_COLORS)
    return {name: COLORS[name] if name in COLORS else next(further) for name in names}


def _is_of(row: FrameRow, newest: Snapshot) -> bool:
    """Whether a frame went through the systems of the newest one, not through earlier ones."""
    pairs = zip(row.systems, newest.systems, strict=True)
    return all(old.map is new.map for old, new in pairs)


def _is_past(clock: Callable[[], float], deadline_s: float) -> Callable[[], bool]:
    return lambda: clock() > deadline_s


def _size(camera: Camera, width: int) -> tuple[int, int]:
    """Return height and width of an image made smaller to about a width."""
    step = max(1, round(camera.width / width))
    return camera.height // step, camera.width // step
