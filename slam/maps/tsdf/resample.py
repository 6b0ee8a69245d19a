"""A TSDF map at another resolution."""

from dataclasses import replace

import numpy as np

from kernels import blocks as block_ops
from slam.config import check_tsdf
from slam.errors import SlamError
from slam.maps.extraction import BLOCKS_AT_ONCE, VOXELS, voxel_points
from slam.maps.tsdf.color import nearest_colors
from slam.maps.tsdf.map import TsdfMap


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
        points = voxel_points(coords[part], voxel_size_m, VOXELS)
        samples = map_.query(points)
        shape = (part.stop - part.start, 512)
        blocks.sdf[part] = np.round(samples.sdf_m / map_.sdf_unit_m).reshape(shape)
        blocks.weight[part] = np.where(samples.is_valid, 256, 0).reshape(shape)
        colors = nearest_colors(*map_.storage, map_.config.voxel_size_m, points)
        blocks.color[part] = np.moveaxis(colors.reshape(*shape, 4), -1, 1)
    return result


def _covering_blocks(map_: TsdfMap, voxel_size_m: float) -> np.ndarray:
    """Return the coordinates (n, 3) of the new blocks that meet an old one."""
    index, _ = map_.storage
    old = index.coords[: int(index.num_blocks[0])].astype(np.float64) * 8 * map_.config.voxel_size_m
    size_m = 8 * map_.config.voxel_size_m
    steps = int(np.ceil(size_m / (8 * voxel_size_m))) + 1
    offsets = np.stack(np.unravel_index(np.arange(steps**3), (steps,) * 3), axis=-1)
    corners = old[:, None] + offsets * (size_m / (steps - 1))
    return np.unique(np.floor(corners / (8 * voxel_size_m)).astype(np.int32).reshape(-1, 3), axis=0)
