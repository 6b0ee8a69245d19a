"""Poses of frames that belong to no track."""

from dataclasses import replace

import numpy as np

from slam.camera import DepthNoise
from slam.geometry import inverse, se3_exp
from slam.tracking.base import TrackState
from slam.tracking.elsewhere import Elsewhere
from slam.tracking.host import HostAligner
from slam.tracking.likeness import UsualLikeness

T_TRUE = se3_exp(np.array([0.1, -0.05, 0.08, 0.02, -0.04, 0.03]))
T_GUESS = T_TRUE @ se3_exp(np.array([0.03, 0.02, -0.02, 0.01, 0.01, -0.01]))


def test_the_keyframe_of_another_place_does_not_draw_a_pose(make_rig, see):
    rig = make_rig()
    rig.step(see(np.eye(4)))
    aligner = HostAligner(rig.config)
    frame = replace(see(T_TRUE, 1), depth_noise=DepthNoise.kinect_v1())
    aligner.load(frame)
    # it looks like the frame, and is not where the frame is
    aligner.set_keyframe(T_TRUE @ se3_exp(np.array([0.01, 0.01, 0.0, 0.0, 0.0, 0.0])))
    result = Elsewhere(aligner, UsualLikeness()).placed(frame, rig.map, T_GUESS)
    assert result is not None
    assert result.state is TrackState.OK
    T_error = inverse(T_TRUE) @ result.T_world_camera
    assert np.linalg.norm(T_error[:3, 3]) < 0.001
