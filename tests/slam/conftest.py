"""A short source for whole runs."""

import pytest

from slam.sources.synthetic import open_synthetic
from slam.trajectory import Trajectory

NUM_FRAMES = 12


class Replay:
    """The first frames of the synthetic room, rendered once for all tests."""

    def __init__(self, source, num_frames):
        self.name, self.camera, self.depth_noise = source.name, source.camera, source.depth_noise
        self.timestamps_s = source.timestamps_s[:num_frames]
        self._truth = Trajectory(
            self.timestamps_s, source.ground_truth().Ts_world_camera[:num_frames]
        )
        self._frames = [source.read(index) for index in range(num_frames)]

    def read(self, index):
        return self._frames[index]

    def ground_truth(self):
        return self._truth


@pytest.fixture(scope="module")
def room():
    """Return 12 frames of synthetic:room. Tests may replace its `read` and its truth."""
    return Replay(open_synthetic("room"), NUM_FRAMES)
