import numpy as np
import pytest

from slam.errors import SlamError
from slam.sources.image_sequence import ImageSequence
from slam.sources.replica import list_replica


@pytest.fixture
def folder(tmp_path, sample):
    sample.write["replica"](tmp_path / "room0")
    return tmp_path / "room0"


def test_camera_may_lie_one_folder_up(folder, sample):
    (folder / "cam_params.json").rename(folder.parent / "cam_params.json")
    assert ImageSequence(list_replica(folder)).camera == sample.camera


def test_without_a_camera_says_where_it_belongs(folder):
    (folder / "cam_params.json").unlink()
    with pytest.raises(SlamError, match=r"no cam_params\.json"):
        ImageSequence(list_replica(folder))


@pytest.mark.parametrize("text", ["{", "{}", '{"camera": {"w": "many"}}', "[]"])
def test_broken_camera_file(folder, text):
    (folder / "cam_params.json").write_text(text)
    with pytest.raises(SlamError, match=r"cam_params\.json (must hold|is not valid JSON)"):
        ImageSequence(list_replica(folder))


def test_a_removed_frame_does_not_move_the_poses_of_the_others(folder, sample):
    (folder / "results/depth000001.png").unlink()
    source = ImageSequence(list_replica(folder))
    np.testing.assert_allclose(source.timestamps_s, np.array([0, 2, 3]) / 30)
    np.testing.assert_allclose(source.ground_truth().Ts_world_camera[1], sample.pose(2), atol=1e-9)


def test_a_short_trajectory_leaves_the_other_frames_without_pose(folder):
    lines = (folder / "traj.txt").read_text().splitlines()
    (folder / "traj.txt").write_text("\n".join(lines[:2]))
    assert len(ImageSequence(list_replica(folder)).ground_truth()) == 2


def test_real_bedroom(data_dir):
    source = ImageSequence(list_replica(data_dir / "replica_bedroom"))
    truth = source.ground_truth()
    assert len(source.timestamps_s) == len(truth) == 200
    depth_m, color = source.read(100).depth_m, source.read(100).color
    assert color.shape == (480, 640, 3)
    assert 1.0 < np.median(depth_m[depth_m > 0]) < 5.0
    # Poses and depth agree: what frame 0 sees lies on the surface that frame 5 sees.
    error_m = _reprojection_error_m(source, truth.Ts_world_camera, 0, 5)
    assert np.median(error_m) < 0.002


def _reprojection_error_m(source, Ts_world_camera, a, b):
    """Return |z - depth| of frame a's points, seen from frame b with the true poses."""
    camera = source.camera
    depth_a_m, depth_b_m = source.read(a).depth_m, source.read(b).depth_m
    v, u = np.nonzero(depth_a_m > 0)
    z = depth_a_m[v, u]
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(len(u))])
    T_b_a = np.linalg.inv(Ts_world_camera[b]) @ Ts_world_camera[a]
    x, y, z = T_b_a[:3, :3] @ (rays * z) + T_b_a[:3, 3:]
    u = np.rint(camera.fx * x / z + camera.cx).astype(int)
    v = np.rint(camera.fy * y / z + camera.cy).astype(int)
    is_inside = (z > 0) & (u >= 0) & (v >= 0) & (u < camera.width) & (v < camera.height)
    seen_m = depth_b_m[v[is_inside], u[is_inside]]
    return np.abs(z[is_inside] - seen_m)[seen_m > 0]
