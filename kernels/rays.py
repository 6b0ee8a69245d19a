"""Sparse rays of keyframes, and drawing samples along them."""

from typing import NamedTuple

import numpy as np

from kernels.dispatch import check_array, implementation
from kernels.field import NUM_SAMPLES, RayBatch

MIN_SLOPE = 0.2  # flatter surfaces are taken as this slanted
UNCOLORED = 1 << 31  # is added to the pixel of a ray without colour in a frame that has it
EDGE_WEIGHT = 0.1  # of a reading beside an edge


class Rays(NamedTuple):
    """Readings of one frame: 16 bytes a ray."""

    pixel: np.ndarray  # uint32 (n,): v * width + u; see UNCOLORED
    depth_m: np.ndarray  # float32 (n,)
    slope: np.ndarray  # float32 (n,): normal . ray (the ray 1 long in z), MIN_SLOPE at least
    rgbw: np.ndarray  # uint8 (n, 4): colour, and 255 times the weight of the reading, 1 at least


def new_batch(num_rays: int) -> RayBatch:
    """Return an empty batch."""
    return RayBatch(
        np.empty((num_rays, NUM_SAMPLES, 3), np.float32),
        np.empty((num_rays, NUM_SAMPLES), np.float32),
        np.empty((num_rays, 3), np.float32),
        np.empty(num_rays, np.float32),
    )


def pick_rays(
    readings: np.ndarray,
    normals: np.ndarray,
    color: np.ndarray,
    image_size: tuple[int, int],
    intrinsics: np.ndarray,
    noise: np.ndarray,
    cell: int,
    seed: int,
    color_mask: np.ndarray | None = None,
) -> Rays:
    """Pick one random reading of every `cell` x `cell` pixels, if there is any.

    `readings` (h w + 1,) and `normals` (h // 4, w // 4, 3) are those of `kernels.tsdf.integrate`;
    `color` uint8 (h, w, 3), or (0, 0, 3) for a frame without; `color_mask` bool (h, w) tells where
    a frame has it, None = everywhere. The weight is (sigma(1 m) /
    sigma(z))^2 up to 1, times EDGE_WEIGHT beside an edge. On a GPU the number of rays is read back.
    """
    h, w = image_size
    check_array("readings", readings, "float32", (h * w + 1,))
    check_array("normals", normals, "float32", (h // 4, w // 4, 3))
    check_array("color", color, "uint8", (h, w, 3) if len(color) else (0, 0, 3))
    if color_mask is not None:
        check_array("color_mask", color_mask, "bool", (h, w))
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("noise", noise, "float32", (3,))
    return implementation("rays", readings).pick_rays(
        readings, normals, color, image_size, intrinsics, noise, cell, seed, color_mask
    )


def sample_rays(
    rays: Rays,
    image_width: int,
    has_color: bool,
    intrinsics: np.ndarray,
    T_world_camera: np.ndarray,
    truncation_m: float,
    near_m: float,
    seed: int,
    batch: RayBatch,
    first: int,
    last: int,
) -> None:
    """Draw rays, evenly spread over the frame, and samples along them into batch[first:last].

    Samples lie on the reading, at +-a along z, a the square of a uniform number times the
    truncation over the slope (but never nearer than near_m), and one between near_m and the band.
    `distance_m` is slope times the way to the reading. All random numbers come from `seed`. On a
    GPU, `kernels.cuda.rays.sample_window` does it for many frames in one launch.
    """
    check_array("pixel", rays.pixel, "uint32", (None,))
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("T_world_camera", T_world_camera, "float32", (4, 4))
    if len(rays.pixel) == 0 and last > first:
        raise ValueError("rays must not be empty")
    implementation("rays", rays.pixel).sample_rays(
        rays, image_width, has_color, intrinsics, T_world_camera, truncation_m, near_m, seed,
        batch, first, last,
    )  # fmt: skip
