"""The little that is kept of every frame until it is shown."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from slam.camera import Camera
from slam.viewer.base import MapView, Snapshot

ACROSS = 20  # readings kept along the width of an image: half a metre apart at 8 m


@dataclass(frozen=True)
class FrameRow:
    """A frame without its images. `depth_m` is a coarse lattice of its readings: of every `step`-th
    pixel of every `step`-th row, from the middle of the first step on.
    """

    index: int
    timestamp_s: float
    fps: float
    camera: Camera
    step: int
    depth_m: Float32[np.ndarray, "h w"]
    systems: tuple[MapView, ...]
    map_mb: tuple[float, ...]  # of each system

    def points(self) -> Float32[np.ndarray, "n 3"]:
        """Return the readings as points in the camera."""
        v, u = np.nonzero(self.depth_m)
        first, step = self.step // 2, self.step
        return self.camera.unproject(u * step + first, v * step + first, self.depth_m[v, u])


def row_of(snapshot: Snapshot) -> FrameRow:
    """Take what is kept; costs microseconds."""
    frame = snapshot.frame
    step = max(1, frame.camera.width // ACROSS)
    return FrameRow(
        index=frame.index,
        timestamp_s=frame.timestamp_s,
        fps=snapshot.fps,
        camera=frame.camera,
        step=step,
        depth_m=frame.depth_m[step // 2 :: step, step // 2 :: step].copy(),
        systems=snapshot.systems,
        map_mb=tuple(system.map.nbytes / 1e6 for system in snapshot.systems),
    )
