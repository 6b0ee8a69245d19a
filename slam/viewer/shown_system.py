"""One system on the screen: its camera, its paths, its mesh and its images."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from slam.camera import Camera
from slam.evaluation.live import AteSoFar
from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Rendering
from slam.maps.chunks import Chunk
from slam.tracking.base import TrackState
from slam.trajectory import Trajectory
from slam.viewer import archetypes, pictures
from slam.viewer.base import MapView
from slam.viewer.blueprint import map_image
from slam.viewer.growing_mesh import GrowingMesh
from slam.viewer.paths import Path
from slam.viewer.rows import FrameRow
from slam.viewer.shown_graph import ShownGraph

if TYPE_CHECKING:
    from rerun import RecordingStream

MAX_TOUCHING = 8  # frames of a view whose readings mark what has changed
TRUE_COLOR = (120, 220, 120)
STATES = {TrackState.OK: 2.0, TrackState.WEAK: 1.0, TrackState.LOST: 0.0}


class ShownSystem:
    """Draws one system on a recording, in space under `/NAME`. A system that starts anew is another
    one.
    """

    def __init__(
        self,
        recording: "RecordingStream",
        view: MapView,
        color: archetypes.Color,
        truth: Trajectory | None,
    ) -> None:
        self.name = view.name
        self.map = view.map
        self._recording = recording
        self._color = color
        self._mesh = GrowingMesh(view.map)
        self._moved: set[Chunk] = set()  # what is shown elsewhere than where it was made
        self._graph = ShownGraph(view.loops, color)
        self._path, self._true_path = Path(), Path()
        self._score = None if truth is None else AteSoFar(truth)

    def clear(self) -> None:
        """Take everything of it off the screen."""
        import rerun as rr

        for part in ("mesh", "predicted", "path", "true_path", "graph"):
            self._log(f"/{self.name}/{part}", rr.Clear(recursive=True))

    def take(self, rows: Sequence[FrameRow], k: int) -> dict[str, list[float]]:
        """Take frames, of which this is the k-th system; return the values of its plots."""
        results = [row.systems[k].result for row in rows]
        values = {
            "residual_mm": [1e3 * result.residual_m for result in results],
            "state": [STATES[result.state] for result in results],
            "map_mb": [row.map_mb[k] for row in rows],
        }
        ate_cm = []
        for row, result in zip(rows, results, strict=True):
            if result.state is not TrackState.LOST:
                self._go_on(row, result.T_world_camera)
            ate_cm.append(np.nan if self._score is None else 100.0 * self._score.rmse_m())
        every = 1 + len(rows) // MAX_TOUCHING
        for row, result in zip(rows[::every], results[::every], strict=True):
            if result.state is TrackState.OK:  # the map takes no others
                self._mesh.touch(row.points(), result.T_world_camera, row.index)
        return values if self._score is None else values | {"ate_cm": ate_cm}

    def _go_on(self, row: FrameRow, T_world_camera: Transform) -> None:
        self._path.add(row.index, T_world_camera[:3, 3])
        if self._score is not None:
            T_world_true = self._score.add(row.timestamp_s, T_world_camera)
            if T_world_true is not None:
                self._true_path.add(row.index, T_world_true[:3, 3])

    def follow_loops(self, frame_index: int | None = None) -> None:
        """Move what is shown by what loops have moved the map by: before a frame, which was taken,
        or in the end.
        """
        for moved in self._graph.moves(frame_index):
            self._path.move(moved)
            for chunk, T_new_old in self._mesh.move(moved):
                self._moved.add(chunk)
                self._log(self._chunk_path(chunk), archetypes.pose(T_new_old))

    def show_camera(self, camera: Camera, T_world_camera: Transform) -> None:
        """Draw the camera and how it came there."""
        path = f"/{self.name}/camera"
        self._log(path, archetypes.frustum(camera, self._color), archetypes.pose(T_world_camera))
        self.show_path()

    def show_path(self) -> None:
        """Draw what is new or was moved of the paths, and the graph."""
        for piece, points in self._path.changed():
            self._log(f"/{self.name}/path/{piece}", archetypes.line(points, self._color))
        for piece, points in self._true_path.changed():
            self._log(f"/{self.name}/true_path/{piece}", archetypes.line(points, TRUE_COLOR))
        for part, drawn in self._graph.changed(self._path):
            self._log(f"/{self.name}/graph/{part}", drawn)

    def show_rendering(self, frame: Frame, camera: Camera, T_world_camera: Transform) -> Rendering:
        """Draw what a camera would see of the map, and how far that is from what the frame's saw;
        return the former.
        """
        seen = self.map.render(camera, T_world_camera)
        measured_m = pictures.nearest(frame.depth_m, camera.height, camera.width)
        error = pictures.difference(seen.depth_m, measured_m)
        self._log(map_image(self.name, "color"), archetypes.color_image(seen.color))
        self._log(map_image(self.name, "depth"), archetypes.depth_image(seen.depth_m))
        self._log(map_image(self.name, "error"), archetypes.error_image(error))
        return seen

    def show_mesh(self, is_over: Callable[[], bool]) -> None:
        """Draw changed chunks of the mesh, one at least, until it is over."""
        for chunk, mesh in self._mesh.remade(is_over):
            self._log(self._chunk_path(chunk), archetypes.mesh_3d(mesh))
            if chunk in self._moved:
                self._moved.remove(chunk)
                self._log(self._chunk_path(chunk), archetypes.pose(np.eye(4)))

    def show_predicted(self) -> None:
        """Draw what the map predicts where no camera has seen."""
        mesh = self.map.mesh().predicted()
        if len(mesh.triangles):
            self._log(f"/{self.name}/predicted", archetypes.mesh_3d(mesh))

    def _chunk_path(self, chunk: Chunk) -> str:
        return f"/{self.name}/mesh/{'_'.join(map(str, chunk))}"

    def _log(self, path: str, *logged: Any) -> None:
        self._recording.log(path, *logged, strict=True)
