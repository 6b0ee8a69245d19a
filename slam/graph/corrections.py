"""What a pose graph makes of the poses of a run."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from slam.geometry import inverses, se3_exps
from slam.graph.twists import logs


@dataclass(frozen=True)
class Corrections:
    """What the graph makes of the poses of a run: Ts_new_tracked of its nodes' frames."""

    frame_indices: Int64[np.ndarray, "n"]
    Ts_new_tracked: Float64[np.ndarray, "n 4 4"]
    begins: Int64[np.ndarray, "w"]  # frames from which on the track was in another world

    @classmethod
    def none(cls) -> "Corrections":
        """Return those of a run without nodes."""
        return cls(np.zeros(0, np.int64), np.zeros((0, 4, 4)), np.zeros(0, np.int64))

    def applied(
        self, indices: Sequence[int], Ts_world_camera: Float64[np.ndarray, "k 4 4"]
    ) -> Float64[np.ndarray, "k 4 4"]:
        """Return corrected poses of frames: each moves with the nodes before and after it, at
        constant speed in between, but only with those that were tracked in the same world.
        """
        if not len(indices) or (self.Ts_new_tracked == np.eye(4)).all():
            return Ts_world_camera
        wanted = np.asarray(indices, np.int64)
        last = len(self.frame_indices) - 1
        low = np.clip(np.searchsorted(self.frame_indices, wanted, side="right") - 1, 0, last)
        high = np.minimum(low + 1, last)
        span = np.maximum(self.frame_indices[high] - self.frame_indices[low], 1)
        share = np.clip((wanted - self.frame_indices[low]) / span, 0.0, 1.0)
        world, world_low, world_high = (
            np.searchsorted(self.begins, frames, side="right")
            for frames in (wanted, self.frame_indices[low], self.frame_indices[high])
        )
        has_low, has_high = world_low == world, world_high == world
        before, after = self.Ts_new_tracked[low], self.Ts_new_tracked[high]
        before = np.where((has_high & ~has_low)[:, None, None], after, before)
        share = np.where(has_low & has_high, share, 0.0)
        between = se3_exps(share[:, None] * logs(inverses(before) @ after))
        corrected = before @ between @ Ts_world_camera
        return np.where((has_low | has_high)[:, None, None], corrected, Ts_world_camera)
