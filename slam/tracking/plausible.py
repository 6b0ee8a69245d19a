"""Whether an aligned pose can be the next of a track."""

from dataclasses import replace

import numpy as np

from slam.config import TrackingConfig
from slam.geometry import Transform, inverse, rotation_angle_rad
from slam.tracking.base import TrackResult, TrackState

MAX_GAP_S = 2.0  # between frames; after more the camera may be anywhere
MIN_RECOVERED = 0.5  # share of the points that meet the map, after such a gap


def plausible(
    result: TrackResult,
    T_predicted: Transform,
    gap_s: float,
    num_weak: int,
    config: TrackingConfig,
) -> TrackResult:
    """Refuse jumps and, after a gap, poses that most of the frame does not bear out; give up on a
    pose that has been weak for too long. What is refused is LOST, at the predicted pose.
    """
    if result.state is TrackState.LOST:
        return replace(result, T_world_camera=T_predicted)
    if gap_s > MAX_GAP_S and result.inlier_ratio < MIN_RECOVERED:
        share = f"only {result.inlier_ratio:.0%} of the points meet the map"
        reason = f"after {gap_s:.1f} s without a frame {share}"
        return replace(result, state=TrackState.LOST, reason=reason, T_world_camera=T_predicted)
    T_jump = inverse(T_predicted) @ result.T_world_camera
    jump_m = float(np.linalg.norm(T_jump[:3, 3]))
    jump_deg = float(np.degrees(rotation_angle_rad(T_jump[:3, :3])))
    if jump_m > config.max_translation_m or jump_deg > config.max_rotation_deg:
        reason = f"the pose jumps by {jump_m:.2f} m and {jump_deg:.0f} deg in one frame"
        return replace(result, state=TrackState.LOST, reason=reason, T_world_camera=T_predicted)
    if result.state is TrackState.WEAK and num_weak >= config.max_weak_frames:
        reason = f"weak for {num_weak} frames: {result.reason}"
        return replace(result, state=TrackState.LOST, reason=reason)
    return result
