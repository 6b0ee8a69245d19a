"""The part of the neural map that averages: the base takes a frame, and the levels grow with it."""

import numpy as np

from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.neural.grid import Grid, View
from slam.maps.readings import SurfaceReadings, stride_for

COLOR_STRIDE = 3  # pixels that allocate colour: at 5 m they are 3 cm apart


def fuse(
    grid: Grid,
    frame: Frame,
    readings: SurfaceReadings,
    T_world_camera: Transform,
    number: int,
    is_keyframe: bool,
) -> bool:
    """Fuse a frame into the base, in place, and allocate what is to be learned on it; False where
    the budget refused blocks.

    Colour is only allocated for keyframes, which alone are trained on.
    """
    first, refused = grid.base.num_blocks, grid.base.num_refused
    grid.base.fuse(frame, readings, T_world_camera)
    fits = grid.cover(first) and grid.base.num_refused == refused
    if is_keyframe:
        view = View(
            # readings beside an edge are negative and allocate nothing: most outliers are such
            readings.depth_m[:-1].reshape(frame.depth_m.shape),
            frame.camera.intrinsics,
            np.ascontiguousarray(T_world_camera, np.float32),
            frame.depth_noise.coefficients,
        )
        stride = stride_for(frame.camera, COLOR_STRIDE)
        fits &= grid.color.touch_band(view, grid.config.color_spacing_m, stride, number)
    grid.publish()
    return fits
