"""Colour that is exposed while the camera moves: motion blur, rolling shutter, and a delay.

The image is warped: a pixel moves with the surface that it shows, at the camera's velocity of that
moment. That is exact to the first order in the motion during exposure and readout; at silhouettes,
where what is uncovered was never rendered, it shows what is beside it.
"""

import dataclasses
import math

import cv2
import numpy as np
from jaxtyping import Float32, Float64

from slam.config import NoiseConfig
from slam.errors import SlamError
from slam.frame import Frame
from slam.geometry import inverse, se3_log
from slam.sources.base import Source
from slam.trajectory import Trajectory

MAX_SAMPLES = 16  # of a pixel's path during the exposure
MAX_MATCH_S = 0.02  # between a frame and the poses about it


class Exposure:
    """Exposes the frames of a source whose true poses are known."""

    def __init__(self, source: Source, truth: Trajectory, config: NoiseConfig) -> None:
        self._source = source
        self._truth = truth
        self._exposure_s = 1e-3 * config.exposure_ms
        self._readout_s = 1e-3 * config.readout_ms
        self._delay_s = 1e-3 * config.color_delay_ms

    @classmethod
    def of(cls, source: Source, config: NoiseConfig) -> "Exposure | None":
        """Return the exposure of a config, None where it leaves images as they are."""
        if max(config.exposure_ms, config.readout_ms, config.color_delay_ms) <= 0:
            return None
        truth = source.ground_truth()
        if truth is None or len(truth) < 2:
            raise SlamError(
                f"{source.name} has no true poses: blur, rolling shutter and delay need them"
            )
        return cls(source, truth, config)

    def exposed(self, frame: Frame) -> Frame:
        """Return the frame with the colour that a moving camera takes."""
        seen = frame if self._delay_s == 0 else self._seen_before(frame.timestamp_s - self._delay_s)
        if seen.color is None:
            return dataclasses.replace(frame, color=None)
        rest_s = frame.timestamp_s - self._delay_s - seen.timestamp_s
        flow = pixel_flow(seen, self._velocity(seen.timestamp_s))
        rows_s = rest_s + self._readout_s * (
            np.arange(frame.camera.height) / frame.camera.height - 0.5
        )
        color = _averaged(seen.color, flow, rows_s.astype(np.float32), self._exposure_s)
        return dataclasses.replace(frame, color=color)

    def _seen_before(self, time_s: float) -> Frame:
        """Return the frame nearest to a time."""
        return self._source.read(int(np.abs(self._source.timestamps_s - time_s).argmin()))

    def _velocity(self, time_s: float) -> Float64[np.ndarray, "6"]:
        """Return the twist per second at a time, in the camera's frame: 0 where no pose is near."""
        stamps_s = self._truth.timestamps_s
        k = int(np.abs(stamps_s - time_s).argmin())
        if abs(stamps_s[k] - time_s) > MAX_MATCH_S:
            return np.zeros(6)
        first, last = max(k - 1, 0), min(k + 1, len(stamps_s) - 1)
        T_first, T_last = self._truth.Ts_world_camera[[first, last]]
        return se3_log(inverse(T_first) @ T_last) / (stamps_s[last] - stamps_s[first])


def pixel_flow(frame: Frame, velocity: Float64[np.ndarray, "6"]) -> Float32[np.ndarray, "h w 2"]:
    """Return where each pixel's surface goes, in pixels per second; what has no depth moves as if
    it were at the median depth.
    """
    camera, depth_m = frame.camera, frame.depth_m
    readings_m = depth_m[depth_m > 0]
    typical_m = np.float32(np.median(readings_m)) if readings_m.size else np.float32(1)
    inverse_z = np.float32(1) / np.where(depth_m > 0, depth_m, typical_m)
    v, u = np.mgrid[: camera.height, : camera.width].astype(np.float32)
    x = (u - np.float32(camera.cx)) / np.float32(camera.fx)
    y = (v - np.float32(camera.cy)) / np.float32(camera.fy)
    vx, vy, vz, wx, wy, wz = velocity.astype(np.float32)
    # a fixed point p moves by -v - w x p in the moving camera's frame
    dx, dy, dz = -vx * inverse_z - wy + wz * y, -vy * inverse_z - wz * x + wx, -vz * inverse_z
    dz = dz - wx * y + wy * x
    return np.stack(
        [np.float32(camera.fx) * (dx - x * dz), np.float32(camera.fy) * (dy - y * dz)], axis=-1
    )


def _averaged(
    color: np.ndarray,
    flow: Float32[np.ndarray, "h w 2"],
    rows_s: Float32[np.ndarray, "h"],
    exposure_s: float,
) -> np.ndarray:
    """Return the mean over the exposure of the image as it is at each row's time."""
    h, w = flow.shape[:2]
    longest_px = exposure_s * float(np.abs(flow).max())
    num_samples = min(max(math.ceil(longest_px), 1), MAX_SAMPLES)
    v, u = np.mgrid[:h, :w].astype(np.float32)
    total = np.zeros(color.shape, np.float32)
    for sample in range(num_samples):
        offset_s = np.float32(exposure_s * ((sample + 0.5) / num_samples - 0.5))
        time_s = (rows_s + offset_s)[:, None]
        map_u, map_v = u - time_s * flow[..., 0], v - time_s * flow[..., 1]
        total += cv2.remap(color, map_u, map_v, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.rint(total / np.float32(num_samples)).astype(np.uint8)
