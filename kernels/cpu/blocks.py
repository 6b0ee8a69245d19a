"""The block hash in numba; contracts in `kernels.blocks`."""

import numpy as np

from kernels.cpu.compile import kernel
from kernels.reference.blocks import coords_over
from kernels.scalar.compile import inline
from kernels.scalar.hashing import bucket, find, is_in_range, pack
from kernels.scalar.noise import truncation
from kernels.scalar.view import num_band_parts, ray_through

ZERO = np.float32(0.0)
HALF = np.float32(0.5)
NUM_RECENT = 1024  # blocks: rays beside each other meet the same ones


@kernel
def _insert(index, x, y, z):
    """Return the slot of a block, new or known; -1 if it is full, -2 if the coordinate is out of
    range.
    """
    if not is_in_range(x, y, z):
        return np.int32(-2)
    key = pack(x, y, z)
    mask = np.int64(index.keys.shape[0] - 1)
    i = bucket(key, mask)
    while index.keys[i] != -1:
        if index.keys[i] == key:
            return index.slots[i]
        i = (i + 1) & mask
    slot = index.num_blocks[0]
    if slot >= index.coords.shape[0]:
        return np.int32(-1)
    index.coords[slot, 0] = x
    index.coords[slot, 1] = y
    index.coords[slot, 2] = z
    index.num_blocks[0] = slot + 1
    index.slots[i] = slot
    index.keys[i] = key  # last: a reader in another thread meets a complete entry or none
    for d in range(8):
        dx, dy, dz = d >> 2, (d >> 1) & 1, d & 1
        index.neighbors[slot, d] = find(index, x + dx, y + dy, z + dz)
        behind = find(index, x - dx, y - dy, z - dz)
        if behind >= 0:
            index.neighbors[behind, d] = slot
    return slot


@kernel
def fill_table(index):
    """Enter all blocks of an index into its empty table."""
    mask = np.int64(index.keys.shape[0] - 1)
    for slot in range(index.num_blocks[0]):
        key = pack(index.coords[slot, 0], index.coords[slot, 1], index.coords[slot, 2])
        i = bucket(key, mask)
        while index.keys[i] != -1:
            i = (i + 1) & mask
        index.slots[i] = slot
        index.keys[i] = key


@kernel
def insert_blocks(index, coords):
    for i in range(coords.shape[0]):
        if _insert(index, coords[i, 0], coords[i, 1], coords[i, 2]) == -1:
            return False
    return True


@kernel
def find_blocks(index, coords):
    out = np.empty(coords.shape[0], np.int32)
    for i in range(coords.shape[0]):
        out[i] = find(index, coords[i, 0], coords[i, 1], coords[i, 2])
    return out


def cover_blocks(index, first, coarse_index, block_size_m, coarse_spacing_m):
    coords = coords_over(index, first, block_size_m, coarse_spacing_m)
    missing = coords[find_blocks(coarse_index, coords) < 0]  # mostly none
    return not len(missing) or bool(insert_blocks(coarse_index, np.unique(missing, axis=0)))


@inline
def _is_recent(recent, x, y, z):
    """Whether a block was met lately, as one that is met now will have been; so is one that cannot
    exist.
    """
    if not is_in_range(x, y, z):
        return True
    key = pack(x, y, z)
    place = np.uint64(bucket(key, NUM_RECENT - 1))
    is_known = recent[place] == key
    recent[place] = key
    return is_known


@kernel
def touch_band(
    index, depth_m, intrinsics, T_world_camera, block_size_m, noise, truncation_m,
    stride, stamps, stamp, visible,
):  # fmt: skip
    T = T_world_camera
    per_block = np.float32(1.0 / block_size_m)
    recent = np.full(NUM_RECENT, -1, np.int64)
    num_visible = 0
    for v in range(stride // 2, depth_m.shape[0], stride):
        for u in range(stride // 2, depth_m.shape[1], stride):
            z = depth_m[v, u]
            if z <= ZERO:
                continue
            tau = truncation(z, noise, truncation_m)
            ray_x, ray_y, ray_z = ray_through(u, v, intrinsics, T, per_block)
            num_steps = num_band_parts(tau, per_block)
            step = np.float32(2.0) * tau / np.float32(num_steps)
            for s in range(num_steps + 1):
                t = z - tau + step * np.float32(s)
                bx = np.int32(np.floor(ray_x * t + T[0, 3] * per_block))
                by = np.int32(np.floor(ray_y * t + T[1, 3] * per_block))
                bz = np.int32(np.floor(ray_z * t + T[2, 3] * per_block))
                if _is_recent(recent, bx, by, bz):
                    continue
                slot = find(index, bx, by, bz)
                if slot < 0:
                    slot = _insert(index, bx, by, bz)
                if slot == -1:
                    return -1
                if slot >= 0 and stamps[slot] != stamp:
                    stamps[slot] = stamp
                    visible[num_visible] = slot
                    num_visible += 1
    return num_visible


@kernel
def touch_free(
    index, depth_m, intrinsics, T_world_camera, block_size_m, noise, truncation_m,
    stride, offset, near_m, stamps, stamp, visible, num_visible,
):  # fmt: skip
    T = T_world_camera
    per_block = np.float32(1.0 / block_size_m)
    recent = np.full(NUM_RECENT, -1, np.int64)
    for v in range(offset[0], depth_m.shape[0], stride):
        for u in range(offset[1], depth_m.shape[1], stride):
            z = depth_m[v, u]
            if z <= ZERO:
                continue
            end = z - truncation(z, noise, truncation_m)
            ray_x, ray_y, ray_z = ray_through(u, v, intrinsics, T, per_block)
            t = np.float32(near_m)
            while t < end:
                bx = np.int32(np.floor(ray_x * t + T[0, 3] * per_block))
                by = np.int32(np.floor(ray_y * t + T[1, 3] * per_block))
                bz = np.int32(np.floor(ray_z * t + T[2, 3] * per_block))
                t += HALF * np.float32(block_size_m)
                if _is_recent(recent, bx, by, bz):
                    continue
                slot = find(index, bx, by, bz)
                if slot >= 0 and stamps[slot] != stamp:
                    stamps[slot] = stamp
                    visible[num_visible] = slot
                    num_visible += 1
    return num_visible
