"""A TSDF map at another resolution."""

from dataclasses import replace

import numpy as np

from kernels import blocks as block_ops
from slam.config import check_tsdf
from slam.errors import SlamError
from slam.maps.tsdf import TsdfMap

VOXELS = np.stack(np.unravel_index(np.arange(512), (8, 8, 8)), axis=-1)  # (512, 3)
BLOCKS_AT_ONCE = 4096


def resample(map_: TsdfMap, voxel_size_m: float) -> TsdfMap:
    """Return a map of the same surface with other voxels, by trilinear interpolation.

    It is for meshing: distances and colours are interpolated (colour: the nearest voxel), all known
    voxels weigh the same.
    """
    config = replace(map_.config, voxel_size_m=voxel_size_m)
    check_tsdf(config)
    coords = _covering_blocks(map_, voxel_size_m)
    result = TsdfMap(config, map_.depth_noise, max(1, len(coords)))
    result.truncation_m, result.sdf_unit_m = map_.truncation_m, map_.sdf_unit_m
    index, blocks = result.storage
    if not block_ops.insert_blocks(index, coords):
        raise SlamError(
            f"{len(coords)} blocks of {voxel_size_m:g} m voxels exceed {config.budget_mb} MB; "
            "raise --tsdf.budget-mb or the voxel size"
        )
    for first in range(0, len(coords), BLOCKS_AT_ONCE):
        part = slice(first, min(first + BLOCKS_AT_ONCE, len(coords)))
        voxels = coords[part, None].astype(np.int64) * 8 + VOXELS
        points = (voxels.reshape(-1, 3) * voxel_size_m).astype(np.float32)
        samples = map_.query(points)
        shape = (part.stop - part.start, 512)
        blocks.sdf[part] = np.round(samples.sdf_m / map_.sdf_unit_m).reshape(shape)
        blocks.weight[part] = np.where(samples.is_valid, 256, 0).reshape(shape)
        colors = _nearest_colors(map_, points).reshape(*shape, 4)
        blocks.color[part] = np.moveaxis(colors, -1, 1)
    return result


def _covering_blocks(map_: TsdfMap, voxel_size_m: float) -> np.ndarray:
    """Return the coordinates (n, 3) of the new blocks that meet an old one."""
    index, _ = map_.storage
    old = index.coords[: int(index.count[0])].astype(np.float64) * 8 * map_.config.voxel_size_m
    size_m = 8 * map_.config.voxel_size_m
    steps = int(np.ceil(size_m / (8 * voxel_size_m))) + 1
    offsets = np.stack(np.unravel_index(np.arange(steps**3), (steps,) * 3), axis=-1)
    corners = old[:, None] + offsets * (size_m / (steps - 1))
    return np.unique(np.floor(corners / (8 * voxel_size_m)).astype(np.int32).reshape(-1, 3), axis=0)


def _nearest_colors(map_: TsdfMap, points: np.ndarray) -> np.ndarray:
    """Return red, green, blue and weight, uint8 (n, 4), of the voxel nearest to each point."""
    index, blocks = map_.storage
    voxels = np.round(points / map_.config.voxel_size_m).astype(np.int32)
    slots = block_ops.find_blocks(index, np.ascontiguousarray(voxels >> 3))
    x, y, z = (voxels & 7).T
    colors = blocks.color[slots, :, x * 64 + y * 8 + z]
    return np.where(slots[:, None] >= 0, colors, 0)
