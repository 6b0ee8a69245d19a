"""Depth as a Kinect v1 reports it: ICL-NUIM's model (Handa et al. 2014), and dropouts."""

import cv2
import numpy as np
from jaxtyping import Float32

from slam.camera import DepthNoise
from slam.config import NoiseConfig

DISPARITY_AT_1M = (
    351.3  # in eighths of a pixel: 8 x 585 px x 7.5 cm (Handa et al. 2014, 35130 with depth in cm)
)
_SAME_SURFACE = (
    0.02  # neighbours whose disparities differ by more than this share are not interpolated
)
_GRAZING_SLOPE = (2.75, 5.67)  # tangents of 70 and 80 degrees
_MAX_DROPOUT = 0.8


def kinect_depth_noise(clean: DepthNoise, disparity_sigma: float) -> DepthNoise:
    """Return the noise of a clean source after `add_kinect_noise`.

    Disparity d = 351.3 / z has the variance of the Gaussian plus that of rounding, 1/12, and
    |dz/dd| = z^2 / 351.3.
    """
    added = np.sqrt(disparity_sigma**2 + 1.0 / 12.0) / DISPARITY_AT_1M
    return DepthNoise(clean.constant_m, clean.linear, float(np.hypot(clean.quadratic_per_m, added)))


def add_kinect_noise(
    depth_m: Float32[np.ndarray, "h w"],
    focal_px: float,
    config: NoiseConfig,
    rng: np.random.Generator,
) -> Float32[np.ndarray, "h w"]:
    """Return depth as a Kinect v1 reports it: moved sideways, jittered, rounded, with dropouts."""
    valid = depth_m > 0
    disparity = np.where(
        valid, np.float32(DISPARITY_AT_1M) / np.maximum(depth_m, np.float32(1e-3)), np.float32(0)
    )
    shifted = _shift_sideways(disparity, config.lateral_sigma_px, rng)
    noise = rng.standard_normal(depth_m.shape, dtype=np.float32)
    noise *= np.float32(config.disparity_sigma)
    reported = np.rint(noise + shifted)
    is_kept = (shifted > 0) & (reported >= 1)
    is_kept &= rng.random(depth_m.shape, dtype=np.float32) >= _dropout_probability(
        disparity, focal_px
    )
    return np.where(
        is_kept, np.float32(DISPARITY_AT_1M) / np.maximum(reported, np.float32(1)), np.float32(0)
    )


def _shift_sideways(
    disparity: Float32[np.ndarray, "h w"], sigma_px: float, rng: np.random.Generator
) -> Float32[np.ndarray, "h w"]:
    """Look each pixel up about sigma_px away.

    Within a surface it is interpolated (disparity is linear on a plane), across an edge it is the
    nearest pixel: a mixture of two surfaces would be a surface that is nowhere.
    """
    height, width = disparity.shape
    map_u = rng.standard_normal(disparity.shape, dtype=np.float32)
    map_u *= np.float32(sigma_px)
    map_u += np.arange(width, dtype=np.float32)
    map_v = rng.standard_normal(disparity.shape, dtype=np.float32)
    map_v *= np.float32(sigma_px)
    map_v += np.arange(height, dtype=np.float32)[:, None]
    smooth = cv2.remap(disparity, map_u, map_v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    nearest = cv2.remap(disparity, map_u, map_v, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)
    is_same_surface = cv2.absdiff(smooth, nearest) <= np.float32(_SAME_SURFACE) * nearest
    return np.where(is_same_surface, smooth, nearest)


def _dropout_probability(
    disparity: Float32[np.ndarray, "h w"], focal_px: float
) -> Float32[np.ndarray, "h w"]:
    """Return how likely each pixel is to report nothing: 0 up to 70 degrees of slope, 0.8 from 80.

    The slope is that of the surface against the image plane, |grad z| f / z = |grad d| f / d. A
    depth edge, or the edge of a hole, is a very steep slope, so one rule serves both.
    """
    d_disparity_d_u = cv2.Sobel(disparity, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
    d_disparity_d_v = cv2.Sobel(disparity, cv2.CV_32F, 0, 1, ksize=1, scale=0.5)
    slope = cv2.magnitude(d_disparity_d_u, d_disparity_d_v)
    slope *= np.float32(focal_px)
    slope /= np.maximum(disparity, np.float32(1e-3))
    low, high = _GRAZING_SLOPE
    return np.clip(
        (slope - np.float32(low)) * np.float32(_MAX_DROPOUT / (high - low)),
        0,
        np.float32(_MAX_DROPOUT),
    )
