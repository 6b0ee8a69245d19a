"""Which frames are held out."""

import pytest

from slam.errors import SlamError
from slam.sources.holdout import EVERY_FRAME, HeldOut


def held_out(every: int, indices: range, stride: int = 1) -> list[int]:
    return [index for index in indices if index in HeldOut(every, stride)]


def test_every_nth_frame_from_the_middle_of_the_first_n():
    assert held_out(10, range(40)) == [5, 15, 25, 35]
    assert held_out(3, range(9)) == [1, 4, 7]
    assert held_out(2, range(6)) == [1, 3, 5]
    assert held_out(0, range(100)) == []


@pytest.mark.parametrize("stride", [2, 3, 5, 10])
@pytest.mark.parametrize("every", [2, 5, 10])
def test_a_stride_holds_out_the_same_share(stride, every):
    numbers = [index // stride for index in held_out(every, range(0, 100 * stride, stride), stride)]
    assert numbers == held_out(every, range(100))


@pytest.mark.parametrize("every", [-1, 1])
def test_all_frames_cannot_be_held_out(every):
    with pytest.raises(SlamError, match=f"at least 2, got {every}"):
        HeldOut(every)


def test_every_frame_is_every_frame():
    assert 0 in EVERY_FRAME
    assert 10**9 in EVERY_FRAME
