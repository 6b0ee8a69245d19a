"""The mesh of a TSDF: where it ends, and at another resolution than the map's."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from slam.errors import SlamError
from slam.geometry import transform_points

VOXEL_SIZE_M = 0.02  # of `make_map`


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.3])
def test_another_resolution_shows_the_same_surface(make_map, see, factor: float):
    map_ = make_map()
    map_.integrate(*see())
    voxel_size_m = factor * map_.config.voxel_size_m
    mesh, before = map_.mesh(voxel_size_m), map_.mesh()
    assert np.abs(mesh.vertices_m[:, 1]).max() < 0.05 * map_.config.voxel_size_m  # the wall: y = 0
    # a cell needs all its corners known: the rim may lose up to two new voxels
    for side in (np.min, np.max):
        extent, expected = side(mesh.vertices_m, axis=0), side(before.vertices_m, axis=0)
        np.testing.assert_allclose(extent, expected, atol=2.0 * max(1.0, factor) * voxel_size_m)
    # per area there are 1 / factor^2 as many triangles
    ratio = len(mesh.triangles) / len(before.triangles)
    assert ratio == pytest.approx(factor**-2, rel=0.25)
    assert np.abs(mesh.colors.mean(axis=0) - before.colors.mean(axis=0)).max() < 4


def test_more_blocks_than_the_budget_are_refused(make_map, see):
    map_ = make_map(budget_mb=2)
    map_.integrate(*see())
    with pytest.raises(SlamError, match="exceed 2 MB; take a larger voxel size"):
        map_.mesh(map_.config.voxel_size_m / 8)


@pytest.mark.parametrize("has_color", [True, False])
def test_the_mesh_ends_where_readings_end(make_map, see, has_color: bool):
    """No sheet hangs from the edges of a box of which only the front was seen."""
    map_ = make_map()
    frame, T_world_camera = see(has_box=True, has_color=has_color)
    map_.integrate(frame, T_world_camera)
    v, u = np.nonzero(frame.depth_m)
    points = frame.camera.unproject(u, v, frame.depth_m[v, u])
    readings = cKDTree(transform_points(T_world_camera, points))
    mesh = map_.mesh()
    assert readings.query(mesh.vertices_m)[0].max() < map_.truncation_m[1] / 3 + VOXEL_SIZE_M
    to_mesh_m, _ = cKDTree(mesh.vertices_m).query(readings.data)
    assert (to_mesh_m < VOXEL_SIZE_M).mean() > 0.95
