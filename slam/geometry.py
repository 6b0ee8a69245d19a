"""SE(3) on 4x4 float64 matrices. Twists are (v, omega): translation first, then rotation vector."""

import cv2
import numpy as np
from jaxtyping import Float, Float64

Transform = Float64[np.ndarray, "4 4"]


def skew(vector: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    """Return the matrix [v]x with [v]x @ p = v x p."""
    x, y, z = vector
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def so3_exp(omega: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    """Rotate by a rotation vector (Rodrigues' formula; its series near zero)."""
    angle_rad = float(np.linalg.norm(omega))
    hat = skew(omega)
    if angle_rad < 1e-8:
        return np.eye(3) + hat + 0.5 * hat @ hat
    a = np.sin(angle_rad) / angle_rad
    b = (1.0 - np.cos(angle_rad)) / angle_rad**2
    return np.eye(3) + a * hat + b * hat @ hat


def so3_log(R: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "3"]:
    """Return the rotation vector of a rotation matrix, exact up to and including angle pi."""
    x, y, z, w = quaternion_xyzw_from_rotation(R)
    vector = np.array([x, y, z])
    sine = float(np.linalg.norm(vector))
    if sine < 1e-12:
        return 2.0 * vector * np.sign(w)
    return vector * (2.0 * np.arctan2(sine, w) / sine)


def _left_jacobian(omega: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    angle_rad = float(np.linalg.norm(omega))
    hat = skew(omega)
    if angle_rad < 1e-5:  # below it 1 - cos loses all its digits
        return np.eye(3) + 0.5 * hat + hat @ hat / 6.0
    a = (1.0 - np.cos(angle_rad)) / angle_rad**2
    b = (angle_rad - np.sin(angle_rad)) / angle_rad**3
    return np.eye(3) + a * hat + b * hat @ hat


def se3_exp(twist: Float64[np.ndarray, "6"]) -> Transform:
    """Return the transform of a twist (v, omega)."""
    v, omega = twist[:3], twist[3:]
    T = np.eye(4)
    T[:3, :3] = so3_exp(omega)
    T[:3, 3] = _left_jacobian(omega) @ v
    return T


def se3_log(T: Transform) -> Float64[np.ndarray, "6"]:
    """Return the twist (v, omega) with `se3_exp(twist) = T`."""
    omega = so3_log(T[:3, :3])
    v = np.linalg.solve(_left_jacobian(omega), T[:3, 3])
    return np.concatenate([v, omega])


def inverse(T: Transform) -> Transform:
    """Invert a rigid transform."""
    R, t = T[:3, :3], T[:3, 3]
    T_inverse = np.eye(4)
    T_inverse[:3, :3] = R.T
    T_inverse[:3, 3] = -R.T @ t
    return T_inverse


def transform_points(T: Transform, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Map points by a transform, in the points' own precision."""
    if len(points) == 0:
        return points.copy()
    return cv2.transform(points[:, None], T[:3])[:, 0]  # 20 times as fast as NumPy's product


def orthonormalise(T: Transform) -> Transform:
    """Return the transform with the nearest proper rotation: undoes the drift of long products."""
    U, _, Vt = np.linalg.svd(T[:3, :3])
    result = np.eye(4)
    result[:3, :3] = U @ np.diag([1.0, 1.0, np.linalg.det(U @ Vt)]) @ Vt
    result[:3, 3] = T[:3, 3]
    return result


def transform_from_quaternion(
    translation: Float[np.ndarray, "3"], quaternion_xyzw: Float[np.ndarray, "4"]
) -> Transform:
    """Build a transform from a translation and a quaternion, which is normalised first."""
    x, y, z, w = np.asarray(quaternion_xyzw, dtype=np.float64) / np.linalg.norm(quaternion_xyzw)
    T = np.eye(4)
    T[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    T[:3, 3] = translation
    return T


def quaternion_xyzw_from_rotation(R: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "4"]:
    """Return the unit quaternion (x, y, z, w), w >= 0, as the main eigenvector of Bar-Itzhack's
    matrix.

    That form has no special cases; it also takes slightly non-orthogonal input to the nearest
    rotation.
    """
    K = np.array(
        [
            [R[0, 0] - R[1, 1] - R[2, 2], 0.0, 0.0, 0.0],
            [R[1, 0] + R[0, 1], R[1, 1] - R[0, 0] - R[2, 2], 0.0, 0.0],
            [R[2, 0] + R[0, 2], R[2, 1] + R[1, 2], R[2, 2] - R[0, 0] - R[1, 1], 0.0],
            [R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1], np.trace(R)],
        ]
    )
    quaternion = np.linalg.eigh(K)[1][:, -1]  # eigh reads the lower triangle
    return -quaternion if quaternion[3] < 0 else quaternion


def rotation_angle_rad(R: Float64[np.ndarray, "3 3"]) -> float:
    """Return the angle of a rotation, in [0, pi]."""
    return float(np.linalg.norm(so3_log(R)))
