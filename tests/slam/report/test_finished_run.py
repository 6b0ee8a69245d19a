"""Evaluation of a finished run, and its report."""

import json
import logging
import re
from dataclasses import dataclass

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.config import Config
from slam.errors import SlamError
from slam.evaluation.scores import true_views
from slam.evaluation.systems import as_system
from slam.frame import Frame
from slam.geometry import se3_exp, transform_points
from slam.journal import FrameRecord
from slam.maps.base import Mesh
from slam.report.document import report_html
from slam.report.finished_run import evaluate_run
from slam.runs.finished import load_run
from slam.runs.folder import RunFolder
from slam.tracking.base import TrackState
from slam.trajectory import Trajectory

pytestmark = pytest.mark.usefixtures("whole_reports")
NAN = float("nan")
NUM = 60
T_SCENE_WORLD = se3_exp(np.array([3.0, -2.0, 1.0, 0.4, 1.0, -0.3]))  # world = first camera
WALL = Mesh(
    np.array([[x, y, 2.0] for y in (-1, 1) for x in (-1, 1)], dtype=np.float32),
    np.zeros((4, 3), dtype=np.uint8),
    np.array([[0, 2, 1], [1, 2, 3]], dtype=np.int32),
)


@dataclass
class Recording:
    """A source that has only what evaluation asks for."""

    truth: Trajectory | None
    name: str = "recording"

    def __post_init__(self):
        self.camera = Camera(640, 480, 525.0, 525.0, 319.5, 239.5)
        self.depth_noise = DepthNoise.rendered()
        self.timestamps_s = np.arange(NUM) / 30.0

    def read(self, index: int) -> Frame:
        """Return no depth: the scores of a run need none."""
        depth_m = np.zeros((480, 640), np.float32)
        return Frame(
            index, float(self.timestamps_s[index]), self.camera, depth_m, None, self.depth_noise
        )

    def ground_truth(self) -> Trajectory | None:
        return self.truth


def path_in_world() -> Trajectory:
    time_s = np.arange(NUM) / 30.0
    twists = np.zeros((NUM, 6))
    twists[:, 0], twists[:, 1] = 0.1 * np.sin(time_s), 0.1 * (1 - np.cos(time_s))
    return Trajectory(time_s, np.array([se3_exp(twist) for twist in twists]))


def true_recording() -> Recording:
    path = path_in_world()
    return Recording(Trajectory(path.timestamps_s, T_SCENE_WORLD @ path.Ts_world_camera))


def write_run(path, trajectory: Trajectory, mesh: Mesh | None = WALL) -> RunFolder:
    folder = RunFolder(path)
    folder.write_config(Config())
    folder.write_trajectory(trajectory)
    folder.write_metrics({"source": "<recording>", "frames": NUM, "mesh": {"triangles": 2}})
    states = [TrackState.LOST if 20 <= i < 25 else TrackState.OK for i in range(NUM)]
    folder.write_frames(
        [FrameRecord(i, i / 30.0, states[i], 5.0, NAN, 0.001, 0.9, 0.1, 2.5) for i in range(NUM)]
    )
    if mesh is not None:
        folder.write_mesh(mesh)
    return folder


def num_images(html: str) -> int:
    return len(re.findall(r'<img alt="[^"]+" class="plot" src="data:image/png;base64,iVBOR', html))


def test_perfect_run_in_its_own_world_has_no_errors(tmp_path):
    write_run(tmp_path, path_in_world())
    vertices_m = transform_points(T_SCENE_WORLD, WALL.vertices_m.astype(np.float64))
    truth = Mesh(vertices_m.astype(np.float32), WALL.colors, WALL.triangles)
    metrics = evaluate_run(tmp_path, true_recording(), truth)
    # The file has nine decimals, and the aligned mesh is float32 some metres from the origin.
    assert metrics["ate_rmse_m"] < 1e-8
    assert metrics["mesh"]["accuracy_cm"] < 1e-3
    assert metrics["mesh"]["completion_ratio"] == 1.0
    assert metrics["mesh"]["triangles"] == 2  # what the run wrote stays
    assert metrics["mesh"]["whole_completion_ratio"] == 1.0
    assert metrics["mesh"]["whole_completion_ratio_predicted"] is None
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert list(written)[:2] == ["source", "frames"]
    assert written["mesh"]["f1"] == 1.0
    assert written["num_associated"] == NUM


def test_predicted_surface_is_scored_apart(tmp_path):
    """The right half of the wall is predicted, 10 cm too far."""
    left = [[x, y, 2.0] for y in (-1, 1) for x in (-1, 0)]
    right = [[x, y, 2.1] for y in (-1, 1) for x in (0, 1)]
    mesh = Mesh(
        np.array(left + right, dtype=np.float32),
        np.zeros((8, 3), dtype=np.uint8),
        np.concatenate([WALL.triangles, WALL.triangles + 4]),
        np.arange(8) >= 4,
    )
    write_run(tmp_path, path_in_world(), mesh)
    vertices_m = transform_points(T_SCENE_WORLD, WALL.vertices_m.astype(np.float64))
    truth = Mesh(vertices_m.astype(np.float32), WALL.colors, WALL.triangles)
    scores = evaluate_run(tmp_path, true_recording(), truth)["mesh"]
    assert scores["accuracy_cm"] < 1e-3
    assert scores["completion_ratio"] == pytest.approx(0.525, abs=0.01)
    assert scores["whole_completion_ratio"] == pytest.approx(0.525, abs=0.01)
    assert scores["whole_completion_ratio_predicted"] == pytest.approx(0.525, abs=0.01)
    assert scores["predicted_accuracy_cm"] == pytest.approx(10.0, abs=1e-3)
    html = (tmp_path / "report.html").read_text()
    assert "accuracy of the predicted surface" in html


def test_report_stands_alone(tmp_path):
    write_run(tmp_path, path_in_world(), mesh=None)
    evaluate_run(tmp_path, true_recording())
    html = (tmp_path / "report.html").read_text()
    assert num_images(html) == 5
    assert "&lt;recording&gt;" in html
    assert "<recording>" not in html
    assert "ATE RMSE" in html
    assert "voxel_size_m" in html
    outside = re.findall(r'(?:src|href)="(?!data:)[^"]*"|https?://|<script|<link|@import', html)
    assert outside == []


@pytest.mark.parametrize("source", [None, Recording(truth=None)])
def test_without_truth_there_is_a_report_without_errors(tmp_path, source):
    write_run(tmp_path, path_in_world(), mesh=None)
    metrics = evaluate_run(tmp_path, source)
    assert "ate_rmse_m" not in metrics
    html = (tmp_path / "report.html").read_text()
    assert num_images(html) == 4
    assert "ATE RMSE" not in html
    with pytest.raises(SlamError, match="needs at least three true poses"):
        evaluate_run(tmp_path, source, WALL)


def test_a_run_that_was_lost_at_once_is_reported(tmp_path, caplog):
    write_run(tmp_path, Trajectory(np.empty(0), np.empty((0, 4, 4))), mesh=None)
    with caplog.at_level(logging.WARNING):
        metrics = evaluate_run(tmp_path, true_recording())
    assert "ate_rmse_m" not in metrics
    assert "only 0 estimated poses" in caplog.text
    assert num_images((tmp_path / "report.html").read_text()) == 3


def test_report_of_a_run_with_nothing_measured(tmp_path):
    folder = write_run(tmp_path, path_in_world(), mesh=None)
    folder.write_frames([FrameRecord(0, 0.0, TrackState.LOST, NAN, NAN, NAN, NAN, NAN, NAN)])
    html = report_html([as_system("nothing", load_run(tmp_path))])
    assert num_images(html) == 2  # its path and its states


def test_views_of_lost_frames_count(tmp_path):
    """What a lost frame saw should have been mapped: losing the end of a run must not help it."""
    path = path_in_world()
    half = Trajectory(path.timestamps_s[:30], path.Ts_world_camera[:30])
    write_run(tmp_path, half, mesh=None)
    truth = true_recording().ground_truth()
    assert len(true_views(as_system("half", load_run(tmp_path)), truth)) == NUM
    (tmp_path / "frames.csv").unlink()
    assert len(true_views(as_system("half", load_run(tmp_path)), truth)) == 30


def test_mesh_score_without_a_mesh_is_an_error(tmp_path):
    write_run(tmp_path, path_in_world(), mesh=None)
    with pytest.raises(SlamError, match=r"has no mesh\.ply"):
        evaluate_run(tmp_path, true_recording(), WALL)
