"""The TSDF on sparse blocks: integration, point query, ray casting.

A voxel holds its signed distance as int16 in units of `sdf_unit_m` (positive in free space), the
weight of its readings as uint16 in units of `WEIGHT_UNIT`, and RGB with a colour weight as four
uint8: eight bytes. A voxel is known where its weight is above 0. All camera matrices are float32
(4, 4).
"""

from typing import NamedTuple

import numpy as np

from kernels.blocks import BlockIndex
from kernels.dispatch import check_array, implementation

WEIGHT_UNIT = 1.0 / 256.0
MAX_COLOR_WEIGHT = 255  # long memory: 0.6 dB on a real recording against 32


class TsdfBlocks(NamedTuple):
    """The voxels of all blocks, by slot."""

    sdf: np.ndarray  # int16 (capacity, 512)
    weight: np.ndarray  # uint16 (capacity, 512)
    # uint8 (capacity, 4, 512): red, green, blue, weight. The weight is 0 where there is no colour,
    # and red above 0 wherever a reading has been within a third of the truncation: what lies
    # farther from all readings is known only as free or as hidden.
    color: np.ndarray


class TsdfGrid(NamedTuple):
    """All that evaluating the signed distance at a point takes."""

    blocks: BlockIndex
    voxels: TsdfBlocks
    voxel_size_m: np.float32
    sdf_unit_m: np.float32


class RenderedArrays(NamedTuple):
    """What a raycast returns; see `raycast`."""

    depth_m: np.ndarray
    normals: np.ndarray
    color: np.ndarray
    confidence: np.ndarray


def new_blocks(capacity: int) -> TsdfBlocks:
    """Return unknown voxels for `capacity` blocks (the pages are only taken when they are first
    written).
    """
    return TsdfBlocks(
        sdf=np.zeros((capacity, 512), np.int16),
        weight=np.zeros((capacity, 512), np.uint16),
        color=np.zeros((capacity, 4, 512), np.uint8),
    )


def integrate(
    index: BlockIndex,
    blocks: TsdfBlocks,
    visible: np.ndarray,
    readings: np.ndarray,
    normals: np.ndarray,
    rgba: np.ndarray,
    image_size: tuple[int, int],
    intrinsics: np.ndarray,
    T_camera_world: np.ndarray,
    voxel_size_m: float,
    sdf_unit_m: float,
    noise: np.ndarray,
    truncation_m: tuple[float, float],
    max_weight: float,
    dither: np.ndarray,
    num_visible: np.ndarray | None = None,
) -> None:
    """Fuse one frame into the visible blocks, in place (Curless and Levoy's running average).

    A voxel takes the pixel nearest to its projection; its reading is the distance to that pixel's
    tangent plane, n . (p_pixel - p_voxel), which has neither the half-pixel nor the incidence error
    of the plain depth difference. `readings` is `kernels.depth.mark_edges` of the depth image,
    `normals` (h // 4, w // 4, 3) that of a level four times smaller. A reading weighs
    cos(incidence) (sigma(1 m) / sigma(z))^2, within 1 / 256 .. 4, a tenth of it beside an edge. tau
    = clip(3 sigma(z), *truncation_m) at the voxel's own depth; readings below -tau are dropped and
    those above tau clamped. Colour is fused within a third of tau, and red is at least 1
    there, also without colour. `rgba` is uint32 (h w + 1,), red
    in the low byte, 0 in the high one where there is no colour, or empty for a frame without.
    Values are rounded down after adding `dither`, float32 (1024,) in [0, 1), element (hash of the
    block's coordinate & 511) + voxel: plain rounding would freeze every average as soon as its
    weight is large. The hash is the 9 high bits of its 64-bit key times 2^64 / golden ratio
    (`kernels.scalar.hashing`).

    On a GPU `num_visible`, as `kernels.blocks.touch_band` returns it, may say how much of `visible`
    counts; without it, and on the CPU, all of it does.
    """
    num_pixels = image_size[0] * image_size[1]
    if min(image_size) < 4:
        raise ValueError(f"image_size must be at least (4, 4), got {image_size}")
    check_array("visible", visible, "int32", (None,))
    check_array("readings", readings, "float32", (num_pixels + 1,))
    check_array("normals", normals, "float32", (image_size[0] // 4, image_size[1] // 4, 3))
    check_array("rgba", rgba, "uint32", (num_pixels + 1 if len(rgba) else 0,))
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("T_camera_world", T_camera_world, "float32", (4, 4))
    check_array("dither", dither, "float32", (1024,))
    counted = () if num_visible is None else (num_visible,)
    implementation("tsdf", readings).integrate(
        index, blocks, visible, readings, normals, rgba, image_size, intrinsics, T_camera_world,
        voxel_size_m, sdf_unit_m, noise, truncation_m, max_weight, dither, *counted,
    )  # fmt: skip


def query(
    index: BlockIndex,
    blocks: TsdfBlocks,
    points: np.ndarray,
    voxel_size_m: float,
    sdf_unit_m: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Interpolate the signed distance trilinearly at world points (n, 3).

    Returns sdf_m float32 (n,), its exact gradient float32 (n, 3) and is_valid bool (n,): all eight
    voxels are known. Where invalid, distance and gradient are 0.
    """
    check_array("points", points, "float32", (None, 3))
    return implementation("query", points).query(index, blocks, points, voxel_size_m, sdf_unit_m)


def raycast(
    index: BlockIndex,
    blocks: TsdfBlocks,
    image_size: tuple[int, int],
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
    voxel_size_m: float,
    sdf_unit_m: float,
    truncation_m: float,
    depth_range_m: tuple[float, float],
) -> RenderedArrays:
    """Render the zero crossing that each pixel's ray meets first, from free space into the surface.

    Returns z-depth float32 (h, w); unit world normals (h, w, 3) from the analytic gradient; RGB
    uint8 (h, w, 3), trilinear; and confidence float32 (h, w): the interpolated weight, in readings
    at 1 m. All are 0 where nothing was met, or a crossing that no reading was near (see
    `TsdfBlocks`): beside silhouettes averages cross zero between two surfaces, where neither is.
    """
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("T_world_camera", T_world_camera, "float32", (4, 4))
    return implementation("raycast", T_world_camera).raycast(
        index, blocks, image_size, intrinsics, T_world_camera, voxel_size_m, sdf_unit_m,
        truncation_m, depth_range_m,
    )  # fmt: skip
