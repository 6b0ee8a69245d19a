"""The renderer of analytic scenes against its definition and against geometry."""

import numpy as np
import pytest

from kernels.dispatch import using
from kernels.scene import BOX, CYLINDER, NUM_COLUMNS, NUM_TEXELS, SPHERE, render_scene, scene_sdf
from slam.scenes import room
from slam.scenes.textures import texture_pyramids
from slam.scenes.walk import look_rotations

INTRINSICS = np.array([131.25, 131.25, 79.5, 59.5], dtype=np.float32)
# Float32 rounds 5 m at 5e-7 m; a ray that grazes a face stretches that by the inverse of its slope.
DEPTH_TOLERANCE_M = 5e-5
MAX_FLIPS = 0.002  # share of pixels on an edge, which may fall on either side of it


def random_solids(seed: int, n: int = 40) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    solids = np.zeros((n, NUM_COLUMNS), dtype=np.float32)
    kinds = rng.integers(0, 3, n).astype(np.int32)
    solids[:, :3] = rng.uniform(-2.5, 2.5, (n, 3))
    solids[:, 3:6] = rng.uniform(0.03, 0.6, (n, 3))
    solids[kinds == CYLINDER, 4] = solids[kinds == CYLINDER, 3]
    solids[kinds == SPHERE, 4:6] = solids[kinds == SPHERE, 3:4]
    yaw = rng.uniform(0, 2 * np.pi, n)
    solids[:, 6], solids[:, 7] = np.cos(yaw), np.sin(yaw)
    solids[:, 8:14] = rng.uniform(0, 255, (n, 6))
    solids[:, 14] = rng.integers(0, len(texture_pyramids()), n)
    solids[:, 15] = rng.uniform(0.001, 0.006, n)
    solids[:, 16] = np.arange(n)
    return solids, kinds


def pose(x: float, y: float, z: float, yaw_deg: float, pitch_deg: float) -> np.ndarray:
    T_world_camera = np.eye(4)
    T_world_camera[:3, :3] = look_rotations(
        np.array([float(yaw_deg)]), np.array([float(pitch_deg)])
    )[0]
    T_world_camera[:3, 3] = x, y, z
    return T_world_camera


def check_same(solids: np.ndarray, kinds: np.ndarray, T_world_camera: np.ndarray) -> None:
    arguments = (solids, kinds, texture_pyramids(), INTRINSICS, T_world_camera, 161, 119)
    depth_m, color = render_scene(*arguments)
    with using("reference"):
        want_depth_m, want_color = render_scene(*arguments)
    assert depth_m.dtype == np.float32
    assert color.dtype == np.uint8
    is_flip = np.abs(depth_m - want_depth_m) > DEPTH_TOLERANCE_M
    assert is_flip.mean() <= MAX_FLIPS
    difference = np.abs(color.astype(int) - want_color).max(axis=2)
    assert (difference[~is_flip] > 1).mean() <= MAX_FLIPS


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_random_solids_match_reference(seed: int) -> None:
    solids, kinds = random_solids(seed)
    check_same(solids, kinds, pose(-4.0, 0.3, 0.2, 4.0, -3.0))


@pytest.mark.parametrize("index", [0, 100, 200])
def test_room_matches_reference(index: int) -> None:
    scene = room.scene()
    check_same(scene.solids, scene.kinds, room.walk().poses(index + 1)[index])


def test_camera_among_solids_matches_reference() -> None:
    """Solids beside and behind the camera cross its near plane, and one holds it."""
    solids, kinds = random_solids(3, n=60)
    solids[0, :6], kinds[0] = [0, 0, 0, 0.4, 0.4, 0.4], BOX
    check_same(solids, kinds, pose(0.1, 0.0, 0.1, 30.0, 20.0))


def test_sdf_matches_reference() -> None:
    solids, kinds = random_solids(4)
    points = np.random.default_rng(0).uniform(-3, 3, (3001, 3)).astype(np.float32)
    with using("reference"):
        want_m = scene_sdf(solids, kinds, points)
    np.testing.assert_allclose(scene_sdf(solids, kinds, points), want_m, atol=2e-6)


@pytest.mark.parametrize("kind", [BOX, CYLINDER, SPHERE])
def test_depth_of_one_solid_in_front(kind: int) -> None:
    solids = np.zeros((1, NUM_COLUMNS), dtype=np.float32)
    solids[0, :8] = [2.0, 0.0, 0.0, 0.5, 0.5, 0.5, 1.0, 0.0]
    solids[0, 8:14], solids[0, 15] = 200.0, 0.004
    kinds = np.array([kind], dtype=np.int32)
    intrinsics = np.array([100.0, 100.0, 10.0, 10.0], dtype=np.float32)
    depth_m, color = render_scene(
        solids, kinds, texture_pyramids(), intrinsics, pose(0, 0, 0, 0, 0), 101, 21
    )
    assert depth_m[10, 10] == pytest.approx(1.5, abs=1e-6)
    assert depth_m[10, 100] == 0.0
    assert color[10, 10].min() > 0
    assert color[10, 100].max() == 0


def test_empty_scene_and_no_points() -> None:
    solids, kinds = np.zeros((0, NUM_COLUMNS), np.float32), np.zeros(0, np.int32)
    depth_m, color = render_scene(solids, kinds, texture_pyramids(), INTRINSICS, np.eye(4), 33, 1)
    assert depth_m.shape == (1, 33)
    assert not depth_m.any()
    assert not color.any()
    solids, kinds = random_solids(5)
    assert scene_sdf(solids, kinds, np.zeros((0, 3), np.float32)).shape == (0,)


def test_far_texture_fades_instead_of_aliasing() -> None:
    """A pixel that covers many texels shows their mean."""
    solids = np.zeros((1, NUM_COLUMNS), dtype=np.float32)
    solids[0, :8] = [8.0, 0.0, 0.0, 0.1, 20.0, 20.0, 1.0, 0.0]
    solids[0, 11:14], solids[0, 15] = 255.0, 0.0005
    kinds = np.array([BOX], dtype=np.int32)
    _, color = render_scene(
        solids, kinds, texture_pyramids(), INTRINSICS, pose(0, 0, 0, 0, 0), 160, 120
    )
    assert color[..., 0].astype(float).std() < 0.25 * np.std(texture_pyramids()[0, :262144] & 255)


def test_wrong_arguments_are_named() -> None:
    solids, kinds = random_solids(6)
    textures = np.zeros((1, NUM_TEXELS), np.uint32)
    with pytest.raises(ValueError, match="solids must be float32"):
        scene_sdf(solids[:, :5], kinds, np.zeros((1, 3), np.float32))
    with pytest.raises(ValueError, match="textures must be uint32"):
        render_scene(solids, kinds, textures[:, :5], INTRINSICS, np.eye(4), 4, 4)
    with pytest.raises(ValueError, match="width and height"):
        render_scene(solids, kinds, textures, INTRINSICS, np.eye(4), 0, 4)
