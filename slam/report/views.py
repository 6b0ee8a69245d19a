"""Where to look from: poses of the camera far apart, and from outside into the whole."""

import math

import numpy as np
from jaxtyping import Float32, Float64

from slam.camera import Camera
from slam.geometry import Transform, rotation_angle_rad
from slam.report.picture import View

PICTURE_WIDTH, OVERVIEW_WIDTH = 480, 560
_TURN_AS_FAR_AS_1_M_RAD = math.radians(60.0)
_ELEVATION_DEG = 48.0
_AZIMUTHS_DEG = (-30.0, 150.0)  # from behind the first pose, and from the other side
_FIELD_OF_VIEW_DEG = 32.0
_OUTSIDE_SHARE = 0.5  # percent of the vertices that may be cut off at each side


def apart(Ts_world_camera: Float64[np.ndarray, "n 4 4"], num: int) -> list[int]:
    """Choose poses that differ most, in place and direction, the first one among them."""
    chosen = [0] if len(Ts_world_camera) else []
    while 0 < len(chosen) < min(num, len(Ts_world_camera)):
        far = [min(_distance(T, Ts_world_camera[k]) for k in chosen) for T in Ts_world_camera]
        if max(far) <= 0.0:
            break
        chosen.append(int(np.argmax(far)))
    return sorted(chosen)


def from_pose(camera: Camera, T_world_camera: Transform) -> View:
    """Look from where the camera was."""
    return View(camera.scaled(PICTURE_WIDTH / camera.width), T_world_camera)


def overviews(
    vertices_m: Float32[np.ndarray, "v 3"], axes: Float64[np.ndarray, "3 3"]
) -> list[View]:
    """Look at all vertices but stray ones from above and outside, from two sides; `axes` are the
    rows right, forward and up.
    """
    upright_m = vertices_m @ axes.T.astype(np.float32)
    low, high = np.percentile(upright_m, [_OUTSIDE_SHARE, 100.0 - _OUTSIDE_SHARE], axis=0)
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T @ axes
    return [_overview(corners, axes, azimuth_deg) for azimuth_deg in _AZIMUTHS_DEG]


def _overview(
    corners: Float64[np.ndarray, "8 3"],
    axes: Float64[np.ndarray, "3 3"],
    azimuth_deg: float,
) -> View:
    width = OVERVIEW_WIDTH
    azimuth_rad, elevation_rad = np.deg2rad(azimuth_deg), np.deg2rad(_ELEVATION_DEG)
    level = np.sin(azimuth_rad) * axes[0] - np.cos(azimuth_rad) * axes[1]
    z = -(np.cos(elevation_rad) * level + np.sin(elevation_rad) * axes[2])
    x = np.cross(z, axes[2])
    x /= np.linalg.norm(x)
    R_world_camera = np.stack([x, np.cross(z, x), z], axis=1)
    focal = 0.5 * width / math.tan(math.radians(0.5 * _FIELD_OF_VIEW_DEG))
    center = corners.mean(axis=0)
    in_camera = (corners - center) @ R_world_camera
    # Step back until every corner is within the picture's width, then cut the picture to fit.
    slope = 0.5 * width / focal
    distance_m = float(np.max(np.abs(in_camera[:, 0]) / slope - in_camera[:, 2])) * 1.06
    v = focal * in_camera[:, 1] / (in_camera[:, 2] + distance_m)
    margin = 0.03 * width
    height = int(v.max() - v.min() + 2.0 * margin)
    camera = Camera(width, height, focal, focal, 0.5 * (width - 1), margin - float(v.min()))
    T_world_camera = np.eye(4)
    T_world_camera[:3, :3] = R_world_camera
    T_world_camera[:3, 3] = center - distance_m * z
    return View(camera, T_world_camera, is_outside=True)


def _distance(T_a: Transform, T_b: Transform) -> float:
    turn_rad = rotation_angle_rad(T_a[:3, :3].T @ T_b[:3, :3])
    return float(np.linalg.norm(T_a[:3, 3] - T_b[:3, 3])) + turn_rad / _TURN_AS_FAR_AS_1_M_RAD
