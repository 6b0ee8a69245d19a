"""How what is fused moves when the poses of its frames are corrected."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int, Int32, Int64

from kernels.blocks import MAX_COORD
from kernels.reference.blocks import pack
from kernels.resample import NEAR_VOXELS
from slam.errors import SlamError
from slam.geometry import inverse, se3_exp, se3_log

LEAST_VOXELS = 0.5  # what moves by less is left: re-reading costs more than it repairs
JUMP_M = 20.0  # by which only pieces of map move differently: they are built far apart
ROUNDING = 1e-6  # voxels
BLOCKS_AT_ONCE = 1 << 13
_OFFSETS = np.stack(np.unravel_index(np.arange(27), (3, 3, 3)), axis=-1).astype(np.int32)


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
        result[is_known] = self.Ts_new_old[low] @ _exps(shares[:, None] * self._twists()[low])
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
        shares[shares < ROUNDING] = 0.0
        applied = np.array(
            [
                T if share == 1.0 else se3_exp(share * se3_log(T))
                for share, T in zip(shares, self.Ts_new_old, strict=True)
            ]
        )
        rest = [T @ inverse(a) for T, a in zip(self.Ts_new_old, applied, strict=True)]
        return Motion(self.frames, applied), Motion(self.frames, np.array(rest))


def _exps(twists: Float64[np.ndarray, "n 6"]) -> Float64[np.ndarray, "n 4 4"]:
    """Return the transforms of twists (v, omega), as `slam.geometry.se3_exp` does for one."""
    v, omega = twists[:, :3], twists[:, 3:]
    squared = (omega * omega).sum(axis=1, keepdims=True)
    angle = np.sqrt(np.maximum(squared, 1e-8))  # below, the limits are right to the last digit
    a, b = np.sin(angle) / angle, (1.0 - np.cos(angle)) / angle**2
    c = (1.0 - a) / angle**2
    across = np.cross(omega, v)
    Ts = np.tile(np.eye(4), (len(twists), 1, 1))
    eye = np.eye(3)
    outer = omega[:, :, None] * omega[:, None, :] - squared[:, :, None] * eye
    hats = np.cross(omega[:, None, :], eye).transpose(0, 2, 1)
    Ts[:, :3, :3] += a[:, :, None] * hats + b[:, :, None] * outer
    Ts[:, :3, 3] = v + b * across + c * np.cross(omega, across)
    return Ts


class Reach(NamedTuple):
    """Which new blocks old ones come to lie in: block k takes `sources[starts[k]:starts[k + 1]]`;
    the nearest of them is `nearest[k]`.
    """

    coords: Int32[np.ndarray, "t 3"]
    starts: Int32[np.ndarray, "t_plus_1"]
    sources: Int32[np.ndarray, "s"]
    nearest: Int32[np.ndarray, "t"]

    def changed(self, is_moved: Bool[np.ndarray, "n"]) -> Bool[np.ndarray, "t"]:
        """Tell which new blocks are no copies of one that stays."""
        return is_moved[self.nearest] | (np.diff(self.starts) > 1)

    def part(self, which: Int64[np.ndarray, "k"]) -> "Reach":
        """Return some of the new blocks."""
        counts = np.diff(self.starts)[which]
        sources = self.sources[ranges(self.starts[which], counts)]
        starts = np.append(0, np.cumsum(counts)).astype(np.int32)
        return Reach(self.coords[which], starts, sources, self.nearest[which])


class Pairs(NamedTuple):
    """New blocks, as keys, and an old one that comes to lie in each; see `reached`."""

    keys: Int64[np.ndarray, "s"]
    sources: Int32[np.ndarray, "s"]
    distances: Float32[np.ndarray, "s"]  # between their centres, in voxels
    is_held: Bool[np.ndarray, "s"]  # not only beside it

    def in_order(self) -> "Pairs":
        """Return them sorted by their keys."""
        order = np.argsort(self.keys, kind="stable")
        return Pairs(*(array[order] for array in self))

    def of(self, keys: Int64[np.ndarray, "k"]) -> "Pairs":
        """Return those with different keys, of pairs that are in order."""
        firsts = np.searchsorted(self.keys, keys)
        counts = np.searchsorted(self.keys, keys, side="right") - firsts
        rows = ranges(firsts, counts)
        return Pairs(*(array[rows] for array in self))


def block_centers(
    coords: Int32[np.ndarray, "n 3"], voxel_size_m: float
) -> Float32[np.ndarray, "n 3"]:
    """Return the centres of blocks, in metres."""
    return (8 * coords + 4).astype(np.float32) * np.float32(voxel_size_m)


def ranges(firsts: Int[np.ndarray, "k"], counts: Int[np.ndarray, "k"]) -> Int64[np.ndarray, "n"]:
    """Return the numbers from each first one on, as many as each count says, in one list."""
    ends = np.cumsum(counts)
    return np.arange(counts.sum()) + np.repeat(firsts - (ends - counts), counts)


def in_voxels(
    Ts_new_old: Float64[np.ndarray, "n 4 4"], voxel_size_m: float
) -> Float64[np.ndarray, "n 4 4"]:
    """Return motions of positions in voxels."""
    Ts = Ts_new_old.copy()
    Ts[:, :3, 3] /= voxel_size_m
    return Ts


def inverses(Ts: Float64[np.ndarray, "n 4 4"]) -> Float64[np.ndarray, "n 3 4"]:
    """Invert rigid motions; return the first three rows, as the kernels take them."""
    R = Ts[:, :3, :3].transpose(0, 2, 1)
    t = -np.einsum("nij,nj->ni", R, Ts[:, :3, 3])
    rows = np.concatenate([R, t[:, :, None]], axis=2)
    return np.ascontiguousarray(rows)


def is_moved(Ts_new_old: Float64[np.ndarray, "n 4 4"]) -> Bool[np.ndarray, "n"]:
    """Tell which motions are any."""
    return (Ts_new_old != np.eye(4)).any(axis=(1, 2))


def reached(
    coords: Int32[np.ndarray, "n 3"], Ts_new_old: Float64[np.ndarray, "n 4 4"], first_slot: int = 0
) -> Pairs:
    """Pair old blocks, whose slots begin at `first_slot`, with the new ones that they reach,
    `kernels.resample.NEAR_VOXELS` included. Motions are in voxels; without one a block stays.
    """
    moves = is_moved(Ts_new_old)
    stay = np.flatnonzero(~moves)
    pairs = [
        Pairs(
            pack(coords[stay]), (stay + first_slot).astype(np.int32),
            np.zeros(len(stay), np.float32), np.ones(len(stay), bool),
        )
    ]  # fmt: skip
    moved = np.flatnonzero(moves)
    for first in range(0, len(moved), BLOCKS_AT_ONCE):
        slots = moved[first : first + BLOCKS_AT_ONCE]
        pairs.append(_reached(coords[slots], Ts_new_old[slots], slots + first_slot))
    return joined(pairs)


def _reached(coords, Ts_new_old, slots) -> Pairs:
    R, t = Ts_new_old[:, :3, :3], Ts_new_old[:, :3, 3]
    middle = np.einsum("nij,nj->ni", R, 8.0 * coords + 4.0) + t
    half = np.abs(R).sum(axis=2)
    low, high = _blocks_in(middle, half * (4.0 + NEAR_VOXELS))
    held_low, held_high = _blocks_in(middle - 2.0 * ROUNDING, half * 4.0)  # 8 is not held
    new = low[:, None] + _OFFSETS
    is_reached = np.all(new <= high[:, None], axis=2)
    is_held = np.all((new >= held_low[:, None]) & (new <= held_high[:, None]), axis=2)
    which = np.nonzero(is_reached)[0]
    chosen = new[is_reached]
    distances = np.linalg.norm(8.0 * chosen + 4.0 - middle[which], axis=1)
    return Pairs(
        pack(chosen), slots[which].astype(np.int32), distances.astype(np.float32),
        np.asarray(is_held)[is_reached],
    )  # fmt: skip


def joined(parts: Sequence[Pairs]) -> Pairs:
    """Return all pairs of several lists."""
    return Pairs(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def _blocks_in(middle, half) -> tuple[np.ndarray, np.ndarray]:
    """Return the first and last block, along each axis, with a voxel within bounds."""
    low = np.ceil(middle - half - ROUNDING).astype(np.int32) >> 3
    high = np.floor(middle + half + ROUNDING).astype(np.int32) >> 3
    return low, high


def grouped(pairs: Pairs) -> Reach:
    """Return the sources of each new block; blocks that are only beside some are left out."""
    keys, sources, distances, is_held = pairs.in_order()
    if not len(keys):
        none = np.zeros(0, np.int32)
        return Reach(np.zeros((0, 3), np.int32), np.zeros(1, np.int32), none, none)
    firsts = np.flatnonzero(np.diff(keys, prepend=-1))
    counts = np.diff(np.append(firsts, len(keys)))
    least = np.repeat(np.minimum.reduceat(distances, firsts), counts)
    place = np.where(distances == least, np.arange(len(keys)), len(keys))
    nearest = sources[np.minimum.reduceat(place, firsts)]
    is_kept = np.add.reduceat(is_held.astype(np.int64), firsts) > 0
    starts = np.append(0, np.cumsum(counts[is_kept])).astype(np.int32)
    return Reach(
        unpacked(keys[firsts[is_kept]]), starts, sources[np.repeat(is_kept, counts)],
        nearest[is_kept],
    )  # fmt: skip


def unpacked(keys: Int64[np.ndarray, "n"]) -> Int32[np.ndarray, "n 3"]:
    """Return the coordinates that keys stand for."""
    mask = 2 * MAX_COORD - 1
    coords = np.stack([keys >> 42, (keys >> 21) & mask, keys & mask], axis=1) - MAX_COORD
    return coords.astype(np.int32)
