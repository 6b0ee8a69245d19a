"""Recognition: from a frame to the pose at which it shows what a keyframe showed."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from kernels.places import consensus, match
from slam.camera import DepthNoise
from slam.geometry import Transform, rigid_motion
from slam.places.features import Features
from slam.places.keyframes import Keyframe, Keyframes

NUM_COMPARED = 3  # keyframes, with one frame: what there is time for
MAX_BITS = 64  # of 256, that a corner's descriptor may change
MAX_RATIO = 0.9  # of the nearest to the second nearest descriptor (Lowe 2004)
NUM_SAMPLES = 1000
MIN_MATCHES = 10  # that agree on a motion: what the map then has to bear out
PLENTY = 30  # matches that need no second keyframe
BASE_TOLERANCE_M = 0.03  # corners of coarse levels are found a few pixels off
TOLERANCE_SIGMAS = 3.0  # of depth, on both sides


@dataclass(frozen=True)
class Recognition:
    """Where a frame was taken, going by a keyframe's corners alone."""

    T_world_camera: Transform
    num_matches: int  # corners that agree
    number: int  # of the keyframe
    T_keyframe_camera: Transform


def recognise(
    features: Features,
    depth_noise: DepthNoise,
    keyframes: Keyframes,
    first_rank: int = 0,
    among: tuple[int, int] | None = None,
) -> Recognition | None:
    """Compare a frame with the keyframes of a few ranks (`among` those of `Keyframes.ranked`);
    return the pose that the most corners agree on, None where too few do.
    """
    best: Recognition | None = None
    ranked = keyframes.ranked(features.words, first_rank + NUM_COMPARED, among)
    for number in ranked[first_rank:]:
        found = place_against(features, depth_noise, keyframes.items[number], number)
        if found is not None and (best is None or found.num_matches > best.num_matches):
            best = found
            if best.num_matches >= PLENTY:
                break
    return best


def place_against(
    features: Features, depth_noise: DepthNoise, keyframe: Keyframe, number: int = 0
) -> Recognition | None:
    """Return the pose of a frame's corners relative to one keyframe's, which has this number; None
    where too few agree.
    """
    matches = match(features.descriptors, keyframe.features.descriptors, MAX_BITS, MAX_RATIO)
    is_matched = matches >= 0
    points = features.points[is_matched]
    targets = keyframe.features.points[matches[is_matched]]
    if len(points) < MIN_MATCHES:
        return None
    tolerance_m = _tolerance_m(points, targets, depth_noise)
    agrees = consensus(points, targets, tolerance_m, NUM_SAMPLES, seed=len(points))
    T_keyframe_camera = np.eye(4)
    for _ in range(2):  # of three corners first, then of all that agree
        if np.count_nonzero(agrees) < MIN_MATCHES:
            return None
        T_keyframe_camera = rigid_motion(points[agrees], targets[agrees])
        R, t = T_keyframe_camera[:3, :3], T_keyframe_camera[:3, 3]
        agrees = np.linalg.norm(points @ R.T + t - targets, axis=1) < tolerance_m
    T_world_camera = keyframe.T_world_camera @ T_keyframe_camera
    num_matches = int(np.count_nonzero(agrees))
    return Recognition(T_world_camera, num_matches, number, T_keyframe_camera)


def _tolerance_m(
    points: Float32[np.ndarray, "n 3"], targets: Float32[np.ndarray, "n 3"], noise: DepthNoise
) -> Float32[np.ndarray, "n"]:
    sigma_of_depth = np.polynomial.Polynomial(noise.coefficients)
    variance = sigma_of_depth(points[:, 2]) ** 2 + sigma_of_depth(targets[:, 2]) ** 2
    return (BASE_TOLERANCE_M + TOLERANCE_SIGMAS * np.sqrt(variance)).astype(np.float32)
