"""Hand-held camera motion: a closed smooth path through key poses, and the hands that go it."""

import numpy as np
from jaxtyping import Float64
from scipy.interpolate import CubicSpline
from scipy.spatial.transform import Rotation

from slam.scenes.hands import HANDS, Carrier, Hands

FRAME_RATE_HZ = 30.0


class Walk:
    """A closed camera path through `keys`: rows x, y, z (metres), yaw, pitch (degrees, + is up).

    The last key is the first one again, its yaw whole turns on. Time is shared out by distance and
    by turn, so that neither is fast, and scaled to `period_frames`, or to `speed_m_s` and
    `turn_deg_s` where that is None. It is gone `rounds` times, unless somebody asks for more.
    """

    def __init__(
        self,
        keys: Float64[np.ndarray, "k 5"],
        seed: int,
        period_frames: int | None = None,
        speed_m_s: float = 0.75,
        turn_deg_s: float = 38.0,
        rounds: float = 1.0,
    ) -> None:
        step = np.abs(np.diff(keys, axis=0))
        distance_m = np.linalg.norm(step[:, :3], axis=1)
        turn_deg = np.hypot(step[:, 3], step[:, 4])
        # close to the greater of the two, without its corner
        needed_s = ((distance_m / speed_m_s) ** 4 + (turn_deg / turn_deg_s) ** 4) ** 0.25
        self.period_frames = period_frames or round(float(needed_s.sum()) * FRAME_RATE_HZ)
        self.num_frames = round(rounds * self.period_frames)
        self._turns = np.zeros(5)
        self._turns[3] = keys[-1, 3] - keys[0, 3]
        phase = np.concatenate([[0.0], np.cumsum(needed_s)]) / needed_s.sum()
        level = keys - phase[:, None] * self._turns
        level[-1] = level[0]
        self._spline = CubicSpline(phase, level, bc_type="periodic")
        self._seed = seed

    def poses(
        self, num_frames: int, hands: Hands = HANDS["smooth"], seed: int = 0
    ) -> Float64[np.ndarray, "n 4 4"]:
        """Return `Ts_world_camera` of the first frames; after a period the path repeats."""
        period_s = self.period_frames / FRAME_RATE_HZ
        carrier = Carrier(hands, period_s, self._seed, seed)
        times_s = np.arange(num_frames) / FRAME_RATE_HZ
        phase = carrier.progress(times_s) / period_s
        keys = self._spline(phase % 1.0) + phase[:, None] * self._turns
        shift_m, shake_deg = carrier.offset(times_s)
        Ts_world_camera = np.tile(np.eye(4), (num_frames, 1, 1))
        shake = Rotation.from_rotvec(np.deg2rad(shake_deg)).as_matrix()
        Ts_world_camera[:, :3, :3] = look_rotations(keys[:, 3], keys[:, 4]) @ shake
        Ts_world_camera[:, :3, 3] = keys[:, :3] + shift_m
        return Ts_world_camera


def look_rotations(
    yaw_deg: Float64[np.ndarray, "n"], pitch_deg: Float64[np.ndarray, "n"]
) -> Float64[np.ndarray, "n 3 3"]:
    """Return the rotations to a z-up world of level cameras; yaw turns from x to y."""
    yaw, pitch = np.deg2rad(yaw_deg), np.deg2rad(pitch_deg)
    zero = np.zeros_like(yaw)
    forward = np.stack([np.cos(pitch) * np.cos(yaw), np.cos(pitch) * np.sin(yaw), np.sin(pitch)], 1)
    right = np.stack([np.sin(yaw), -np.cos(yaw), zero], axis=1)
    return np.stack([right, np.cross(forward, right), forward], axis=2)
