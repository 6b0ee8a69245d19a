"""Rendering the neural field."""

import numpy as np

from kernels.dispatch import check_array, implementation
from kernels.field import Field
from kernels.tsdf import RenderedArrays

NEWTON_STEPS = 2  # from the mean's surface to the field's
MIN_RAY_SLOPE = 0.1  # of the distance along the ray; flatter crossings stay on the mean's surface
UNSEEN_GRAY = 128  # all three channels of surface without a known colour


def render(
    field: Field,
    image_size: tuple[int, int],
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
    depth_range_m: tuple[float, float],
) -> RenderedArrays:
    """Cast a camera's rays into the field: shapes and types as of `kernels.tsdf.raycast`.

    The fused mean, whose surface is millimetres away from the field's, is ray cast; Newton steps
    along the ray, each of a fine spacing at most, end on the field's own surface. Colour and
    normals are the field's; the confidence is the mean's weight. Where nothing has taught a colour
    it is grey.
    """
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("T_world_camera", T_world_camera, "float32", (4, 4))
    return implementation("field_render", T_world_camera).render(
        field, image_size, intrinsics, T_world_camera, depth_range_m
    )
