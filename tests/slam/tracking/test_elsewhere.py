"""Poses of frames that belong to no track."""

from dataclasses import replace

import numpy as np

from slam.camera import DepthNoise
from slam.config import TrackingConfig
from slam.geometry import inverse, se3_exp
from slam.tracking.base import TrackState
from slam.tracking.elsewhere import MIN_CONTRAST, Elsewhere
from slam.tracking.host import HostAligner
from slam.tracking.likeness import UsualLikeness

T_TRUE = se3_exp(np.array([0.1, -0.05, 0.08, 0.02, -0.04, 0.03]))
T_OFF = se3_exp(np.array([0.03, 0.02, -0.02, 0.01, 0.01, -0.01]))
T_BESIDE = se3_exp(np.array([0.01, 0.01, -0.01, 0.005, 0.005, -0.005]))


def test_the_keyframe_of_another_place_does_not_draw_a_pose(make_rig, see):
    rig = make_rig()
    rig.step(see(np.eye(4)))
    aligner = HostAligner(rig.config)
    frame = replace(see(T_TRUE, 1), depth_noise=DepthNoise.kinect_v1())
    assert frame.color is not None
    aligner.load(replace(frame, color=np.roll(frame.color, 8, axis=1)))  # half of it looks alike
    aligner.set_keyframe(T_TRUE)
    aligner.load(frame)
    result = Elsewhere(aligner, UsualLikeness()).placed(frame, rig.map, T_TRUE @ T_OFF)
    assert result is not None
    assert result.state is TrackState.OK
    T_error = inverse(T_TRUE) @ result.T_world_camera
    assert np.linalg.norm(T_error[:3, 3]) < 0.0005


def test_of_a_place_that_the_keyframe_saw_colour_tells_what_a_wall_leaves_open(make_rig, see):
    rig = make_rig()
    rig.step(see(np.eye(4), scene="wall"))
    aligner = HostAligner(rig.config)
    aligner.load(see(np.eye(4), scene="wall"))
    aligner.set_keyframe(np.eye(4))
    frame = see(T_TRUE, 1, scene="wall")
    aligner.load(frame)
    result = Elsewhere(aligner, UsualLikeness()).placed(frame, rig.map, T_TRUE @ T_BESIDE)
    assert result is not None
    T_error = inverse(T_TRUE) @ result.T_world_camera
    assert np.linalg.norm(T_error[:3, 3]) < 0.0005


def test_a_right_pose_looks_much_more_alike_than_those_beside_and_a_wrong_one_does_not(see):
    aligner = HostAligner(TrackingConfig())
    aligner.load(see(np.eye(4)))
    aligner.set_keyframe(np.eye(4))
    aligner.load(see(T_TRUE, 1))
    assert aligner.contrast(T_TRUE) > 2.0 * MIN_CONTRAST
    assert aligner.contrast(T_TRUE @ T_OFF) < MIN_CONTRAST
