"""What the alignment of a frame reads and writes on the device."""

from typing import Any, NamedTuple

import torch

# numbers of `PoseState.values`
OFFSET = 0  # of the brightness, in grey levels
HAS_KEYFRAME = 1  # 1 or 0
NUM_POINTS = 2  # of the frame
LEVER_M = 3
SIGMA_M = 4
SQUARED_ERROR = 5  # the geometric residual where the last step was made from
WEIGHT = 6
CONDITIONING = 7
UNCERTAINTY_M = 8
NUM_ITERATIONS = 9
SCATTER = 10  # of the readings in their standard deviations, as the host knows it
ENDED = 11  # 1 once a stage has converged; one number for each stage
TWIST = 17  # the last step, six numbers
LIKENESS = TWIST + 6  # mean weight of the intensities where that step was made from; -1 without
NUM_VALUES = LIKENESS + 1
MOST_STAGES = TWIST - ENDED
NUM_STATE = 24 + NUM_VALUES


class PoseState(NamedTuple):
    """A pose while it is found, and what the last step tells of it."""

    T_world_camera: Any  # float32 (3, 4)
    T_world_keyframe: Any  # float32 (3, 4)
    values: Any  # float32 (NUM_VALUES,)


class FrameCloud(NamedTuple):
    """A frame's camera-frame points; their number is known to the device only."""

    points: Any  # float32 (most, 3)
    sigma_m: Any  # float32 (most,)
    num_points: Any  # int32 (1,)
    lever_m: Any  # float32 (1,): the median of z
    median_sigma_m: Any  # float32 (1,)


class PhotometricLevel(NamedTuple):
    """A keyframe's textured points, and the present frame's image."""

    points: Any  # float32 (most, 3), in the keyframe's camera frame
    intensities: Any  # float32 (most,)
    num_points: Any  # int32 (1,)
    image: Any  # float32 (h, w)
    depth_m: Any  # float32 (h, w)
    intrinsics: Any  # float32 (4,)


class Stage(NamedTuple):
    """One pass of the alignment."""

    number: int
    point_step: int  # every n-th point of the cloud
    scale: float  # of the robust loss
    max_distance_m: float
    max_uncertainty_m: float


def pose_state(numbers: torch.Tensor) -> PoseState:
    """Return the parts of a state, float32 (NUM_STATE,)."""
    return PoseState(numbers[:12].view(3, 4), numbers[12:24].view(3, 4), numbers[24:])
