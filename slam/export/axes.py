"""Which way is up. The world of a run has the axes of its first camera (x right, y down, z
forward), levelled where that felt gravity, or those of the true poses that it was given; tools for
viewing expect y or z up.
"""

import numpy as np
from jaxtyping import Float64

R_ZUP_YUP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def y_up_rotation(Ts_world_camera: Float64[np.ndarray, "n 4 4"]) -> Float64[np.ndarray, "3 3"]:
    """Return R_yup_world, which turns the world axis that the cameras held up most to y.

    Axes are only exchanged, so numbers stay recognisable: of our own world this is (x, -y, -z).
    """
    # the first camera's own up decides where there are no poses, or as many upside down
    up = np.array([0.0, -1e-9, 0.0]) - Ts_world_camera[:, :3, 1].sum(axis=0)
    k = int(np.argmax(np.abs(up)))
    up_axis, right = np.zeros(3), np.zeros(3)
    up_axis[k] = np.copysign(1.0, up[k])
    right[2 if k == 0 else 0] = 1.0
    return np.stack([right, up_axis, np.cross(right, up_axis)])
