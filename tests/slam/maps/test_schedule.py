"""What changes from frame to frame in fusion visits everything before anything comes again."""

import numpy as np

from slam.maps.schedule import FREE_STRIDE, dither_of, free_offset_of


def test_free_rays_start_once_at_every_row_and_column():
    rows, columns = zip(*(free_offset_of(n) for n in range(FREE_STRIDE)), strict=True)
    assert sorted(rows) == sorted(columns) == list(range(FREE_STRIDE))
    assert free_offset_of(FREE_STRIDE) == free_offset_of(0)


def test_a_voxel_meets_every_value_of_the_dither_once():
    met = [dither_of(n)[17] for n in range(1024)]
    np.testing.assert_array_equal(np.sort(met), np.sort(dither_of(0)))
