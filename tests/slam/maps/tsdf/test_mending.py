"""Blocks whose readings corrections have put apart, fused again of views."""

import numpy as np
import pytest

from slam.geometry import se3_exp
from slam.maps.base import Mendable, View

POSITIONS = [(x, -1.5, z) for x in (-0.4, 0.0, 0.4) for z in (-0.2, 0.2)]
DRIFT = se3_exp(np.array([0.01, 0.012, 0.0, 0.0, 0.0, 0.01]))  # a frame


@pytest.fixture
def drifted(make_map, see):
    """Return a map that was moved to where the frames are at last, whose poses drifted, and what
    was fused, at final poses.
    """
    map_, Ts_new_old, views = make_map(), [], []
    T_off = np.eye(4)
    for index, position in enumerate(POSITIONS):
        frame, T_world_camera = see(position, has_box=True, index=index)
        map_.integrate(frame, T_off @ T_world_camera)
        Ts_new_old.append(np.linalg.inv(T_off))
        views.append(View(frame.camera, T_world_camera, lambda frame=frame: frame))
        T_off = T_off @ DRIFT
    correction = map_.correct(np.arange(len(POSITIONS)), np.array(Ts_new_old))
    while not correction.advance():
        pass
    correction.swap()
    return map_, views


def fused(make_map, views):
    map_ = make_map()
    for view in views:
        map_.integrate(view.frame(), view.T_world_camera)
    return map_


def off_m(map_) -> float:
    """How far the mesh before the box is off the fronts of box and wall, on average."""
    points = map_.mesh().vertices_m
    front = points[np.abs(points[:, [0, 2]] - (0.0, -0.2)).max(axis=1) < 0.15]
    return float(np.minimum(np.abs(front[:, 1]), np.abs(front[:, 1] + 0.5)).mean())


def test_torn_blocks_are_as_if_fused_at_the_final_poses(make_map, drifted):
    map_, views = drifted
    exact = fused(make_map, views)
    assert isinstance(map_, Mendable)
    before_m, exact_m = off_m(map_), off_m(exact)
    assert before_m > 2.0 * exact_m
    changed = map_.mend(views, lambda: False)
    assert len(changed)
    assert off_m(map_) < 1.1 * exact_m
    coords, sdf, weight, *_ = exact.arrays()
    is_known = weight.any(axis=1)
    slots = {tuple(coord): k for k, coord in enumerate(map_.arrays()[0].tolist())}
    places = [slots[tuple(coord)] for coord in coords[is_known].tolist()]
    # where no view of a block was put apart from the others, it was moved, and is no copy
    # a moved block may know more at its rim
    is_left = weight[is_known] == 0
    is_equal = (is_left | (map_.arrays()[1][places] == sdf[is_known])).all(axis=1)
    assert is_equal.mean() > 0.9
    assert len(map_.mend(views, lambda: False)) == 0  # nothing is torn any more


def test_what_no_view_that_was_kept_has_seen_stays_as_it_was_moved(drifted):
    map_, views = drifted
    is_known = map_.arrays()[2] > 0
    assert len(map_.mend(views[::2], lambda: False))
    is_lost = is_known & (map_.arrays()[2][: len(is_known)] == 0)
    assert is_lost.sum() < 0.02 * is_known.sum()


def test_what_moves_as_one_is_left_alone(make_map, see):
    map_ = make_map()
    views = []
    for index, position in enumerate(POSITIONS):
        frame, T_world_camera = see(position, index=index)
        map_.integrate(frame, T_world_camera)
        views.append(View(frame.camera, T_world_camera, lambda frame=frame: frame))
    T = se3_exp(np.array([0.1, 0.05, 0.0, 0.0, 0.0, 0.2]))
    correction = map_.correct(np.arange(len(POSITIONS)), np.tile(T, (len(POSITIONS), 1, 1)))
    while not correction.advance():
        pass
    correction.swap()
    before = map_.arrays()
    assert len(map_.mend(views, lambda: False)) == 0
    for now, then in zip(map_.arrays(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_view_of_something_else_is_not_had_again(drifted):
    map_, views = drifted

    def never():
        raise AssertionError("it shows nothing that is torn")

    away = views[0].T_world_camera @ se3_exp(np.array([0.0, 0.0, 0.0, 0.0, np.pi, 0.0]))
    assert len(map_.mend([View(views[0].camera, away, never)], lambda: False)) == 0


def test_ended_early_it_leaves_the_map_as_it_was(drifted):
    map_, views = drifted
    before = [array.copy() for array in map_.arrays()]
    ends = iter([False, False, True])
    assert len(map_.mend(views, lambda: next(ends))) == 0
    for now, then in zip(map_.arrays(), before, strict=True):
        np.testing.assert_array_equal(now, then)
    assert len(map_.mend(views, lambda: False))  # later it can be done
