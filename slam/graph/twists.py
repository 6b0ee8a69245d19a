"""SE(3) on stacks of transforms (n, 4, 4); twists are (v, omega), as in `slam.geometry`."""

import numpy as np
from jaxtyping import Float64

from slam.geometry import skews


def logs(Ts: Float64[np.ndarray, "n 4 4"]) -> Float64[np.ndarray, "n 6"]:
    """Return the twist of each transform."""
    from scipy.spatial.transform import Rotation  # where loops are closed only: it takes long

    omega, t = Rotation.from_matrix(Ts[:, :3, :3]).as_rotvec(), Ts[:, :3, 3]
    angle = np.linalg.norm(omega, axis=1)[:, None]
    is_small = angle < 1e-2  # beyond, the formula below has lost no more than 4 of its digits
    safe = np.where(is_small, 1.0, angle)
    half = 0.5 * safe
    series = 1.0 / 12.0 + angle**2 / 720.0 + angle**4 / 30240.0
    d = np.where(is_small, series, (1.0 - half / np.tan(half)) / safe**2)
    across = np.cross(omega, t)
    return np.concatenate([t - 0.5 * across + d * np.cross(omega, across), omega], axis=1)


def adjoints(Ts: Float64[np.ndarray, "n 4 4"]) -> Float64[np.ndarray, "n 6 6"]:
    """Return Ad(T) of each: T exp(twist) = exp(Ad(T) twist) T."""
    R = Ts[:, :3, :3]
    result = np.zeros((len(Ts), 6, 6))
    result[:, :3, :3] = result[:, 3:, 3:] = R
    result[:, :3, 3:] = skews(Ts[:, :3, 3]) @ R
    return result


def right_jacobians_inverse(twists: Float64[np.ndarray, "n 6"]) -> Float64[np.ndarray, "n 6 6"]:
    """Return d log(exp(twist) exp(e)) / d e at e = 0, to the second order in the twist."""
    ad = np.zeros((len(twists), 6, 6))
    ad[:, :3, :3] = ad[:, 3:, 3:] = skews(twists[:, 3:])
    ad[:, :3, 3:] = skews(twists[:, :3])
    return np.eye(6) + 0.5 * ad + ad @ ad / 12.0
