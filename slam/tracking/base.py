"""What the system knows of a tracker."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64

from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map


class TrackState(Enum):
    """OK: well constrained. WEAK: a pose, but some direction or too few points carry it. LOST: no
    pose.
    """

    OK = "OK"
    WEAK = "WEAK"
    LOST = "LOST"


@dataclass(frozen=True)
class TrackResult:
    """The pose of one frame and how far it is to be trusted. `reason` is empty when the state is
    OK.
    """

    T_world_camera: Float64[np.ndarray, "4 4"]
    state: TrackState
    reason: str
    residual_m: float  # robust scale of the geometric residual
    inlier_ratio: float  # matched points over points that could have matched
    conditioning: float  # smallest over largest eigenvalue of the scaled normal matrix
    num_iterations: int
    is_open: bool = False  # whether the view leaves a direction of the pose open
    # of the pose in its least certain direction; 0 if nobody says, infinite where nothing is known
    # of how the camera came here
    uncertainty_m: float = 0.0
    residual_sigmas: float = 0.0  # the residual over the stated noise; 0 if nothing was aligned
    likeness: float | None = None  # of the keyframe's pixels, how much looks the same; 0 .. 1
    begins_piece: bool = False  # whether nothing of the map is near: it is the first frame there
    # how far depth alone would move the readings on: infinity where it leaves the pose open, None
    # if that was not asked
    pull_m: float | None = None
    is_under_way: bool = False  # whether the alignment ran out of steps before it was there
    moving: Bool[np.ndarray, "h w"] | None = None  # pixels that move, and are not to be mapped


@runtime_checkable
class Tracker(Protocol):
    """Estimates poses one frame after another."""

    def track(self, frame: Frame, map_: Map) -> TrackResult:
        """Estimate the pose of the next frame against the map."""
        ...

    def moved(self, T_new_old: Transform) -> None:
        """Go on in a world that was moved, with the map, between two frames."""
        ...
