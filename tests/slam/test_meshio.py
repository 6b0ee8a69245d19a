"""Mesh files."""

import errno
import resource
from pathlib import Path

import numpy as np
import pytest
import trimesh

from slam import meshio
from slam.errors import SlamError
from slam.maps.base import Mesh
from slam.meshio import read_mesh, read_with_predicted, write_ply


def random_mesh(num_vertices: int, num_triangles: int, is_marked: bool = False) -> Mesh:
    random = np.random.default_rng(0)
    return Mesh(
        random.normal(size=(num_vertices, 3)).astype(np.float32),
        random.integers(0, 256, (num_vertices, 3)).astype(np.uint8),
        random.integers(0, max(num_vertices, 1), (num_triangles, 3)).astype(np.int32),
        random.random(num_vertices) < 0.5 if is_marked else None,
    )


def assert_equal(a: Mesh, b: Mesh) -> None:
    np.testing.assert_array_equal(a.vertices_m, b.vertices_m)
    np.testing.assert_array_equal(a.colors, b.colors)
    np.testing.assert_array_equal(a.triangles, b.triangles)
    assert (a.is_predicted is None) == (b.is_predicted is None)
    if a.is_predicted is not None:
        np.testing.assert_array_equal(a.is_predicted, b.is_predicted)


@pytest.mark.parametrize("size", [(0, 0), (3, 1), (7, 5), (100, 333)])
def test_ply_roundtrip_over_chunk_borders(tmp_path, monkeypatch, size):
    monkeypatch.setattr(meshio, "_ROWS", 5)
    mesh = random_mesh(*size)
    write_ply(tmp_path / "mesh.ply", mesh)
    assert_equal(read_mesh(tmp_path / "mesh.ply"), mesh)
    assert [path.name for path in tmp_path.iterdir()] == ["mesh.ply"]


def test_what_is_predicted_has_a_file_of_its_own_whose_vertices_say_so(tmp_path, monkeypatch):
    monkeypatch.setattr(meshio, "_ROWS", 5)
    mesh = random_mesh(100, 333, is_marked=True)
    path, beside = tmp_path / "mesh.ply", tmp_path / "mesh_predicted.ply"
    write_ply(path, mesh)
    assert_equal(read_mesh(path), mesh.observed())
    assert_equal(read_mesh(beside), mesh.predicted())
    for written, is_marked in ((path, False), (beside, True)):
        header = written.read_bytes().split(b"end_header")[0]
        assert (b"property uchar predicted\n" in header) is is_marked
    assert_equal(read_with_predicted(path), mesh.observed().joined(mesh.predicted()))
    assert_equal(read_with_predicted(path).observed(), mesh.observed())
    write_ply(path, mesh.observed())  # nothing of another mesh stays
    assert not beside.exists()
    assert read_with_predicted(path).is_predicted is None


@pytest.mark.parametrize("is_marked", [False, True])
def test_trimesh_reads_what_we_write(tmp_path, is_marked):
    mesh = random_mesh(50, 80, is_marked)
    write_ply(tmp_path / "mesh.ply", mesh)
    parts = {"mesh": mesh.observed(), "mesh_predicted": mesh.predicted()}
    for name, part in parts.items():
        if len(part.triangles):
            loaded = trimesh.load(tmp_path / f"{name}.ply", process=False)
            np.testing.assert_array_equal(loaded.vertices.astype(np.float32), part.vertices_m)
            np.testing.assert_array_equal(loaded.faces, part.triangles)
            np.testing.assert_array_equal(loaded.visual.vertex_colors[:, :3], part.colors)


def test_foreign_files_are_read(tmp_path):
    (tmp_path / "mesh.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    mesh = read_mesh(tmp_path / "mesh.obj")
    np.testing.assert_array_equal(mesh.vertices_m, [[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(mesh.triangles, [[0, 1, 2]])
    (tmp_path / "ascii.ply").write_text(
        "ply\nformat ascii 1.0\nelement vertex 3\nproperty float x\nproperty float y\n"
        "property float z\nproperty uchar red\nproperty uchar green\nproperty uchar blue\n"
        "element face 1\nproperty list uchar int vertex_indices\nend_header\n"
        "0 0 0 255 0 1\n1 0 0 255 0 1\n0 1 0 255 0 1\n3 0 1 2\n"
    )
    np.testing.assert_array_equal(read_mesh(tmp_path / "ascii.ply").colors, [[255, 0, 1]] * 3)


def test_damaged_files_are_errors_of_one_line(tmp_path):
    path = tmp_path / "mesh.ply"
    with pytest.raises(SlamError, match="no such file"):
        read_mesh(path)
    write_ply(path, random_mesh(50, 80))
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(SlamError, match=r"is damaged: .* bytes, its header promises"):
        read_mesh(path)
    write_ply(
        path,
        Mesh(
            np.zeros((2, 3), np.float32),
            np.zeros((2, 3), np.uint8),
            np.array([[0, 1, 2]], np.int32),
        ),
    )
    with pytest.raises(SlamError, match="a triangle names vertex 2 of 2"):
        read_mesh(path)
    write_ply(
        path,
        Mesh(
            np.full((3, 3), np.nan, np.float32),
            np.zeros((3, 3), np.uint8),
            np.array([[0, 1, 2]], np.int32),
        ),
    )
    with pytest.raises(SlamError, match="not finite"):
        read_mesh(path)


def test_what_is_no_mesh_is_an_error(tmp_path):
    path = tmp_path / "mesh.ply"
    for content in [b"", b"ply\n", b"\x00\xff" * 600, b"end_header\n"]:
        path.write_bytes(content)
        with pytest.raises(SlamError, match="no triangles found"):
            read_mesh(path)


def test_full_disk_keeps_the_old_file(tmp_path):
    path = tmp_path / "mesh.ply"
    small, large = random_mesh(3, 1), random_mesh(100_000, 100_000)
    write_ply(path, small)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(SlamError, match=r"cannot write .*mesh\.ply: File too large"):
            write_ply(path, large)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert_equal(read_mesh(path), small)
    assert [path.name for path in tmp_path.iterdir()] == ["mesh.ply"]


def test_missing_folder_is_an_error_of_one_line(tmp_path):
    with pytest.raises(SlamError, match=r"cannot write .*No such file or directory"):
        write_ply(tmp_path / "missing" / "mesh.ply", random_mesh(3, 1))


def test_a_read_only_file_system_is_an_error_of_one_line(tmp_path, monkeypatch):
    """It refuses to remove even what is not there."""

    def refuse(path, *_, **__):
        raise OSError(errno.EROFS, "Read-only file system", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(SlamError, match=r"cannot write .*a\.ply: Read-only file system"):
        write_ply(tmp_path / "a.ply", random_mesh(3, 1))
