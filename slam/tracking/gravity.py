"""The world of a camera that feels gravity: level."""

import numpy as np
from jaxtyping import Float64

from slam.geometry import Transform

GRAVITY_M_S2 = 9.81
MAX_SHAKE_M_S2 = 0.5  # off gravity; above, the camera is not held still
MIN_TILT_SINE = 0.17  # of the look from the plumb line, 10 degrees


def level_rotation(acceleration: Float64[np.ndarray, "3"] | None) -> Transform:
    """Return T_world_camera, a rotation, of a first camera with this acceleration in m/s^2, so that
    the world's y axis points down and the camera looks along its y-z plane.

    What rests measures the force that carries it, upwards. Identity without a measurement, and
    while the camera is shaken. The heading of a camera that looks straight down or up is that of
    its image's upper or lower edge.
    """
    T_world_camera = np.eye(4)
    if acceleration is None:
        return T_world_camera
    norm_m_s2 = float(np.linalg.norm(acceleration))
    if not abs(norm_m_s2 - GRAVITY_M_S2) <= MAX_SHAKE_M_S2:
        return T_world_camera
    down = -acceleration / norm_m_s2
    look = np.array([0.0, 0.0, 1.0])
    right = np.cross(down, look)
    if np.linalg.norm(right) < MIN_TILT_SINE:
        right = np.cross(down, [0.0, -np.sign(down[2]), 0.0])
    right /= np.linalg.norm(right)
    T_world_camera[:3, :3] = [right, down, np.cross(right, down)]
    return T_world_camera
