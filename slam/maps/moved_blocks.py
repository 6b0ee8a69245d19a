"""Which new blocks old ones come to lie in when what is fused moves."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int, Int32, Int64

from kernels.blocks import MAX_COORD
from kernels.reference.blocks import pack
from kernels.resample import NEAR_VOXELS
from slam.geometry import inverses

ROUNDING = 1e-6  # voxels
BLOCKS_AT_ONCE = 1 << 13
_OFFSETS = np.stack(np.unravel_index(np.arange(27), (3, 3, 3)), axis=-1).astype(np.int32)


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


def inverse_rows(Ts: Float64[np.ndarray, "n 4 4"]) -> Float64[np.ndarray, "n 3 4"]:
    """Invert rigid motions; return the first three rows, as the kernels take them."""
    return np.ascontiguousarray(inverses(Ts)[:, :3])


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
