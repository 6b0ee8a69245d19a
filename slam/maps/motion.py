"""How what is fused moves when the poses of its frames are corrected."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64, Int64

from slam.errors import SlamError
from slam.geometry import inverse, se3_exp, se3_exps, se3_log

LEAST_VOXELS = 0.5  # what moves by less is left: re-reading costs more than it repairs
JUMP_M = 20.0  # by which only pieces of map move differently: they are built far apart
LEAST_SHARE = 1e-6  # of a motion that is applied; less is none


@dataclass(frozen=True)
class Motion:
    """T_new_old of the world round some frames, at increasing indices."""

    frames: Int64[np.ndarray, "k"]
    Ts_new_old: Float64[np.ndarray, "k 4 4"]

    @classmethod
    def none(cls) -> "Motion":
        """Return the motion that leaves everything where it is."""
        return cls(np.zeros(1, np.int64), np.eye(4)[None])

    @classmethod
    def of(
        cls, frame_indices: Int64[np.ndarray, "k"], Ts_new_old: Float64[np.ndarray, "k 4 4"]
    ) -> "Motion":
        """Take the motions of frames in any order; refuse none and what is not finite."""
        if not len(frame_indices) or not np.isfinite(Ts_new_old).all():
            raise SlamError(f"cannot move a map with {len(frame_indices)} frames or by NaN")
        frames, first = np.unique(frame_indices, return_index=True)
        return cls(frames, Ts_new_old[first])

    def at(self, frames: Float32[np.ndarray, "n"]) -> Float64[np.ndarray, "n 4 4"]:
        """Return the motion at frames, between its own at constant speed, beyond them as at the
        end; none at all for NaN, a frame that nobody knows. What is between two pieces of map that
        come together goes with the earlier one.
        """
        wanted, back = np.unique(np.rint(frames).astype(np.float64), return_inverse=True)
        is_known = np.isfinite(wanted)
        result = np.tile(np.eye(4), (len(wanted), 1, 1))
        low, high = self._around(wanted[is_known])
        span = np.maximum(self.frames[high] - self.frames[low], 1)
        shares = np.clip((wanted[is_known] - self.frames[low]) / span, 0.0, 1.0)
        result[is_known] = self.Ts_new_old[low] @ se3_exps(shares[:, None] * self._twists()[low])
        return result[back]

    def _twists(self) -> Float64[np.ndarray, "k 6"]:
        """Return the way from the motion of each frame to that of the next one."""
        pairs = zip(self.Ts_new_old[:-1], self.Ts_new_old[1:], strict=True)
        between = [inverse(before) @ after for before, after in pairs]
        is_jump = [np.linalg.norm(T[:3, 3]) > JUMP_M or (T == np.eye(4)).all() for T in between]
        twists = [
            np.zeros(6) if jumps else se3_log(T) for T, jumps in zip(between, is_jump, strict=True)
        ]
        return np.array([*twists, np.zeros(6)])

    def _around(self, frames):
        """Return the numbers of the own frames at or before others, and at or behind them."""
        last = len(self.frames) - 1
        high = np.clip(np.searchsorted(self.frames, frames), 0, last)
        is_exact = (self.frames[high] <= frames) | (high == 0)
        return np.where(is_exact, high, high - 1), high

    def _filled(self, values: Float64[np.ndarray, "k"]) -> Float64[np.ndarray, "k"]:
        """Return values with those below 0 replaced by that of the frame nearest in time."""
        known = np.flatnonzero(values >= 0)
        if not len(known):
            return np.zeros_like(values)
        apart = np.abs(self.frames[:, None] - self.frames[known])
        return values[known[np.argmin(apart, axis=1)]]

    def after(self, other: "Motion") -> "Motion":
        """Return this motion of what another has moved before, at this one's frames."""
        earlier = other.at(self.frames.astype(np.float32))
        return Motion(self.frames, self.Ts_new_old @ earlier)

    def split(
        self, frames: Float32[np.ndarray, "n"], centers: Float32[np.ndarray, "n 3"], voxel_m: float
    ) -> "tuple[Motion, Motion]":
        """Return the part of the motion that is worth re-reading blocks for, with the frames that
        they were fused at and their centres, and the rest: both one after the other are the whole.

        Up to half a voxel nothing moves, and from one voxel up everything does. In between a part
        does, so that no neighbours come apart.
        """
        is_known = np.isfinite(frames)
        Ts = self.at(frames[is_known])
        p = centers[is_known]
        moved = np.einsum("nij,nj->ni", Ts[:, :3, :3], p) + Ts[:, :3, 3]
        by_voxels = np.linalg.norm(moved - p, axis=1) / voxel_m
        most = np.full(len(self.frames), -1.0)
        for around in self._around(frames[is_known]):
            np.maximum.at(most, around, by_voxels)
        most = np.maximum(self._filled(most), LEAST_VOXELS)
        shares = np.minimum(2.0 - 2.0 * LEAST_VOXELS / most, 1.0)
        shares[shares < LEAST_SHARE] = 0.0
        applied = np.array(
            [
                T if share == 1.0 else se3_exp(share * se3_log(T))
                for share, T in zip(shares, self.Ts_new_old, strict=True)
            ]
        )
        rest = [T @ inverse(a) for T, a in zip(self.Ts_new_old, applied, strict=True)]
        return Motion(self.frames, applied), Motion(self.frames, np.array(rest))
