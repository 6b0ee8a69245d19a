"""A clean source with the noise of the config."""

import dataclasses

import numpy as np
from jaxtyping import Float32

from slam.camera import DepthNoise
from slam.config import NoiseConfig
from slam.frame import Frame
from slam.sources.base import Source
from slam.sources.noise.brightness import WEIGHTS, adjusted, automatic_gain, grey_mean
from slam.sources.noise.exposure import Exposure
from slam.sources.noise.kinect import add_kinect_noise, kinect_depth_noise
from slam.sources.noise.schedule import color_slip, kept_frames
from slam.sources.noise.stereo import add_stereo_noise, stereo_depth_noise
from slam.trajectory import Trajectory

OUTLIER_RANGE_M = (0.4, 5.0)


class NoisySource:
    """A source with worse images: the same for a seed and frame, in whatever order they are read.

    Some frames may be missing; those that are left are numbered anew. Blur, rolling shutter and a
    delay of the colour are made from the true poses, so that only the camera's own motion shows in
    them, not that of movers.
    """

    def __init__(self, source: Source, config: NoiseConfig) -> None:
        self.name = source.name
        self.camera = source.camera
        self._kept = kept_frames(source.timestamps_s, config)
        self.timestamps_s = source.timestamps_s[self._kept]
        self.depth_noise = self._noise_of(source.depth_noise, config)
        self.scene = getattr(source, "scene", None)  # the true surface, where it is known
        self._source = source
        self._config = config
        self._exposure = Exposure.of(source, config)
        self._greys: dict[int, float | None] = {}  # the means of the last frames that were read

    def _noise_of(self, clean: DepthNoise, config: NoiseConfig) -> DepthNoise:
        if config.model == "kinect":
            return kinect_depth_noise(clean, config.disparity_sigma)
        if config.model == "stereo":
            return stereo_depth_noise(clean, self.camera.fx, config)
        return clean

    def read(self, index: int) -> Frame:
        """Return frame `index` with noise."""
        frame = dataclasses.replace(self._source.read(int(self._kept[index])), index=index)
        gain = self._gain(frame) if self._config.auto_exposure else 1.0
        rng = np.random.Generator(np.random.SFC64([self._config.seed, index]))
        frame = self._colored(frame)
        frame = adjusted(frame, self._config, gain, rng)
        depth_m = frame.depth_m
        if self._config.model == "kinect":
            depth_m = add_kinect_noise(depth_m, self.camera.fx, self._config, rng)
        elif self._config.model == "stereo":
            depth_m = add_stereo_noise(depth_m, frame.color, self.camera, self._config, rng)
        if self._config.outliers > 0:
            depth_m = add_outliers(depth_m, self._config.outliers, rng)
        return dataclasses.replace(frame, depth_m=depth_m, depth_noise=self.depth_noise)

    def _colored(self, frame: Frame) -> Frame:
        """Return a frame with the colour of the image that it is paired with, as it is exposed."""
        slip, shown = color_slip(frame.index, self._config), frame
        if slip:
            last = len(self._source.timestamps_s) - 1
            index = min(max(int(self._kept[frame.index]) + slip, 0), last)
            shown = self._source.read(index)
        if self._exposure is not None:
            shown = self._exposure.exposed(shown)
        return dataclasses.replace(frame, color=shown.color, color_mask=shown.color_mask)

    def _gain(self, clean: Frame) -> float:
        """Return the gain that the frames before this one set; the first frame sets its own."""
        near = {k: v for k, v in self._greys.items() if abs(k - clean.index) <= len(WEIGHTS)}
        self._greys = near | {clean.index: grey_mean(clean)}
        before = [max(clean.index - back, 0) for back in range(1, len(WEIGHTS) + 1)]
        for index in before:
            if index not in self._greys:
                self._greys[index] = grey_mean(self._source.read(int(self._kept[index])))
        return automatic_gain([self._greys[index] for index in before])

    def ground_truth(self) -> Trajectory | None:
        """Return the wrapped source's poses."""
        truth = self._source.ground_truth()
        if truth is None or len(self._kept) == len(self._source.timestamps_s):
            return truth
        is_kept = np.isin(truth.timestamps_s, self.timestamps_s)
        return Trajectory(truth.timestamps_s[is_kept], truth.Ts_world_camera[is_kept])


def add_outliers(
    depth_m: Float32[np.ndarray, "h w"], share: float, rng: np.random.Generator
) -> Float32[np.ndarray, "h w"]:
    """Return depth with this share of its readings replaced by anything in the sensor's range."""
    is_hit = (rng.random(depth_m.shape, dtype=np.float32) < share) & (depth_m > 0)
    result = depth_m.copy()
    result[is_hit] = rng.uniform(*OUTLIER_RANGE_M, size=int(is_hit.sum()))
    return result
