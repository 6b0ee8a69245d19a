"""The SDK's filters that make depth smaller or smoother. Those that fill holes or average over time
invent surface, so they are not offered.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from slam.config import RealSenseConfig
from slam.errors import SlamError
from slam.sources.realsense.calibration import Calibration, lens_of
from slam.sources.realsense.sdk import realsense_sdk

NUM_POLLS, POLL_S = 50, 0.1  # to wait for the first frame


class Filters:
    """What is done to every frameset, in the order that the vendor recommends."""

    def __init__(self, config: RealSenseConfig) -> None:
        rs = realsense_sdk()
        self._blocks: list[Any] = []
        if config.decimation > 1:
            self._blocks.append(rs.decimation_filter(float(config.decimation)))
        if config.spatial_filter:  # on disparity, where the noise is even
            to_disparity, to_depth = rs.disparity_transform(True), rs.disparity_transform(False)
            self._blocks += [to_disparity, rs.spatial_filter(), to_depth]

    def __len__(self) -> int:
        return len(self._blocks)

    def calibration(
        self, calibration: Calibration, next_frames: Callable[[float], Any | None]
    ) -> Calibration:
        """Return the calibration of filtered frames, read from the first that comes."""
        for _ in range(NUM_POLLS):
            frames = next_frames(POLL_S)
            depth = None if frames is None else self(frames).get_depth_frame()
            if depth:
                return replace(calibration, depth=lens_of(depth.profile))
        raise SlamError(f"no frame within {NUM_POLLS * POLL_S:g} s of the start of the camera")

    def __call__(self, frames: Any) -> Any:
        """Return the filtered frameset."""
        for block in self._blocks:
            frames = block.process(frames).as_frameset()
        return frames
