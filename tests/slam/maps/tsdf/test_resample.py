"""A map at another resolution."""

import numpy as np
import pytest

from slam.errors import SlamError
from slam.maps.tsdf.resample import resample


@pytest.mark.parametrize("factor", [0.5, 1.0, 2.3])
def test_another_resolution_shows_the_same_surface(make_map, see, factor: float):
    map_ = make_map()
    map_.integrate(*see())
    voxel_size_m = factor * map_.config.voxel_size_m
    mesh, before = resample(map_, voxel_size_m).mesh(), map_.mesh()
    assert np.abs(mesh.vertices_m[:, 1]).max() < 0.05 * map_.config.voxel_size_m  # the wall: y = 0
    # a cell needs all its corners known: the rim may lose up to two new voxels
    for side in (np.min, np.max):
        extent, expected = side(mesh.vertices_m, axis=0), side(before.vertices_m, axis=0)
        np.testing.assert_allclose(extent, expected, atol=2.0 * max(1.0, factor) * voxel_size_m)
    # per area there are 1 / factor^2 as many triangles
    ratio = len(mesh.triangles) / len(before.triangles)
    assert ratio == pytest.approx(factor**-2, rel=0.25)
    assert np.abs(mesh.colors.mean(axis=0) - before.colors.mean(axis=0)).max() < 4


def test_a_size_that_makes_no_sense_is_refused(make_map):
    with pytest.raises(SlamError, match="got 7"):
        resample(make_map(), 7.0)
