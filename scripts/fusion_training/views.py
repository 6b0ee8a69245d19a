"""Views of random rooms, and what sensors make of them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np

from kernels.reference.depth import sigma
from slam.camera import Camera, DepthNoise
from slam.config import NoiseConfig
from slam.scenes.procedural import random_room
from slam.scenes.scene import Scene
from slam.scenes.walk import look_rotations
from slam.sources.noise.kinect import add_kinect_noise, kinect_depth_noise
from slam.sources.noise.source import OUTLIER_RANGE_M, add_outliers
from slam.sources.noise.stereo import add_stereo_noise, smooth_noise, stereo_depth_noise

FAR_M = 6.0
WIDTH, HEIGHT = 320, 240
MOST_OUTLIERS = 0.2
GROSS_SIGMAS = 4.0  # an error beyond is none of the sensor's noise
GROSS_SHARE = 0.004  # and more than this share of depth
PLAIN_FACTOR = 2.5  # by which stereo's noise is larger on plain surface than stated
STATED = (0.6, 2.0)  # the noise that is stated over the true one
SPECK_PX = 16  # patches of the image in which specks have one depth


@dataclass(frozen=True)
class View:
    """Readings of a room, and which of them are gross errors."""

    depth_m: np.ndarray  # (h, w) float32
    true_m: np.ndarray
    noise: np.ndarray  # float32 (3,), as stated
    is_gross: np.ndarray  # (h, w) bool
    sensor: str
    disturbance: str


@dataclass(frozen=True)
class _Sensed:
    depth_m: np.ndarray
    noise: DepthNoise
    factor: float  # of the noise where it is largest


def random_view(seed: tuple[int, ...]) -> View:
    """Look round in a random room with a random sensor; some of its readings are disturbed."""
    rng = np.random.default_rng(seed)
    camera = _random_camera(rng)
    room = random_room(seed)
    true_m, color = room.render(camera, _random_pose(room, rng))
    true_m = np.where(true_m > FAR_M, np.float32(0), true_m)
    sensor = str(rng.choice(list(SENSORS), p=[0.25, 0.45, 0.3]))
    sensed = SENSORS[sensor](true_m, color, camera, rng)
    depth_m = _mixed(sensed.depth_m, rng) if rng.random() < 0.5 else sensed.depth_m
    disturbance, share = "none", 0.0
    if rng.random() < 0.8:
        disturbance = str(rng.choice(list(DISTURBANCES), p=[0.4, 0.25, 0.35]))
        share = float(rng.uniform(0, MOST_OUTLIERS))
        depth_m = DISTURBANCES[disturbance](depth_m, share, sensed.noise, rng)
    if rng.random() < 0.3:
        is_lost = rng.random(depth_m.shape) < rng.uniform(0, 0.4)
        depth_m = np.where(is_lost, np.float32(0), depth_m)
    most_m = sensed.factor * GROSS_SIGMAS * sensed.noise.sigma_m(true_m)
    error_m = np.abs(depth_m - true_m)
    is_gross = (error_m > np.maximum(most_m, GROSS_SHARE * true_m)) | (true_m == 0)
    stated = np.exp(rng.uniform(*np.log(STATED))) * sensed.noise.coefficients
    return View(depth_m, true_m, stated.astype(np.float32), is_gross, sensor, disturbance)


def _random_camera(rng: np.random.Generator) -> Camera:
    """Draw a focal length: what the image shows is all that a small camera sees, or a part of what
    a large one does.
    """
    focal_px = float(np.exp(rng.uniform(*np.log((210.0, 640.0)))))
    return Camera(WIDTH, HEIGHT, focal_px, focal_px, WIDTH / 2 - 0.5, HEIGHT / 2 - 0.5)


def _random_pose(room: Scene, rng: np.random.Generator) -> np.ndarray:
    """Draw a pose 25 cm off anything."""
    floor_m = 2.0 * room.solids[0, 3:5]
    while True:
        place = np.append(rng.uniform(0.3, floor_m - 0.7), rng.uniform(0.4, 2.0))
        if room.sdf(place[None].astype(np.float32))[0] > 0.25:
            break
    T_world_camera = np.eye(4)
    yaw_deg, pitch_deg = rng.uniform(0, 360, 1), rng.uniform(-60, 20, 1)
    T_world_camera[:3, :3] = look_rotations(yaw_deg, pitch_deg)[0]
    T_world_camera[:3, 3] = place
    return T_world_camera


def _rendered(true_m: np.ndarray, _: np.ndarray, __: Camera, ___: np.random.Generator) -> _Sensed:
    return _Sensed(true_m, DepthNoise.rendered(), 1.0)


def _kinect(true_m: np.ndarray, _: np.ndarray, camera: Camera, rng: np.random.Generator) -> _Sensed:
    config = replace(
        NoiseConfig(), lateral_sigma_px=rng.uniform(0.2, 0.9), disparity_sigma=rng.uniform(0.1, 0.5)
    )
    depth_m = add_kinect_noise(true_m, camera.fx, config, rng)
    return _Sensed(depth_m, kinect_depth_noise(DepthNoise.rendered(), config.disparity_sigma), 1.0)


def _stereo(
    true_m: np.ndarray, color: np.ndarray, camera: Camera, rng: np.random.Generator
) -> _Sensed:
    config = replace(NoiseConfig(), stereo_sigma_px=rng.uniform(0.03, 0.2))
    depth_m = add_stereo_noise(true_m, color, camera, config, rng)
    noise = stereo_depth_noise(DepthNoise.rendered(), camera.fx, config)
    return _Sensed(depth_m, noise, PLAIN_FACTOR)


SENSORS: dict[str, Callable[[np.ndarray, np.ndarray, Camera, np.random.Generator], _Sensed]] = {
    "rendered": _rendered,
    "kinect": _kinect,
    "stereo": _stereo,
}


def _mixed(depth_m: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return depth with readings beside silhouettes that lie between the two surfaces."""
    square = np.ones((3, 3), np.uint8)
    nearest_m = cv2.erode(np.where(depth_m > 0, depth_m, np.float32(99)), square)
    farthest_m = cv2.dilate(depth_m, square)
    is_mixed = (depth_m > 0) & (farthest_m - nearest_m > 0.05 * depth_m)
    is_mixed &= rng.random(depth_m.shape) < rng.uniform(0.1, 0.6)
    share = rng.random(depth_m.shape, dtype=np.float32)
    return np.where(is_mixed, nearest_m * (1 - share) + farthest_m * share, depth_m)


def _single(
    depth_m: np.ndarray, share: float, _: DepthNoise, rng: np.random.Generator
) -> np.ndarray:
    return add_outliers(depth_m, share, rng).astype(np.float32)


def _small(
    depth_m: np.ndarray, share: float, noise: DepthNoise, rng: np.random.Generator
) -> np.ndarray:
    """Move single readings by 5 to 60 standard deviations."""
    is_hit = (rng.random(depth_m.shape) < share) & (depth_m > 0)
    sigmas = np.exp(rng.uniform(np.log(5), np.log(60), depth_m.shape))
    sigmas *= rng.choice([-1.0, 1.0], depth_m.shape)
    moved_m = depth_m + sigmas * sigma(depth_m, noise.coefficients)
    return np.where(is_hit, np.maximum(moved_m, OUTLIER_RANGE_M[0]), depth_m).astype(np.float32)


def _specks(
    depth_m: np.ndarray, share: float, noise: DepthNoise, rng: np.random.Generator
) -> np.ndarray:
    """Put half of the errors into specks of some pixels that have one depth, the rest alone."""
    h, w = depth_m.shape
    pattern = smooth_noise(rng, (h, w), rng.uniform(0.6, 2.0))
    is_hit = (pattern > np.quantile(pattern, 1.0 - 0.5 * share)) & (depth_m > 0)
    patches_m = rng.uniform(*OUTLIER_RANGE_M, (-(-h // SPECK_PX), -(-w // SPECK_PX)))
    specks_m = np.kron(patches_m, np.ones((SPECK_PX, SPECK_PX)))[:h, :w]
    specks_m += noise.sigma_m(specks_m) * rng.standard_normal((h, w))
    with_specks_m = np.where(is_hit, specks_m, depth_m).astype(np.float32)
    return _single(with_specks_m, 0.5 * share, noise, rng)


DISTURBANCES: dict[
    str, Callable[[np.ndarray, float, DepthNoise, np.random.Generator], np.ndarray]
] = {"single": _single, "small": _small, "specks": _specks}
