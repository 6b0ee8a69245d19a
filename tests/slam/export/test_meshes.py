"""Meshes and point clouds, read back by other libraries."""

import json
import struct
from dataclasses import replace

import numpy as np
import open3d
import pytest
import trimesh

from slam.export.glb import linear_rgba, write_glb
from slam.export.points import surface_points, write_points
from slam.maps.base import Mesh

OWN_WORLD = np.diag([1.0, -1.0, -1.0])


@pytest.fixture
def mesh():
    """A floor of two triangles one metre below the camera, seen from above, in all colours."""
    vertices_m = [[x, 1.0, z] for z in (1.0, 2.0) for x in (0.0, 1.0)]
    colors = [[0, 10, 20], [90, 128, 200], [255, 254, 1], [3, 60, 180]]
    triangles = [[0, 1, 2], [1, 3, 2]]
    return Mesh(
        np.array(vertices_m, np.float32), np.array(colors, np.uint8), np.array(triangles, np.int32)
    )


def sorted_rows(*columns):
    table = np.concatenate(columns, axis=1)
    return table[np.lexsort(table.T)]


def test_open3d_reads_our_glb(mesh, tmp_path):
    write_glb(tmp_path / "mesh.glb", mesh, OWN_WORLD)
    loaded = open3d.io.read_triangle_mesh(str(tmp_path / "mesh.glb"))
    linear = np.asarray(loaded.vertex_colors)
    srgb = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    np.testing.assert_allclose(
        sorted_rows(np.asarray(loaded.vertices), 255.0 * srgb),
        sorted_rows(mesh.vertices_m * [1, -1, -1], mesh.colors),
        atol=0.02,  # of a grey level: 16 bits are finer than 8 even where it is dark
    )
    loaded.compute_triangle_normals()
    np.testing.assert_allclose(loaded.triangle_normals, [[0, 1, 0]] * 2, atol=1e-6)  # up


def test_trimesh_reads_our_glb(mesh, tmp_path):
    write_glb(tmp_path / "mesh.glb", mesh, OWN_WORLD)
    (loaded,) = trimesh.load_scene(tmp_path / "mesh.glb", process=False).geometry.values()
    np.testing.assert_array_equal(loaded.vertices, mesh.vertices_m * [1, -1, -1])
    np.testing.assert_array_equal(loaded.faces, mesh.triangles)
    np.testing.assert_array_equal(
        loaded.visual.vertex_attributes["color"], linear_rgba(mesh.colors)
    )


def test_a_glb_is_one_file_with_an_unlit_surface(mesh, tmp_path):
    write_glb(tmp_path / "mesh.glb", mesh, OWN_WORLD)
    data = (tmp_path / "mesh.glb").read_bytes()
    magic, version, length, json_length = struct.unpack("<4sIII", data[:16])
    assert (magic, version, length) == (b"glTF", 2, len(data))
    tree = json.loads(data[20 : 20 + json_length])
    assert tree["extensionsUsed"] == ["KHR_materials_unlit"]
    (primitive,) = tree["meshes"][0]["primitives"]
    assert "KHR_materials_unlit" in tree["materials"][primitive["material"]]["extensions"]
    color = tree["accessors"][primitive["attributes"]["COLOR_0"]]
    assert (color["componentType"], color["type"], color["normalized"]) == (5123, "VEC4", True)
    assert "uri" not in tree["buffers"][0]


def test_linear_colours_end_where_they_should():
    grey = np.repeat(np.array([[0], [188], [255]], np.uint8), 3, axis=1)
    linear = linear_rgba(grey) / 65535.0
    np.testing.assert_allclose(linear[:, 0], [0.0, 0.5, 1.0], atol=0.004)  # 188: half the light
    np.testing.assert_array_equal(linear[:, 3], 1.0)


def test_open3d_reads_our_points(mesh, tmp_path):
    write_points(tmp_path / "points.ply", surface_points(mesh))
    loaded = open3d.io.read_point_cloud(str(tmp_path / "points.ply"))
    np.testing.assert_array_equal(loaded.points, mesh.vertices_m)
    np.testing.assert_allclose(np.asarray(loaded.colors) * 255.0, mesh.colors, atol=1e-6)
    np.testing.assert_allclose(loaded.normals, [[0, -1, 0]] * 4, atol=1e-6)  # towards the camera


def test_trimesh_reads_our_points(mesh, tmp_path):
    write_points(tmp_path / "points.ply", surface_points(mesh))
    loaded = trimesh.load(tmp_path / "points.ply")
    np.testing.assert_array_equal(loaded.vertices, mesh.vertices_m)
    np.testing.assert_array_equal(loaded.colors[:, :3], mesh.colors)


def test_vertices_without_area_are_no_points(mesh):
    degenerate = np.array([[0, 1, 2], [3, 3, 3]], np.int32)
    cloud = surface_points(replace(mesh, triangles=degenerate))
    np.testing.assert_array_equal(cloud.points_m, mesh.vertices_m[:3])
    assert np.isfinite(cloud.normals).all()
    assert len(surface_points(replace(mesh, triangles=degenerate[:0]))) == 0


def test_thinning_keeps_points_whole(mesh):
    cloud = surface_points(mesh)
    assert cloud.thinned(4) is cloud
    thin = cloud.thinned(2)
    np.testing.assert_array_equal(thin.points_m, cloud.thinned(2).points_m)
    for point_m, color in zip(thin.points_m, thin.colors, strict=True):
        (k,) = np.flatnonzero((cloud.points_m == point_m).all(axis=1))
        np.testing.assert_array_equal(color, cloud.colors[k])
    assert len(thin) == 2
