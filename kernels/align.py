"""Normal equations of one Gauss-Newton step, for three kinds of residual.

The unknown is the twist (v, omega) of a right perturbation, T_world_camera <- T_world_camera
exp(twist): it acts in the camera's own frame, so that rotation and translation keep the same scale
wherever the camera is. All three return `NormalEquations` for the robust, noise-weighted sum of
squares; the weight of a residual e = r / sigma is that of Cauchy's loss, 1 / (1 + (e / scale)^2),
over sigma^2. Matrices are float32 (4, 4), images float32 (h, w). The equations of tensors on a GPU
are read back to the host.
"""

from typing import NamedTuple

import numpy as np

from kernels.dispatch import check_array, implementation

NUM_SUMS = 32  # 21 of H, 6 of b, squared error, weight, signed error, count; padded


class NormalEquations(NamedTuple):
    """H twist = -b, with what is needed to judge it."""

    H: np.ndarray  # float64 (6, 6)
    b: np.ndarray  # float64 (6,)
    squared_error: float  # sum of weight * e^2
    weight: float  # sum of the robust weights, each <= 1
    signed_error: float  # sum of weight * e
    count: int  # residuals used


# where in the sums an element of H is: those of its upper triangle, row by row
PLACE = np.zeros((6, 6), np.intp)
PLACE[np.triu_indices(6)] = np.arange(21)
PLACE = np.maximum(PLACE, PLACE.T)


def assembled(sums: np.ndarray) -> NormalEquations:
    """Return the equations of sums float (parts, NUM_SUMS), which are added up: those of H row by
    row, then the others in their order.
    """
    total = sums.sum(axis=0, dtype=np.float64)
    return NormalEquations(
        total[PLACE], total[21:27], total[27], total[28], total[29], int(total[30])
    )


NO_EQUATIONS = assembled(np.zeros((0, NUM_SUMS)))  # of no residuals


def align_sdf(
    points: np.ndarray,
    sigma_m: np.ndarray,
    sdf_m: np.ndarray,
    gradient: np.ndarray,
    is_valid: np.ndarray,
    R_world_camera: np.ndarray,
    scale: float,
    max_distance_m: float,
) -> NormalEquations:
    """Point-to-SDF (Bylow et al. 2013): each camera-frame point should lie where the map's distance
    is 0.

    `points` (n, 3) in the camera frame, `sigma_m` (n,) their standard deviation along the surface
    normal; `sdf_m`, `gradient` (world), `is_valid` as `Map.query` gave them at the points' present
    world positions. The residual is sdf / |gradient|; those beyond max_distance_m or with a
    gradient under 0.3 are left out.
    """
    check_array("points", points, "float32", (None, 3))
    check_array("sigma_m", sigma_m, "float32", (points.shape[0],))
    check_array("sdf_m", sdf_m, "float32", (points.shape[0],))
    check_array("gradient", gradient, "float32", (points.shape[0], 3))
    check_array("is_valid", is_valid, "bool", (points.shape[0],))
    check_array("R_world_camera", R_world_camera, "float32", (3, 3))
    return implementation("align", points).align_sdf(
        points, sigma_m, sdf_m, gradient, is_valid, R_world_camera, scale, max_distance_m
    )


def align_projective(
    points: np.ndarray,
    sigma_m: np.ndarray,
    model_points: np.ndarray,
    model_normals: np.ndarray,
    intrinsics: np.ndarray,
    T_model_camera: np.ndarray,
    scale: float,
    max_distance_m: float,
) -> NormalEquations:
    """Projective point-to-plane (KinectFusion): each point against the model pixel that it projects
    to.

    `model_points`, `model_normals` (h, w, 3) in the frame of the model camera, z = 0 where there is
    no model; `intrinsics` (4,) belong to the model image. Pairs farther apart than max_distance_m
    are left out.
    """
    check_array("points", points, "float32", (None, 3))
    check_array("sigma_m", sigma_m, "float32", (points.shape[0],))
    check_array("model_points", model_points, "float32", (None, None, 3))
    check_array("model_normals", model_normals, "float32", model_points.shape)
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("T_model_camera", T_model_camera, "float32", (4, 4))
    return implementation("align", points).align_projective(
        points, sigma_m, model_points, model_normals, intrinsics, T_model_camera, scale,
        max_distance_m,
    )  # fmt: skip


def align_photometric(
    points: np.ndarray,
    intensities: np.ndarray,
    image: np.ndarray,
    depth_m: np.ndarray,
    intrinsics: np.ndarray,
    T_camera_keyframe: np.ndarray,
    offset: float,
    sigma: float,
    scale: float,
) -> NormalEquations:
    """Direct image alignment: a keyframe's points should have the same intensity in the present
    image.

    `points` (n, 3) in the keyframe's camera frame with `intensities` (n,) in grey levels; `image`
    and `depth_m` of the present frame, with `intrinsics` (4,). The residual is image(projection) -
    intensity - offset, bilinear, with the bilinear gradient. Points that project outside, or behind
    what the present depth shows (by 3 cm + 2 %), or between pixels of which one has no colour
    (below 0), are left out.
    """
    check_array("points", points, "float32", (None, 3))
    check_array("intensities", intensities, "float32", (points.shape[0],))
    check_array("image", image, "float32", (None, None))
    check_array("depth_m", depth_m, "float32", image.shape)
    check_array("intrinsics", intrinsics, "float32", (4,))
    check_array("T_camera_keyframe", T_camera_keyframe, "float32", (4, 4))
    return implementation("align", points).align_photometric(
        points, intensities, image, depth_m, intrinsics, T_camera_keyframe, offset, sigma, scale
    )
