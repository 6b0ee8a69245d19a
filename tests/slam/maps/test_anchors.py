"""The frames that blocks hang on."""

import numpy as np

from slam.maps.anchors import STAY, Anchors


def test_a_block_hangs_on_the_middle_of_its_first_stay():
    anchors = Anchors.new(3)
    assert np.isnan(anchors.frames).all()
    number = 0
    for number in range(11):
        anchors.note(np.array([0, 2], np.int32), 100 + 2 * number, number)
    np.testing.assert_allclose(anchors.frames[[0, 2]], 110.0)
    for later in range(5):  # and later ones hang on it
        anchors.note(np.array([2], np.int32), 9000 + later, number + STAY + 1 + later)
    np.testing.assert_allclose(anchors.frames[[0, 2]], 110.0)
    assert anchors.lasts.tolist() == [10, -1, number + STAY + 5]
    assert np.isnan(anchors.frames[1])


def test_a_short_absence_ends_no_stay():
    anchors = Anchors.new(1)
    for index in (0, STAY):
        anchors.note(np.zeros(1, np.int32), index, index)
    assert anchors.frames[0] == STAY / 2


def test_growth_keeps_anchors_and_a_file_ends_stays():
    anchors = Anchors.new(2)
    anchors.note(np.array([1], np.int32), 40, 0)
    grown = anchors.grown(4)
    np.testing.assert_array_equal(grown.frames, [np.nan, 40, np.nan, np.nan])
    grown.take(np.array([np.nan, 5.0], np.float32))
    grown.note(np.array([0, 1, 2], np.int32), 60, 1)
    np.testing.assert_array_equal(grown.frames, [np.nan, 5, 60, np.nan])
