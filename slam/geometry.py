"""SE(3) on 4x4 float64 matrices. Twists are (v, omega): translation first, then rotation vector."""

import math

import cv2
import numpy as np
from jaxtyping import Float, Float64

Transform = Float64[np.ndarray, "4 4"]
SMALL = 1e-4  # a squared angle up to which series have all digits
LEAST_RAD = 1e-4  # of coefficients: below, they are the same to the last digit that counts
NEAR_PI = -1.9999  # twice the cosine of an angle


def skew(vector: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    """Return the matrix [v]x with [v]x @ p = v x p."""
    x, y, z = vector.tolist()
    return np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])


def so3_exp(omega: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3 3"]:
    """Rotate by a rotation vector (Rodrigues' formula)."""
    a, b, _ = _coefficients(float(omega @ omega))
    hat = skew(omega)
    return np.eye(3) + a * hat + b * (hat @ hat)


def so3_log(R: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "3"]:
    """Return the rotation vector of a rotation matrix, exact up to and including angle pi."""
    x, y, z, cosine = _sines_and_cosine(R)
    sine = math.hypot(x, y, z)
    if cosine < NEAR_PI:  # R - R^T hardly tells the axis any more
        x, y, z, w = quaternion_xyzw_from_rotation(R).tolist()
        sine = math.hypot(x, y, z)
        scale = 2.0 * math.atan2(sine, w) / sine
    else:
        scale = math.atan2(sine, cosine) / sine if sine > 0.0 else 0.5
    return np.array([scale * x, scale * y, scale * z])


def rotation_angle_rad(R: Float64[np.ndarray, "3 3"]) -> float:
    """Return the angle of a rotation, in [0, pi]."""
    x, y, z, cosine = _sines_and_cosine(R)
    return math.atan2(math.hypot(x, y, z), cosine)


def skews(vectors: Float64[np.ndarray, "n 3"]) -> Float64[np.ndarray, "n 3 3"]:
    """Return the matrix of the cross product with each vector."""
    x, y, z = vectors.T
    zero = np.zeros_like(x)
    return np.stack([zero, -z, y, z, zero, -x, -y, x, zero], axis=1).reshape(-1, 3, 3)


def is_elsewhere(
    T_world_a: Transform, T_world_b: Transform, distance_m: float, turn_rad: float
) -> bool:
    """Tell whether two poses are farther apart than this, or turned by more."""
    T_a_b = inverse(T_world_a) @ T_world_b
    x, y, z = T_a_b[:3, 3].tolist()
    return math.hypot(x, y, z) > distance_m or rotation_angle_rad(T_a_b[:3, :3]) > turn_rad


def se3_exp(twist: Float64[np.ndarray, "6"]) -> Transform:
    """Return the transform of a twist (v, omega)."""
    p, q, r, x, y, z = twist.tolist()  # numbers: NumPy takes ten times as long for so few
    squared = x * x + y * y + z * z
    a, b, c = _coefficients(squared)
    d, e = 1.0 - b * squared, c * (x * p + y * q + z * r)
    f = 1.0 - c * squared
    # I + a [omega]x + b [omega]x^2, and (I + b [omega]x + c [omega]x^2) v
    return np.array(
        [
            [
                d + b * x * x,
                b * x * y - a * z,
                b * x * z + a * y,
                f * p + b * (y * r - z * q) + e * x,
            ],
            [
                b * x * y + a * z,
                d + b * y * y,
                b * y * z - a * x,
                f * q + b * (z * p - x * r) + e * y,
            ],
            [
                b * x * z - a * y,
                b * y * z + a * x,
                d + b * z * z,
                f * r + b * (x * q - y * p) + e * z,
            ],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )


def se3_log(T: Transform) -> Float64[np.ndarray, "6"]:
    """Return the twist (v, omega) with `se3_exp(twist) = T`."""
    omega, t = so3_log(T[:3, :3]), T[:3, 3]
    squared = float(omega @ omega)
    a, b, _ = _coefficients(squared)
    d = (1.0 - 0.5 * a / b) / squared if squared > SMALL else 1.0 / 12.0 + squared / 720.0
    hat = skew(omega)
    # the inverse of I + b [omega]x + c [omega]x^2 is I - [omega]x / 2 + d [omega]x^2
    return np.concatenate([t - 0.5 * (hat @ t) + d * (hat @ (hat @ t)), omega])


def _sines_and_cosine(R: Float64[np.ndarray, "3 3"]) -> tuple[float, float, float, float]:
    """Return the axis of a rotation times 2 sin(angle), and 2 cos(angle)."""
    (r00, r01, r02), (r10, r11, r12), (r20, r21, r22) = R.tolist()
    return r21 - r12, r02 - r20, r10 - r01, r00 + r11 + r22 - 1.0


def _coefficients(squared: float) -> tuple[float, float, float]:
    """Return sin(a) / a, (1 - cos(a)) / a^2 and (a - sin(a)) / a^3 of a squared angle."""
    if squared <= SMALL:
        return (
            1.0 - squared / 6.0 * (1.0 - squared / 20.0 * (1.0 - squared / 42.0)),
            0.5 - squared / 24.0 * (1.0 - squared / 30.0 * (1.0 - squared / 56.0)),
            1.0 / 6.0 - squared / 120.0 * (1.0 - squared / 42.0 * (1.0 - squared / 72.0)),
        )
    angle_rad = math.sqrt(squared)
    sinc = math.sin(angle_rad) / angle_rad
    half_sine = math.sin(0.5 * angle_rad)  # 1 - cos(a) = 2 sin(a / 2)^2, which loses no digits
    return sinc, 2.0 * half_sine * half_sine / squared, (1.0 - sinc) / squared


def se3_exps(twists: Float64[np.ndarray, "n 6"]) -> Float64[np.ndarray, "n 4 4"]:
    """Return the transform of each twist."""
    v, omega = twists[:, :3], twists[:, 3:]
    squared = (omega * omega).sum(axis=1)
    angle = np.maximum(np.sqrt(squared), LEAST_RAD)
    a, b = np.sin(angle) / angle, 2.0 * (np.sin(0.5 * angle) / angle) ** 2
    c = (1.0 - a) / angle**2
    hats, eye = skews(omega), np.eye(3)
    hats_squared = omega[:, :, None] * omega[:, None, :] - squared[:, None, None] * eye
    across = np.cross(omega, v)
    Ts = np.tile(np.eye(4), (len(twists), 1, 1))
    Ts[:, :3, :3] += a[:, None, None] * hats + b[:, None, None] * hats_squared
    Ts[:, :3, 3] = v + b[:, None] * across + c[:, None] * np.cross(omega, across)
    return Ts


def inverse(T: Transform) -> Transform:
    """Invert a rigid transform."""
    (a, b, c, x), (d, e, f, y), (g, h, i, z), _ = T.tolist()
    return np.array(
        [
            [a, d, g, -a * x - d * y - g * z],
            [b, e, h, -b * x - e * y - h * z],
            [c, f, i, -c * x - f * y - i * z],
            [0.0, 0.0, 0.0, 1.0],
        ]
    )


def inverses(Ts: Float64[np.ndarray, "n 4 4"]) -> Float64[np.ndarray, "n 4 4"]:
    """Invert each transform."""
    result = np.tile(np.eye(4), (len(Ts), 1, 1))
    Rs = Ts[:, :3, :3].transpose(0, 2, 1)
    result[:, :3, :3] = Rs
    result[:, :3, 3] = -np.einsum("nij,nj->ni", Rs, Ts[:, :3, 3])
    return result


def transform_points(T: Transform, points: Float[np.ndarray, "n 3"]) -> Float[np.ndarray, "n 3"]:
    """Map points by a transform, in the points' own precision."""
    if len(points) == 0:
        return points.copy()
    return cv2.transform(points[:, None], T[:3])[:, 0]  # 20 times as fast as NumPy's product


def orthonormalise(T: Transform) -> Transform:
    """Return the transform with the nearest proper rotation: undoes the drift of long products."""
    result = np.eye(4)
    result[:3, :3] = nearest_rotation(T[:3, :3])
    result[:3, 3] = T[:3, 3]
    return result


def orthonormalised(Ts: Float64[np.ndarray, "n 4 4"]) -> Float64[np.ndarray, "n 4 4"]:
    """Return transforms whose rotations are nearly proper with the nearest proper ones."""
    result = Ts.copy()
    U, _, Vt = np.linalg.svd(Ts[:, :3, :3])
    result[:, :3, :3] = U @ Vt
    return result


def nearest_rotation(matrix: Float64[np.ndarray, "3 3"]) -> Float64[np.ndarray, "3 3"]:
    """Return the proper rotation R that maximises trace(R^T matrix)."""
    U, _, Vt = np.linalg.svd(matrix)
    return U @ np.diag([1.0, 1.0, np.linalg.det(U @ Vt)]) @ Vt


def rigid_motion(points: Float[np.ndarray, "n 3"], targets: Float[np.ndarray, "n 3"]) -> Transform:
    """Return the transform that takes points closest to their targets, by squares (Kabsch 1976)."""
    center, target = points.mean(axis=0, dtype=np.float64), targets.mean(axis=0, dtype=np.float64)
    T = np.eye(4)
    T[:3, :3] = nearest_rotation((targets - target).T @ (points - center))
    T[:3, 3] = target - T[:3, :3] @ center
    return T


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
