from dataclasses import replace

import numpy as np
import pytest

from slam.maps.chunks import chunk_mesh, chunk_size_m, chunks_of

VOXEL_M = 0.02
SIZE_M = chunk_size_m(VOXEL_M)
SHIFT_M = np.float32([0.011, 0.313, 0.007])  # of the wall, off the voxels, in the middle of chunks
SEEN_M = np.array([160, 120]) / 131.0 * 1.5  # of the wall, from 1.5 m


def lattice(half_m: np.ndarray) -> np.ndarray:
    """Return points on the wall."""
    x, z = np.meshgrid(*[np.linspace(-half, half, 20) for half in half_m])
    return np.stack([x.ravel(), np.zeros(x.size), z.ravel()], axis=1).astype(np.float32)


@pytest.fixture
def view(see):
    """Return a view of a wall with a box before it, from 1.5 m, the wall's front at y = SHIFT_M."""
    frame, T_world_camera = see(has_box=True)
    T_world_camera = T_world_camera.copy()
    T_world_camera[:3, 3] += SHIFT_M
    return frame, T_world_camera


@pytest.fixture
def meshes(make_any, view):
    """Return the meshes of the chunks in view."""
    map_ = make_any()
    for _ in range(3):
        map_.integrate(*view)
    box = lattice(np.array([0.2, 0.2])) + np.float32([0, -0.5, 0])
    points = np.concatenate([lattice(0.5 * SEEN_M), box]) + SHIFT_M
    return {chunk: chunk_mesh(map_, chunk, VOXEL_M) for chunk in chunks_of(points, VOXEL_M)}


def test_chunks_of_a_point_are_its_own_and_those_whose_faces_are_near():
    middle = np.full((1, 3), 0.5 * SIZE_M, np.float32)
    assert chunks_of(middle, VOXEL_M) == {(0, 0, 0)}
    assert chunks_of(-middle, VOXEL_M) == {(-1, -1, -1)}
    at_a_face = middle + np.float32([[0.5 * SIZE_M - VOXEL_M, 0, 0]])
    assert chunks_of(at_a_face, VOXEL_M) == {(0, 0, 0), (1, 0, 0)}
    corner = np.zeros((1, 3), np.float32)
    assert chunks_of(corner, VOXEL_M) == {(x - 1, y - 1, z - 1) for x, y, z in np.ndindex(2, 2, 2)}
    assert chunks_of(np.zeros((0, 3), np.float32), VOXEL_M) == set()


def test_together_they_are_the_surface(meshes):
    area_m2 = 0.0
    for chunk, mesh in meshes.items():
        low_m = np.array(chunk) * SIZE_M
        assert (mesh.vertices_m >= low_m - 1e-5).all()
        assert (mesh.vertices_m <= low_m + SIZE_M + 1e-5).all()
        x, y, z = (mesh.vertices_m - SHIFT_M).T
        is_wall = (np.abs(x) < 0.4 * SEEN_M[0]) & (np.abs(z) < 0.4 * SEEN_M[1])
        is_wall &= (np.abs(x) > 0.35) | (np.abs(z) > 0.35)
        is_box = (np.abs(x) < 0.15) & (np.abs(z) < 0.15)
        np.testing.assert_allclose(y[is_wall], 0.0, atol=0.005)
        np.testing.assert_allclose(y[is_box], -0.5, atol=0.005)
        a, b, c = (mesh.vertices_m[mesh.triangles[:, k]] for k in range(3))
        facing = -0.5 * np.cross(b - a, c - a)[:, 1]
        assert (facing >= -1e-9)[(is_wall | is_box)[mesh.triangles].all(axis=1)].all()
        area_m2 += facing.sum()
    # the box hides 0.6 x 0.6 m of the wall and shows 0.4 x 0.4 m of itself; a rim is not known
    whole_m2 = SEEN_M.prod() - 0.6**2 + 0.4**2
    rim_m2 = 2 * VOXEL_M * (2 * SEEN_M.sum() + 4 * 0.6 + 4 * 0.4)
    assert whole_m2 - rim_m2 < area_m2 < whole_m2


def test_neighbours_meet_at_identical_vertices(meshes):
    num_met = 0
    for chunk, mesh in meshes.items():
        for axis in range(3):
            other = meshes.get(tuple(np.add(chunk, np.eye(3, dtype=int)[axis]).tolist()))
            if other is None:
                continue
            face_m = np.float32(32 * (chunk[axis] + 1)) * np.float32(VOXEL_M)
            here, there = (
                {
                    (x, y, z)
                    for x, y, z in part.vertices_m[part.vertices_m[:, axis] == face_m].tolist()
                    if abs(x) < 0.4 * SEEN_M[0] and abs(z) < 0.4 * SEEN_M[1]
                }
                for part in (mesh, other)
            )
            assert here == there
            num_met += len(here)
    assert num_met > 100


def test_an_empty_chunk_has_no_mesh(make_any):
    mesh = chunk_mesh(make_any(), (3, -2, 1), VOXEL_M)
    assert len(mesh.vertices_m) == len(mesh.triangles) == 0


def test_vertices_have_the_colors_of_the_map(make_any, view):
    frame, T_world_camera = view
    map_ = make_any()
    for index in range(3):
        map_.integrate(replace(frame, index=index), T_world_camera)
    mesh = chunk_mesh(map_, (0, 0, 0), VOXEL_M)
    is_wall = (mesh.vertices_m[:, 0] > 0.4) & (mesh.vertices_m[:, 0] < 0.6)
    assert is_wall.sum() > 50
    mean = frame.color.reshape(-1, 3).mean(axis=0)
    np.testing.assert_allclose(mesh.colors[is_wall].mean(axis=0), mean, atol=25)
