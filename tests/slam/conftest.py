"""A short source for whole runs, whose ends are made quick."""

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from slam.sources import synthetic
from slam.sources.synthetic import open_synthetic
from slam.trajectory import Trajectory

NUM_FRAMES = 12
PNG = cv2.imencode(".png", np.zeros((1, 1), np.uint8))[1].tobytes()


def make_small(patch: pytest.MonkeyPatch) -> None:
    """Leave out the drawing of a report's plots, and most of each picture of a mesh."""
    patch.setattr("slam.report.views.PICTURE_WIDTH", 60)
    patch.setattr("slam.report.views.OVERVIEW_WIDTH", 70)
    canvas = "matplotlib.backends.backend_agg.FigureCanvasAgg"
    patch.setattr(f"{canvas}.print_png", lambda canvas, file: file.write(PNG))


@pytest.fixture(scope="module", autouse=True)
def small_reports() -> Iterator[pytest.MonkeyPatch]:
    """Make the reports that runs end with in less time than a short run takes."""
    with pytest.MonkeyPatch.context() as patch:
        make_small(patch)
        yield patch


@pytest.fixture
def whole_reports(small_reports: pytest.MonkeyPatch) -> Iterator[None]:
    """Make reports as users get them after all."""
    small_reports.undo()
    yield
    make_small(small_reports)


@pytest.fixture(scope="module", autouse=True)
def few_points() -> Iterator[None]:
    """Score meshes by fewer points and views than users do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("slam.evaluation.scores.NUM_POINTS", 20_000)
        patch.setattr("slam.evaluation.scores.NUM_DEPTH_VIEWS", 50)
        yield


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
def small_images() -> Iterator[None]:
    """Render synthetic sources in 320x240."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "CAMERA", synthetic.CAMERA.scaled(0.5))
        yield


@pytest.fixture(scope="module")
def room(small_images):
    """Return 12 frames of synthetic:room. Tests may replace its `read` and its truth."""
    return Replay(open_synthetic("room"), NUM_FRAMES)
