"""Agreement of a frame with what the map shows from a pose."""

import numpy as np

from slam.geometry import se3_exp
from slam.tracking.map_support import support


def test_it_is_whole_at_the_true_pose_only(make_rig, see):
    rig = make_rig()
    for number in range(3):
        frame = see(np.eye(4), number)
        rig.map.integrate(frame, np.eye(4))
    there = support(rig.map, frame, np.eye(4))
    assert there.known > 0.95
    assert there.agreeing > 0.98
    for twist in ([0.0, 0.0, 0.4, 0, 0, 0], [0.0, 0.0, -0.4, 0, 0, 0], [0, 0, 0, 0, 0.35, 0]):
        beside = support(rig.map, frame, se3_exp(np.array(twist, np.float64)))
        assert beside.agreeing < 0.7
    away = support(rig.map, frame, se3_exp(np.array([0, 0, 0, 0, np.pi, 0.0])))
    assert away == (0.0, 0.0)


def test_no_reading_agrees_with_nothing(make_rig, see):
    frame = see(np.eye(4))
    assert support(make_rig().map, frame, np.eye(4)) == (0.0, 0.0)
