"""A nerfstudio folder, read by what nerfstudio documents and nothing of ours."""

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import open3d
import pytest

from slam.errors import SlamError
from slam.export.nerfstudio import write_nerfstudio
from slam.export.points import surface_points
from slam.export.run import ExportOptions, export_run
from slam.geometry import inverse, transform_points
from slam.meshio import read_mesh
from slam.runs.finished import load_run

PIXELS = [(0, 0), (100, 400), (320, 240), (639, 479)]  # u, v


@pytest.fixture(scope="module")
def exported(run_dir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("nerfstudio")
    line = export_run(run_dir, "nerfstudio", folder, ExportOptions(every=1))
    assert line.startswith("4 images")  # of six, one is lost and one is weak
    return folder


@pytest.fixture(scope="module")
def transforms(exported):
    return json.loads((exported / "transforms.json").read_text())


def points_of(folder, transforms, frame, pixels):
    """Back-project pixels into the world of the file as nerfstudio casts its rays."""
    depth = cv2.imread(str(folder / frame["depth_file_path"]), cv2.IMREAD_UNCHANGED)
    assert depth.dtype == np.uint16
    u, v = np.array(pixels).T
    x = (u + 0.5 - transforms["cx"]) / transforms["fl_x"]
    y = -(v + 0.5 - transforms["cy"]) / transforms["fl_y"]
    rays = np.stack([x, y, -np.ones(len(u))], axis=1)
    matrix = np.array(frame["transform_matrix"])
    return rays * (0.001 * depth[v, u])[:, None] @ matrix[:3, :3].T + matrix[:3, 3]


def in_our_world(transforms, points):
    R, t = np.hsplit(np.array(transforms["applied_transform"]), [3])
    return (points - t[:, 0]) @ R  # the inverse of a rotation is its transpose


def test_the_pixels_are_where_we_have_them(exported, transforms, room, T_world_scene):
    for frame in transforms["frames"]:
        index = int(frame["file_path"][-10:-4])
        z = room.read(index).depth_m
        expected = []
        for u, v in PIXELS:
            c = room.camera
            p_camera = [(u - c.cx) / c.fx * z[v, u], (v - c.cy) / c.fy * z[v, u], z[v, u], 1.0]
            T_scene_camera = room.ground_truth().Ts_world_camera[index]
            expected.append((T_world_scene @ T_scene_camera @ p_camera)[:3])
        found = in_our_world(transforms, points_of(exported, transforms, frame, PIXELS))
        np.testing.assert_allclose(found, expected, atol=0.0007)  # half a millimetre, oblique


def test_the_pixels_lie_on_the_surface_of_the_scene(exported, transforms, room, T_world_scene):
    """Also half a pixel would be seen: at 3 m it is 3 mm."""
    pixels = [(u, v) for u in range(8, 640, 24) for v in range(8, 480, 24)]
    for frame in transforms["frames"]:
        points = in_our_world(transforms, points_of(exported, transforms, frame, pixels))
        p_scene = transform_points(inverse(T_world_scene), points)
        sdf_m = room.scene.sdf(p_scene.astype(np.float32))
        assert np.abs(sdf_m).max() < 0.001


def test_the_images_are_those_of_the_source(exported, transforms, room):
    names = [frame["file_path"] for frame in transforms["frames"]]
    assert names == [f"images/{index:06d}.png" for index in (0, 10, 40, 50)]
    assert sorted(path.name for path in (exported / "images").iterdir()) == [n[7:] for n in names]
    for index, name in zip((0, 10, 40, 50), names, strict=True):
        image = cv2.imread(str(exported / name))
        assert image.shape == (transforms["h"], transforms["w"], 3)
        np.testing.assert_array_equal(image[:, :, ::-1], room.read(index).color)


def test_the_world_has_z_up(transforms):
    for frame in transforms["frames"]:
        matrix = np.array(frame["transform_matrix"])
        assert matrix[2, 1] > 0.8  # the camera's y, which is up in OpenGL
        assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1.0)


def test_the_points_lie_in_the_world_of_the_matrices(exported, transforms, run_dir):
    cloud = open3d.io.read_point_cloud(str(exported / transforms["ply_file_path"]))
    ours = surface_points(read_mesh(load_run(run_dir).mesh_path))
    points = in_our_world(transforms, np.asarray(cloud.points))
    assert 0 < len(points) == min(len(ours), 200_000)
    np.testing.assert_allclose(points.min(axis=0), ours.points_m.min(axis=0), atol=0.02)
    np.testing.assert_allclose(points.max(axis=0), ours.points_m.max(axis=0), atol=0.02)


def test_there_is_no_distortion(transforms):
    assert transforms["camera_model"] == "OPENCV"
    assert [transforms[name] for name in ("k1", "k2", "p1", "p2")] == [0.0] * 4


@pytest.fixture
def frames(room):
    frame = room.read(0)
    return [(replace(frame, index=k), np.eye(4)) for k in range(3)]


@pytest.fixture
def cloud(run_dir):
    return surface_points(read_mesh(load_run(run_dir).mesh_path)).thinned(10)


def test_frames_without_colour_are_left_out(frames, cloud, room, tmp_path):
    frames[1] = (replace(frames[1][0], color=None), np.eye(4))
    assert write_nerfstudio(tmp_path, room.camera, frames, cloud, np.eye(3)) == 2
    transforms = json.loads((tmp_path / "transforms.json").read_text())
    assert [frame["file_path"][-5] for frame in transforms["frames"]] == ["0", "2"]


def test_what_cannot_be_finished_has_no_transforms(frames, cloud, room, tmp_path):
    write_nerfstudio(tmp_path, room.camera, frames, cloud, np.eye(3))
    colorless = [(replace(frame, color=None), T) for frame, T in frames]
    with pytest.raises(SlamError, match="no frame has both"):
        write_nerfstudio(tmp_path, room.camera, colorless, cloud, np.eye(3))
    assert not (tmp_path / "transforms.json").exists()
    (tmp_path / "file").touch()
    with pytest.raises(SlamError, match=r"cannot write .*: Not a directory"):
        write_nerfstudio(tmp_path / "file", room.camera, frames, cloud, np.eye(3))


def test_an_export_with_fewer_images_leaves_none_of_the_one_before(run_dir, tmp_path):
    export_run(run_dir, "nerfstudio", tmp_path, ExportOptions(every=1))
    (tmp_path / "images" / "mine.png").write_text("x")
    export_run(run_dir, "nerfstudio", tmp_path, ExportOptions(every=2))
    frames = json.loads((tmp_path / "transforms.json").read_text())["frames"]
    for kind in ("images", "depth"):
        names = {path.name for path in (tmp_path / kind).iterdir()} - {"mine.png"}
        assert names == {Path(frame["file_path"]).name for frame in frames}
        assert 0 < len(names) < 4
    assert (tmp_path / "images" / "mine.png").is_file()
