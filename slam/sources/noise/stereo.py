"""Depth as an active or passive stereo camera reports it (a RealSense D400).

Sources: Keselman et al. 2017 (the D400's matcher: support windows, disparity steps, occlusion on
the side of the left imager, minimum range by the greatest disparity), Grunnet-Jepsen et al. 2018
(tuning the D400: error of 0.05 to 0.1 px on textured surface, more on plain one; the invalid band
at the left edge), Hirschmueller and Scharstein 2009 (fattened foreground and errors where there is
no texture). The parameters are typical values; nothing here is fitted to one recording.
"""

from dataclasses import replace
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float32, UInt8

from slam.camera import Camera, DepthNoise
from slam.config import NoiseConfig

STEP_PX = 1.0 / 32.0  # of the reported disparity
SUPPORT_PX = 3  # half the matching window: edges are fattened or eaten by up to this
# Neighbours share most of their window, and so their error; the other half of its variance are the
# wider bumps that the matcher's smoothness makes of a wall. Sizes and shares are our assumption.
CORRELATIONS_PX = (2.5, 12.0)
_JUMP = 0.05  # neighbours whose disparities differ by more than this share are an edge
_PLAIN_FACTOR = 2.5  # the error on surface that is nearly too plain, over that on textured one
_GLARE_COSINE = 0.995  # within 6 degrees smooth surface mirrors the camera's own light


def stereo_depth_noise(clean: DepthNoise, focal_px: float, config: NoiseConfig) -> DepthNoise:
    """Return the noise that the sensor's maker would state: on textured surface."""
    sigma_px = float(np.hypot(config.stereo_sigma_px, STEP_PX / np.sqrt(12.0)))
    stated = DepthNoise.stereo(sigma_px, focal_px, config.baseline_m)
    constant_m = max(clean.constant_m, stated.constant_m)
    return replace(stated, constant_m=constant_m, linear=clean.linear)


def add_stereo_noise(
    depth_m: Float32[np.ndarray, "h w"],
    color: UInt8[np.ndarray, "h w 3"] | None,
    camera: Camera,
    config: NoiseConfig,
    rng: np.random.Generator,
) -> Float32[np.ndarray, "h w"]:
    """Return depth as a stereo camera reports it whose left imager is the colour camera.

    Without colour every surface counts as textured.
    """
    scale = np.float32(camera.fx * config.baseline_m)
    disparity = np.where(depth_m > 0, scale / np.maximum(depth_m, np.float32(1e-3)), np.float32(0))
    texture = None if color is None else local_contrast(color)
    is_hole = is_occluded(disparity) | (depth_m < config.min_range_m)
    seen, is_eaten = _at_edges(disparity, rng)
    is_hole |= is_eaten
    sigma_px = np.full(depth_m.shape, np.float32(config.stereo_sigma_px))
    if texture is not None and config.min_contrast > 0:
        limit = np.float32(config.min_contrast) * np.exp(
            np.float32(0.3) * smooth_noise(rng, depth_m.shape, 6.0)
        )
        is_hole |= texture < limit
        is_hole |= (texture < np.float32(3) * limit) & is_glare(depth_m, camera)
        sigma_px *= np.clip(
            np.float32(2.0) * limit / np.maximum(texture, np.float32(0.1)), 1, _PLAIN_FACTOR
        )
    error = sum(smooth_noise(rng, depth_m.shape, px) for px in CORRELATIONS_PX)
    noisy = seen + sigma_px * np.float32(np.sqrt(0.5)) * error
    reported = np.rint(noisy / np.float32(STEP_PX)) * np.float32(STEP_PX)
    is_kept = (seen > 0) & (reported >= STEP_PX) & ~is_hole
    return np.where(is_kept, scale / np.maximum(reported, np.float32(STEP_PX)), np.float32(0))


def is_occluded(disparity: Float32[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Tell which pixels of the left image the right imager does not see: beyond its edge, or behind
    something that lies farther right in the left image and as far left in the right one.
    """
    u = np.arange(disparity.shape[1], dtype=np.float32)
    at_right = np.where(disparity > 0, u - disparity, np.float32(np.inf))
    leftmost = np.minimum.accumulate(at_right[:, ::-1], axis=1)[:, ::-1]
    is_hidden = at_right < 0
    is_hidden[:, :-1] |= at_right[:, :-1] >= leftmost[:, 1:]
    return is_hidden & (disparity > 0)


def local_contrast(color: UInt8[np.ndarray, "h w 3"]) -> Float32[np.ndarray, "h w"]:
    """Return the standard deviation of grey levels in a matching window, as far as it lies along
    rows: across them stereo cannot match.
    """
    grey = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY).astype(np.float32)
    window = (2 * SUPPORT_PX + 1, 2 * SUPPORT_PX + 1)
    along = cv2.Sobel(grey, cv2.CV_32F, 1, 0, ksize=1, scale=0.5)
    return np.sqrt(cv2.blur(along * along, window))


def is_glare(depth_m: Float32[np.ndarray, "h w"], camera: Camera) -> Bool[np.ndarray, "h w"]:
    """Tell where surface faces the camera so squarely that it mirrors the camera's own light."""
    smooth_m = cv2.blur(depth_m, (5, 5))
    slope_u = cv2.Sobel(smooth_m, cv2.CV_32F, 1, 0, ksize=1, scale=0.5) * np.float32(camera.fx)
    slope_v = cv2.Sobel(smooth_m, cv2.CV_32F, 0, 1, ksize=1, scale=0.5) * np.float32(camera.fy)
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float32)
    x = (u - np.float32(camera.cx)) / np.float32(camera.fx)
    y = (v - np.float32(camera.cy)) / np.float32(camera.fy)
    # the normal of z(u, v) is (-f dz/du, -f dz/dv, z + x f dz/du + y f dz/dv), its ray (x, y, 1)
    nz = smooth_m + x * slope_u + y * slope_v
    along = np.abs(nz - x * slope_u - y * slope_v)
    length = np.sqrt((slope_u**2 + slope_v**2 + nz**2) * (x * x + y * y + np.float32(1)))
    return along > np.float32(_GLARE_COSINE) * length


class _Edges(NamedTuple):
    disparity: Float32[np.ndarray, "h w"]
    is_eaten: Bool[np.ndarray, "h w"]


def _at_edges(disparity: Float32[np.ndarray, "h w"], rng: np.random.Generator) -> _Edges:
    """Widen the foreground where a smooth random pattern is high, eat it away where it is low."""
    size = 2 * SUPPORT_PX + 1
    nearest = cv2.dilate(disparity, np.ones((size, size), np.uint8))
    farthest = cv2.erode(disparity, np.ones((size, size), np.uint8))
    is_near_edge = nearest - farthest > np.float32(_JUMP) * nearest
    pattern = smooth_noise(rng, disparity.shape, float(SUPPORT_PX))
    is_far_side = nearest - disparity > np.float32(0.5) * (nearest - farthest)
    is_fattened = is_near_edge & is_far_side & (pattern > 0)
    is_eaten = is_near_edge & (pattern < -0.7)
    return _Edges(np.where(is_fattened, nearest, disparity), is_eaten)


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], correlation_px: float
) -> Float32[np.ndarray, "h w"]:
    """Return normal noise of variance 1 whose correlation falls to e^-1 at twice this distance."""
    step = max(int(correlation_px / 2), 1)  # a coarser grid holds so smooth a pattern
    coarse_px = correlation_px / step
    margin = int(np.ceil(4 * coarse_px))
    inner = (-(-shape[0] // step) + 1, -(-shape[1] // step) + 1)
    wide = (inner[0] + 2 * margin, inner[1] + 2 * margin)
    noise = cv2.GaussianBlur(rng.standard_normal(wide, dtype=np.float32), (0, 0), coarse_px)
    # a Gaussian kernel of this width averages 4 pi sigma^2 independent values
    noise = noise[margin:-margin, margin:-margin] * np.float32(np.sqrt(4.0 * np.pi) * coarse_px)
    if step > 1:
        size = (inner[1] * step, inner[0] * step)
        noise = cv2.resize(noise, size, interpolation=cv2.INTER_CUBIC)
    return noise[: shape[0], : shape[1]]
