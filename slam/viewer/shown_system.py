"""One system on the screen: its camera, its paths, its mesh and its images."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from slam.camera import Camera
from slam.evaluation.live import AteSoFar
from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map, Rendering
from slam.tracking.base import TrackState
from slam.trajectory import Trajectory
from slam.viewer import archetypes, pictures
from slam.viewer.blueprint import map_image
from slam.viewer.growing_mesh import GrowingMesh
from slam.viewer.paths import Path
from slam.viewer.rows import FrameRow

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
        name: str,
        color: archetypes.Color,
        map_: Map,
        truth: Trajectory | None,
    ) -> None:
        self.name = name
        self.map = map_
        self._recording = recording
        self._color = color
        self._mesh = GrowingMesh(map_)
        self._path, self._true_path = Path(), Path()
        self._score = None if truth is None else AteSoFar(truth)

    def clear(self) -> None:
        """Take everything of it off the screen."""
        import rerun as rr

        for part in ("mesh", "predicted", "path", "true_path"):
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
                self._go_on(row.timestamp_s, result.T_world_camera)
            ate_cm.append(np.nan if self._score is None else 100.0 * self._score.rmse_m())
        every = 1 + len(rows) // MAX_TOUCHING
        for row, result in zip(rows[::every], results[::every], strict=True):
            if result.state is TrackState.OK:  # the map takes no others
                self._mesh.touch(row.points(), result.T_world_camera)
        return values if self._score is None else values | {"ate_cm": ate_cm}

    def _go_on(self, timestamp_s: float, T_world_camera: Transform) -> None:
        self._path.add(T_world_camera[:3, 3])
        if self._score is not None:
            T_world_true = self._score.add(timestamp_s, T_world_camera)
            if T_world_true is not None:
                self._true_path.add(T_world_true[:3, 3])

    def show_camera(self, camera: Camera, T_world_camera: Transform) -> None:
        """Draw the camera and how it came there."""
        path = f"/{self.name}/camera"
        self._log(path, archetypes.frustum(camera, self._color), archetypes.pose(T_world_camera))
        for piece, points in self._path.changed():
            self._log(f"/{self.name}/path/{piece}", archetypes.line(points, self._color))
        for piece, points in self._true_path.changed():
            self._log(f"/{self.name}/true_path/{piece}", archetypes.line(points, TRUE_COLOR))

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
            name = "_".join(map(str, chunk))
            self._log(f"/{self.name}/mesh/{name}", archetypes.mesh_3d(mesh))

    def show_predicted(self) -> None:
        """Draw what the map predicts where no camera has seen."""
        mesh = self.map.mesh().predicted()
        if len(mesh.triangles):
            self._log(f"/{self.name}/predicted", archetypes.mesh_3d(mesh))

    def _log(self, path: str, *logged: Any) -> None:
        self._recording.log(path, *logged, strict=True)
