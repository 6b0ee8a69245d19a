"""Corrections of the neural map: base, keyframes and features go along."""

import numpy as np
import pytest

from slam.geometry import se3_exp, transform_points
from slam.maps.base import View

SPACING_M = 0.02
POSITIONS = [(x, -1.5 + 0.1 * abs(x), z) for x in (-0.4, 0.0, 0.4) for z in (-0.2, 0.2)]
TURNED = se3_exp(np.array([0.06, -0.05, 0.06, 0.02, 0.04, 0.03]))


@pytest.fixture
def wall(make_neural, see):
    map_ = make_neural(keyframe_every=2)
    for index, position in enumerate(POSITIONS):
        map_.integrate(*see(position, has_box=True, index=index))
    return map_


def moved(map_, T: np.ndarray) -> np.ndarray:
    correction = map_.correct(np.array([0, 20]), np.tile(T, (2, 1, 1)))
    assert correction is not None
    while not correction.advance():
        pass
    return correction.swap()


def test_surface_and_keyframes_move(wall, see):
    frame, T_world_camera = see(POSITIONS[2], has_box=True)
    before = wall.render(frame.camera, T_world_camera)
    poses = wall.refined_poses()
    keyframes = {k.frame_index: k.T_world_camera for k in wall._keyframes.items}
    assert len(moved(wall, TURNED)) > 100
    after = wall.render(frame.camera, TURNED @ T_world_camera)
    both = (before.depth_m > 0) & (after.depth_m > 0)
    assert both.sum() > 0.97 * (before.depth_m > 0).sum()
    assert np.median(np.abs(after.depth_m - before.depth_m)[both]) < 0.05 * SPACING_M
    for keyframe in wall._keyframes.items:
        expected = TURNED @ keyframes[keyframe.frame_index]
        np.testing.assert_allclose(keyframe.T_world_camera, expected, atol=1e-12)
    for index, T in wall.refined_poses().items():  # who corrects trajectories, adds corrections
        np.testing.assert_allclose(T, poses[index], atol=1e-12)


def test_what_does_not_move_keeps_its_features(wall):
    vertices = wall._grid.fine.level.features.copy()
    assert vertices.any()
    assert len(moved(wall, np.eye(4))) == 0
    np.testing.assert_array_equal(wall._grid.fine.level.features, vertices)


def test_a_moved_map_is_trained_on(wall, see):
    """Every point of the moved surface is covered by all levels, and frames go on into them."""
    points = np.random.default_rng(0).uniform(-0.4, 0.4, (1000, 3)).astype(np.float32)
    points[:, 1] = 0.0
    points = points[wall.query(points).is_valid]  # the box hides some
    assert len(points) > 500
    moved(wall, TURNED)
    assert not wall._grid.fine.level.features.any()
    for index, position in enumerate(POSITIONS):
        frame, T = see(position, has_box=True, index=10 + index)
        wall.integrate(frame, TURNED @ T)
    assert wall._grid.fine.level.features.any()
    samples = wall.query(transform_points(TURNED, points))
    assert samples.is_valid.mean() > 0.95
    assert np.percentile(np.abs(samples.sdf_m[samples.is_valid]), 90) < 0.25 * SPACING_M


def test_where_the_base_is_mended_features_begin_anew(wall, see):
    """Readings that a correction puts apart are fused again in the base, and learned from there."""
    frames = np.arange(len(POSITIONS))
    Ts_new_old = np.array([se3_exp(0.02 * k * np.eye(6)[1]) for k in frames])
    correction = wall.correct(frames, Ts_new_old)
    while not correction.advance():
        pass
    correction.swap()
    for index, position in enumerate(POSITIONS):  # features of what was moved
        frame, T = see(position, has_box=True, index=10 + index)
        wall.integrate(frame, Ts_new_old[index] @ T)
    before = np.count_nonzero(wall._grid.fine.level.features)
    seen = [see(position, has_box=True, index=k) for k, position in enumerate(POSITIONS)]
    views = [View(frame.camera, T, lambda frame=frame: frame) for frame, T in seen]
    assert len(wall.mend(views, lambda: False))
    mended = np.count_nonzero(wall._grid.fine.level.features)
    assert mended < 0.3 * before  # of blocks that are not torn
    frame, T_world_camera = seen[2]
    off_m = np.abs(wall.render(frame.camera, T_world_camera).depth_m - frame.depth_m)
    assert np.median(off_m) < 0.1 * SPACING_M
    wall.polish(lambda: False)  # it can be trained on
    assert np.count_nonzero(wall._grid.fine.level.features) > 2 * mended
