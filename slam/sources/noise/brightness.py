"""Brightness of the colour: automatic exposure, gain with its noise, and vignetting.

All of it acts on grey levels as the camera delivers them. There a factor of the light is a factor
as well (a power of it), so that what the tracker has to bear is the same.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from slam.config import NoiseConfig
from slam.frame import Frame

TARGET_GREY = 110.0  # what automatic exposure steers the mean to
WEIGHTS = 0.6 ** np.arange(8)  # of the frames before, the newest first: it follows within 0.1 s
GAIN_LIMITS = (0.25, 4.0)


def adjusted(frame: Frame, config: NoiseConfig, gain: float, rng: np.random.Generator) -> Frame:
    """Return the frame with its brightness set."""
    if frame.color is None or (gain == 1.0 and config.vignetting == config.color_sigma == 0):
        return frame
    grey = frame.color.astype(np.float32) * np.float32(gain)
    if config.vignetting > 0:
        grey *= _vignette(frame.color.shape[0], frame.color.shape[1], config.vignetting)[..., None]
    if config.color_sigma > 0:
        # shot noise: its variance grows with the grey level, and a higher gain amplifies it
        sigma = np.float32(config.color_sigma * np.sqrt(gain / TARGET_GREY))
        noise = rng.standard_normal(grey.shape, dtype=np.float32)
        grey += noise * sigma * np.sqrt(np.maximum(grey, np.float32(1)))
    color = np.clip(np.rint(grey), 0, 255).astype(np.uint8)
    return dataclasses.replace(frame, color=color)


def automatic_gain(greys_before: Sequence[float | None]) -> float:
    """Return the gain that automatic exposure takes after frames of these means, newest first."""
    known = [(w, g) for w, g in zip(WEIGHTS, greys_before, strict=False) if g is not None]
    if not known:
        return 1.0
    logs = [np.log(TARGET_GREY / max(grey, 1.0)) for _, grey in known]
    gain = np.exp(np.average(logs, weights=[weight for weight, _ in known]))
    return float(np.clip(gain, *GAIN_LIMITS))


def grey_mean(frame: Frame) -> float | None:
    """Return the mean grey level of every 8th pixel; None without colour."""
    return None if frame.color is None else float(frame.color[::8, ::8].mean())


def _vignette(height: int, width: int, lost: float) -> np.ndarray:
    """Return the share of light that reaches each pixel: it falls with the squared distance from
    the middle (the first term of the cosine's fourth power), by `lost` in the corners.
    """
    v = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    u = np.linspace(-1, 1, width, dtype=np.float32)
    return np.float32(1) - np.float32(lost / 2) * (u * u + v * v)
