"""Which keyframes and which rays are trained on again."""

import numpy as np
import pytest

from kernels.rays import UNCOLORED, Rays
from slam.camera import Camera
from slam.maps.implicit.replay import CELLS, Replayed, cells_of, window_of
from slam.maps.keyframes import Keyframe

WIDTH, HEIGHT = 64, 48
CAMERA = Camera(WIDTH, HEIGHT, 50.0, 50.0, 31.5, 23.5)


def rays_at(pixel) -> Rays:
    n = len(pixel)
    pixel = np.asarray(pixel, np.uint32)
    return Rays(
        pixel, np.ones(n, np.float32), np.ones(n, np.float32), np.full((n, 4), 255, np.uint8)
    )


def replayed(pixel=None) -> Replayed:
    """A keyframe with a ray at every pixel, or at some."""
    rays = rays_at(np.arange(WIDTH * HEIGHT) if pixel is None else pixel)
    return Replayed(Keyframe(0, CAMERA, np.eye(4), rays, True, np.eye(4)))


def test_cells_cover_the_image_row_by_row():
    cell = cells_of(rays_at(np.arange(WIDTH * HEIGHT)), WIDTH, HEIGHT).reshape(HEIGHT, WIDTH)
    assert (np.bincount(cell.ravel()) == WIDTH * HEIGHT // CELLS**2).all()
    assert (cell[0, 0], cell[0, -1], cell[-1, 0], cell[-1, -1]) == (0, 7, 56, 63)
    without_color = rays_at([UNCOLORED + WIDTH - 1])
    assert cells_of(without_color, WIDTH, HEIGHT).tolist() == [7]


def test_rays_are_drawn_where_the_loss_is_high():
    frame, rng = replayed(), np.random.default_rng(0)
    everywhere = np.arange(frame.keyframe.num_rays)
    bad = cells_of(frame.keyframe.rays, WIDTH, HEIGHT) == 9
    for _ in range(20):
        frame.learn(everywhere, np.where(bad, 1.0, 0.01).astype(np.float32))
    drawn = frame.draw(4000, 0.5, rng)
    # half evenly, half in proportion: 1 / 64, and 1 of 1 + 63 x 0.01
    expected = 0.5 / 64 + 0.5 / 1.63
    assert bad[drawn].mean() == pytest.approx(expected, abs=0.03)
    assert bad[frame.draw(4000, 0.0, rng)].mean() == pytest.approx(1 / 64, abs=0.01)
    assert len(np.unique(frame.draw(4000, 0.0, rng))) > 2000


def test_a_cell_without_rays_is_never_drawn():
    pixel = np.arange(0, WIDTH * HEIGHT, 3)[:400]  # the upper part only
    frame, rng = replayed(pixel), np.random.default_rng(0)
    drawn = frame.draw(1000, 1.0, rng)
    assert drawn.min() >= 0
    assert drawn.max() < 400
    assert frame.loss == 1.0  # that of cells that were not tried, where there are rays


def test_cells_that_were_not_drawn_keep_their_loss():
    frame = replayed()
    frame.learn(np.array([0]), np.array([0.0], np.float32))
    assert frame.losses[0] == 0.5
    assert (frame.losses[1:] == 1.0).all()


def test_a_map_that_explains_everything_goes_on_drawing():
    frame = replayed()
    for _ in range(2000):
        frame.learn(np.arange(frame.keyframe.num_rays), np.zeros(WIDTH * HEIGHT, np.float32))
    assert len(frame.draw(100, 0.5, np.random.default_rng(0))) == 100


@pytest.mark.parametrize(("size", "num"), [(1, 1), (2, 2), (5, 5), (20, 11)])
def test_a_window_has_the_newest_the_last_and_others_once_each(size, num):
    keyframes = [replayed() for _ in range(10)]
    newest = replayed()
    window = window_of(newest, keyframes, size, np.random.default_rng(0))
    assert len({id(each) for each in window}) == len(window) == num
    assert window[0] is newest
    if size > 1:
        assert window[1] is keyframes[-1]


def test_keyframes_are_chosen_by_their_loss():
    keyframes = [replayed() for _ in range(6)]
    for number, each in enumerate(keyframes):
        each.losses[:] = 10.0 if number == 2 else 0.1
    rng, newest = np.random.default_rng(0), replayed()
    chosen = [window_of(newest, keyframes, 3, rng)[2] for _ in range(200)]
    assert sum(each is keyframes[2] for each in chosen) > 180
    assert not any(each is keyframes[-1] for each in chosen)  # it is in every window anyway
