"""The comparison of several systems: its figures, its page, and what may be missing."""

import json
import logging
import re
from pathlib import Path

import numpy as np
import pytest

from slam.config import Config
from slam.report.comparison import compare_runs


def num_images(html: str) -> int:
    return len(re.findall(r'<img alt="[^"]+"[^>]* src="data:image/(?:png|jpeg);base64,', html))


@pytest.fixture(scope="module")
def three(tmp_path_factory, wall, write_ours, write_other):
    """Two runs of ours, the second one's wall 1 cm too far, and another system, 3 cm too near."""
    folder = tmp_path_factory.mktemp("three")
    write_ours(folder / "a", fps=60.0, ate_rmse_m=9.0)
    write_ours(folder / "b", wall(2.01), Config(map="neural"), fps=30.0)
    write_other(folder / "c", wall(1.97))
    return [folder / name for name in "abc"]


@pytest.mark.usefixtures("whole_reports")
def test_systems_are_compared(three, tmp_path, recording):
    before = times_of_writing(three)
    names = ["<a>", "b", "c"]
    scores = compare_runs(three, recording, tmp_path / "page.html", names)
    assert times_of_writing(three) == before
    assert list(scores["systems"]) == names
    for metrics in scores["systems"].values():
        assert metrics["ate_rmse_m"] < 1e-6  # scored anew
    errors_cm = [scores["systems"][name]["recording"]["depth_median_cm"] for name in names]
    np.testing.assert_allclose(errors_cm, [0.0, 1.0, 3.0], atol=1e-3)
    assert scores["systems"]["c"]["recording"]["hole_ratio"] == 0.0
    # of walls at 0, 1 and -3 cm, the furthest of the others is 3, 4 and 4 cm away
    difference = scores["mesh_difference"]
    means_cm = [difference["of"][name]["mean_cm"] for name in names]
    np.testing.assert_allclose(means_cm, [3.0, 4.0, 4.0], atol=0.01)
    pairs_cm = {pair: found["mean_cm"] for pair, found in difference["pairs"].items()}
    assert pairs_cm == pytest.approx({"<a> - b": 1.0, "<a> - c": 3.0, "b - c": 4.0}, abs=0.01)
    assert difference["within_1_cm"] == 0.0
    assert difference["within_5_cm"] == 1.0
    json.dumps(scores)
    check_page((tmp_path / "page.html").read_text())


def times_of_writing(folders: list[Path]) -> dict[Path, int]:
    return {file: file.stat().st_mtime_ns for folder in folders for file in folder.iterdir()}


def check_page(html: str) -> None:
    assert "&lt;a&gt;" in html
    assert "<a>" not in html
    outside = re.findall(r'(?:src|href)="(?!data:)[^"]*"|https?://|<script|<link|@import', html)
    assert outside == []
    assert "All settings of b" in html
    assert "All settings of c" not in html
    assert len(html) < 4e6
    plots_and_scale, from_above, by_distance = 7 + 1, 2 * 3, 2 * 3
    # the path is short: three places, and one of them is the worst
    from_places, worst = 3 * 2 * (1 + 3), 1 + 3 + 1
    assert num_images(html) == plots_and_scale + from_above + by_distance + from_places + worst


def test_a_true_mesh_is_scored_and_shown(three, tmp_path, recording, wall):
    from slam.evaluation.world import moved_mesh

    T_scene_world = recording.ground_truth().Ts_world_camera[0]
    truth = moved_mesh(wall(2.0), T_scene_world)
    scores = compare_runs(three, recording, tmp_path / "page.html", gt_mesh=truth)
    errors_cm = [scores["systems"][name]["mesh"]["accuracy_cm"] for name in "abc"]
    np.testing.assert_allclose(errors_cm, [0.0, 1.0, 3.0], atol=0.01)
    assert "Distance to the true surface" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("has_source", [True, False])
def test_without_truth(three, tmp_path, recording_without_truth, has_source):
    source = recording_without_truth if has_source else None
    scores = compare_runs(three, source, tmp_path / "page.html")
    assert "ate_mean_m" not in scores["systems"]["b"]
    assert ("recording" in scores["systems"]["c"]) == has_source
    assert scores["mesh_difference"]["of"]["c"]["mean_cm"] == pytest.approx(4.0, abs=0.01)
    html = (tmp_path / "page.html").read_text()
    assert ("recorded colour" in html) == has_source
    assert "Distance to the position of a" in html or "error over time" in html


def test_what_was_lost_or_has_no_mesh_is_left_out(three, tmp_path, recording, write_ours, caplog):
    write_ours(tmp_path / "lost", num_poses=0)
    write_ours(tmp_path / "bare", mesh=None)
    paths = [*three, tmp_path / "lost", tmp_path / "bare"]
    with caplog.at_level(logging.WARNING):
        scores = compare_runs(paths, recording, tmp_path / "page.html")
    assert "lost is left out of plots and pictures" in caplog.text
    assert list(scores["mesh_difference"]["of"]) == ["a", "b", "c"]
    assert "ate_rmse_m" not in scores["systems"]["lost"]
    assert scores["systems"]["bare"]["ate_rmse_m"] < 1e-6


def test_no_mesh_at_all(tmp_path, recording, write_ours):
    paths = [write_ours(tmp_path / name, mesh=None) for name in "ab"]
    scores = compare_runs(paths, recording, tmp_path / "page.html")
    assert scores["mesh_difference"] is None
    assert num_images((tmp_path / "page.html").read_text()) == 6  # plots only
