"""Sequences on disk hold what the source delivered."""

import errno
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from slam.errors import SlamError
from slam.sources import sequence_writer
from slam.sources.synthetic import open_synthetic
from slam.trajectory import read_tum


def test_tum_layout(tmp_path: Path) -> None:
    source = open_synthetic("thin", 3)
    sequence_writer.write_sequence(source, tmp_path, "tum")
    rows = [line.split() for line in (tmp_path / "depth.txt").read_text().splitlines()[1:]]
    assert len(rows) == 3
    camera = yaml.safe_load((tmp_path / "camera.yaml").read_text())
    frame = source.read(2)
    depth = cv2.imread(str(tmp_path / rows[2][1]), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(depth / camera["depth_scale"], frame.depth_m, atol=0.5001 / 5000)
    bgr = cv2.imread(str(tmp_path / "rgb" / Path(rows[2][1]).name))
    np.testing.assert_array_equal(bgr[:, :, ::-1], frame.color)
    trajectory = read_tum(tmp_path / "groundtruth.txt")
    want = source.ground_truth().Ts_world_camera
    np.testing.assert_allclose(trajectory.Ts_world_camera, want, atol=1e-7)
    assert (camera["width"], camera["height"]) == (640, 480)
    assert (tmp_path / "mesh.ply").stat().st_size > 10000


def test_replica_layout(tmp_path: Path) -> None:
    source = open_synthetic("wall", 4)
    sequence_writer.write_sequence(source, tmp_path, "replica", num_frames=2)
    camera = json.loads((tmp_path / "cam_params.json").read_text())["camera"]
    frame = source.read(1)
    path = tmp_path / "results" / "depth000001.png"
    depth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    np.testing.assert_allclose(depth / camera["scale"], frame.depth_m, atol=0.5001 / 6553.5)
    bgr = cv2.imread(str(tmp_path / "results" / "frame000001.jpg"))
    assert frame.color is not None
    assert np.abs(bgr[:, :, ::-1].astype(int) - frame.color).mean() < 4
    poses = np.loadtxt(tmp_path / "traj.txt").reshape(-1, 4, 4)
    np.testing.assert_allclose(poses, source.ground_truth().Ts_world_camera[:2], atol=1e-10)
    assert not (tmp_path / "results" / "frame000002.jpg").exists()


def test_full_disk_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SlamError, match="No space left on device"):
        sequence_writer.write_sequence(open_synthetic("wall", 1), tmp_path, "tum")


def test_too_many_frames(tmp_path: Path) -> None:
    with pytest.raises(SlamError, match="has 2 frames, asked for 3"):
        sequence_writer.write_sequence(open_synthetic("wall", 2), tmp_path, "tum", num_frames=3)


@pytest.mark.parametrize("format", ["tum", "replica"])
def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, format) -> None:
    (tmp_path / "camera.yaml").write_text("mine")
    with pytest.raises(SlamError, match="is not empty: give a new folder"):
        sequence_writer.write_sequence(open_synthetic("wall", 1), tmp_path, format)
    assert [path.name for path in tmp_path.iterdir()] == ["camera.yaml"]
    assert (tmp_path / "camera.yaml").read_text() == "mine"
