"""The part of the neural map that averages: allocation, and the fused mean that seeds it."""

import numpy as np

from kernels import blocks as block_ops
from kernels import tsdf as tsdf_ops
from slam.frame import Frame
from slam.geometry import Transform, inverse
from slam.maps.neural.grid import Grid, View
from slam.maps.readings import SurfaceReadings, stride_for
from slam.maps.schedule import FREE_STRIDE, dither_of, free_offset_of

NEAR_M = 0.1
BAND_STRIDE = 8  # pixels that allocate: at 5 m they are 8 cm apart, far under a fine block
COLOR_STRIDE = 3


def fuse(
    grid: Grid,
    frame: Frame,
    readings: SurfaceReadings,
    T_world_camera: Transform,
    number: int,
    is_keyframe: bool,
) -> bool:
    """Allocate what a frame sees and fuse it into the mean distance, in place; False where the
    budget refused blocks.

    Colour is only allocated for keyframes, which alone are trained on.
    """
    config = grid.config
    h, w = frame.depth_m.shape
    band_m = (config.truncation_m, config.truncation_m)
    view = View(
        # readings beside an edge are negative and allocate nothing: most outliers are such
        readings.depth_m[:-1].reshape(h, w),
        frame.camera.intrinsics,
        T_world_camera.astype(np.float32),
        frame.depth_noise.coefficients,
    )
    num_before = grid.fine.count
    visible, num_visible, fits = grid.fine.touch_band(
        view, config.truncation_m, stride_for(frame.camera, BAND_STRIDE), number
    )
    fits &= grid.cover(num_before)
    if is_keyframe:
        stride = stride_for(frame.camera, COLOR_STRIDE)
        fits &= grid.color.touch_band(view, config.color_spacing_m, stride, number)[2]
    grid.publish()
    fine = grid.fine.level
    num_visible = block_ops.touch_free(
        fine.blocks, frame.depth_m, view.intrinsics, view.T_world_camera, grid.fine.block_size_m,
        view.noise, band_m, FREE_STRIDE, free_offset_of(number),
        NEAR_M, grid.fine.stamps, number, visible, num_visible,
    )  # fmt: skip
    tsdf_ops.integrate(
        fine.blocks, grid.mean, visible[:num_visible], readings.depth_m, readings.normals,
        np.empty(0, np.uint32), (h, w), view.intrinsics,
        inverse(T_world_camera).astype(np.float32), config.fine_spacing_m, grid.sdf_unit_m,
        view.noise, band_m, config.max_weight, dither_of(number),
    )  # fmt: skip
    return fits
