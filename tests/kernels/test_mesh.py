"""Marching cubes: laws of the table and of meshes; the CPU against the reference."""

from collections import Counter

import numpy as np
import pytest

from kernels.marching_cubes import EDGE_AXIS, EDGE_CORNER, TRIANGLE_TABLE
from kernels.mesh import MeshArrays
from kernels.reference.query import CORNERS

from .conftest import Volume, with_both

CASES = range(256)


def directed_edges(triangles: np.ndarray) -> Counter:
    """Count the directed edges of triangles (n, 3)."""
    pairs = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    return Counter(map(tuple, pairs.tolist()))


def border(triangles: np.ndarray) -> Counter:
    """Return the directed edges that are not met by as many in the opposite direction."""
    edges = directed_edges(triangles)
    opposite = Counter({(b, a): count for (a, b), count in edges.items()})
    return edges - opposite


def triangles_of_case(case: int) -> np.ndarray:
    row = TRIANGLE_TABLE[case]
    return row[row >= 0].astype(int).reshape(-1, 3)


def faces_of_edge(edge: int) -> set[tuple[int, int]]:
    """Return the two faces (axis, side) of the cell on which an edge lies."""
    corner, axis = CORNERS[EDGE_CORNER[edge]], EDGE_AXIS[edge]
    return {(a, int(corner[a])) for a in range(3) if a != axis}


def segments_on_face(case: int, axis: int, side: int) -> set[tuple[tuple, tuple]]:
    """Return a case's border on one face, its points as (place in the face, axis)."""

    def place(edge: int) -> tuple:
        corner = tuple(np.delete(CORNERS[EDGE_CORNER[edge]], axis).tolist())
        return corner, int(EDGE_AXIS[edge])

    return {
        (place(a), place(b))
        for a, b in border(triangles_of_case(case))
        if (axis, side) in faces_of_edge(a) & faces_of_edge(b)
    }


@pytest.mark.parametrize("case", CASES)
def test_case_is_closed_against_the_faces(case: int):
    """Inside the cell every edge has its opposite; the rest are loops on the faces."""
    triangles = triangles_of_case(case)
    for edge in set(triangles.ravel().tolist()):
        corner, axis = int(EDGE_CORNER[edge]), EDGE_AXIS[edge]
        other = corner | (4 >> axis)
        assert (case >> corner & 1) != (case >> other & 1)  # vertices only where the sign changes
    num_crossed = sum(
        (case >> int(c) & 1) != (case >> (int(c) | 4 >> axis) & 1)
        for c, axis in zip(EDGE_CORNER, EDGE_AXIS, strict=True)
    )
    assert len(set(triangles.ravel().tolist())) == num_crossed
    rest = border(triangles)
    assert all(count == 1 for count in rest.values())
    assert all(faces_of_edge(a) & faces_of_edge(b) for a, b in rest)
    assert Counter(a for a, _ in rest) == Counter(b for _, b in rest)


@pytest.mark.parametrize("axis", range(3))
def test_neighboring_cells_agree_on_their_face(axis: int):
    """The border on a face depends on its corners alone; the cell beyond goes backwards."""
    beyond: dict[tuple, set] = {}
    on_face = [[c for c in range(8) if CORNERS[c, axis] == side] for side in (0, 1)]
    for case in CASES:
        signs = tuple(case >> c & 1 for c in on_face[0])
        reversed_segments = {(b, a) for a, b in segments_on_face(case, axis, 0)}
        assert beyond.setdefault(signs, reversed_segments) == reversed_segments
    for case in CASES:
        signs = tuple(case >> c & 1 for c in on_face[1])
        assert segments_on_face(case, axis, 1) == beyond[signs]


def single_cells(seed: int) -> Volume:
    """Return all 256 cases: one known cell in a block each, away from the others."""
    random = np.random.default_rng(seed)
    volume = Volume(capacity=256, voxel_size_m=1.0)
    for case in CASES:
        sdf, weight = np.zeros((8, 8, 8), int), np.zeros((8, 8, 8), int)
        for c in range(8):
            voxel = tuple(CORNERS[c] + 2)
            sdf[voxel] = random.integers(1, 30000) * (-1 if case >> c & 1 else 1)
            weight[voxel] = 5
        volume.fill(np.array([2 * case, -4, 1]), sdf, weight)
    return volume


def test_every_case_as_the_table_says(backend: str):
    volume = single_cells(0)
    mesh = volume.mesh()
    cases = np.floor(mesh.vertices_m[mesh.triangles[:, 0], 0] / 16).astype(int)
    for case in CASES:
        triangles = mesh.triangles[cases == case]
        assert len(triangles) == len(triangles_of_case(case))
        if len(triangles):
            vertices = mesh.vertices_m[np.unique(triangles)] - [16 * case + 2, -30, 10]
            assert ((vertices >= 0) & (vertices <= 1)).all()
        assert sum(border(triangles).values()) == sum(border(triangles_of_case(case)).values())
    assert len(volume.mesh(min_weight=6).triangles) == 0


def canonical(mesh: MeshArrays, decimals: int = 5) -> tuple[np.ndarray, np.ndarray, Counter]:
    """Return sorted vertices, their colours, and the triangles as a bag."""
    rounded = np.round(mesh.vertices_m.astype(np.float64), decimals) + 0.0
    order = np.lexsort(rounded.T[::-1])
    number = np.empty(len(order), int)
    number[order] = np.arange(len(order))
    triangles = number[mesh.triangles]
    first = triangles.argmin(axis=1)
    turned = np.take_along_axis(triangles, (first[:, None] + np.arange(3)) % 3, axis=1)
    return mesh.vertices_m[order], mesh.colors[order], Counter(map(tuple, turned.tolist()))


def assert_same_mesh(a: MeshArrays, b: MeshArrays):
    assert len(a.vertices_m) == len(b.vertices_m)
    assert [array.dtype for array in a] == [array.dtype for array in b]
    (vertices_a, colors_a, triangles_a), (vertices_b, colors_b, triangles_b) = map(
        canonical, (a, b)
    )
    np.testing.assert_allclose(vertices_a, vertices_b, atol=1e-5)  # float32 of 50 voxels
    assert np.abs(colors_a.astype(int) - colors_b).max(initial=0) <= 1
    assert triangles_a == triangles_b


def random_volume(seed: int, share_known: float, shape=(16, 16, 24)) -> Volume:
    """Return random signs and places, so that every case and every meeting of cases occurs."""
    random = np.random.default_rng(seed)
    volume = Volume(capacity=64, voxel_size_m=1.0)
    sdf = random.integers(5, 32000, shape) * random.choice([-1, 1], shape)
    weight = np.where(random.random(shape) < share_known, random.integers(1, 1000, shape), 0)
    volume.fill(np.array([-1, 0, -2]), sdf, weight)
    color = volume.blocks.color[: volume.count]
    color[:] = random.integers(0, 256, color.shape)
    color[:, 3] = random.choice([0, 5], color[:, 3].shape)
    return volume


@pytest.mark.parametrize("share_known", [1.0, 0.9])
@pytest.mark.parametrize("min_weight", [0, 1, 200])
def test_random_blocks_like_reference(share_known: float, min_weight: int):
    volume = random_volume(3, share_known)
    reference, cpu = with_both(lambda: volume.mesh(min_weight=min_weight))
    assert len(reference.triangles) > 1000
    assert_same_mesh(cpu, reference)


@pytest.mark.parametrize("num", [0, 1, 7])
def test_some_blocks_like_reference(num: int):
    volume = random_volume(4, 0.97)
    slots = np.random.default_rng(0).permutation(volume.count)[:num].astype(np.int32)
    reference, cpu = with_both(lambda: volume.mesh(slots))
    assert bool(len(reference.triangles)) == (num > 0)
    assert_same_mesh(cpu, reference)


def test_room_like_reference(fused_room: Volume):
    slots = np.arange(0, fused_room.count, 7, dtype=np.int32)
    reference, cpu = with_both(lambda: fused_room.mesh(slots))
    assert len(reference.triangles) > 1000
    # voxels of distance 0 put vertices of several edges at one place: numbers differ there, counts
    # do not
    assert len(cpu.triangles) == len(reference.triangles)
    assert len(cpu.vertices_m) == len(reference.vertices_m)
    np.testing.assert_allclose(
        canonical(cpu)[0].mean(axis=0), canonical(reference)[0].mean(axis=0), atol=1e-5
    )


def test_every_vertex_is_used_and_lies_on_a_crossed_edge(backend: str):
    volume = random_volume(5, 0.9)
    mesh = volume.mesh()
    assert set(mesh.triangles.ravel().tolist()) == set(range(len(mesh.vertices_m)))
    is_whole = mesh.vertices_m == np.round(mesh.vertices_m)
    assert (is_whole.sum(axis=1) >= 2).all()
    lower = np.floor(mesh.vertices_m) / volume.voxel_size_m
    sdf_m = volume.query(mesh.vertices_m)[0]
    known = volume.query(mesh.vertices_m)[2]
    # float32 of a fraction beside a coordinate of up to 16 is 1e-6, where the distance falls by
    # 0.48 m
    assert np.abs(sdf_m[known]).max() < 2e-6
    assert lower.min() >= -16


def test_random_signs_leave_no_crack(backend: str):
    """Every edge has its opposite, except on the faces of the known box."""
    volume = random_volume(6, 1.0)
    mesh = volume.mesh()
    lowest, highest = np.array([-8, 0, -16]), np.array([7, 15, 7])
    on_border = (mesh.vertices_m == lowest) | (mesh.vertices_m == highest)
    rest = border(mesh.triangles)
    assert rest
    for a, b in rest:
        assert (on_border[a] & on_border[b]).any()
    assert max(directed_edges(mesh.triangles).values()) == 1


def test_unknown_voxels_leave_borders_only_at_their_cells(backend: str):
    volume = random_volume(7, 0.97)
    weight = np.zeros((16, 16, 24), bool)
    for slot in range(volume.count):
        x, y, z = (volume.index.coords[slot] - [-1, 0, -2]) * 8
        known = volume.blocks.weight[slot].reshape(8, 8, 8) > 0
        weight[x : x + 8, y : y + 8, z : z + 8] = known
    corners = [weight[c >> 2 :, c >> 1 & 1 :, c & 1 :][:15, :15, :23] for c in range(8)]
    is_cell = np.pad(np.all(corners, axis=0), 1)  # from cell -1 to cell n
    mesh = volume.mesh()
    vertices = mesh.vertices_m - [-8, 0, -16]
    for a, b in border(mesh.triangles):
        # the cells on both sides of the face that holds the middle of the edge
        middle = (vertices[a] + vertices[b]) / 2
        on = [k for k in range(3) if vertices[a][k] == vertices[b][k] == round(vertices[a][k])]
        cells = []
        for axis in on:
            for side in (-1, 0):
                cell = np.floor(middle).astype(int)
                cell[axis] += side
                cells.append(bool(is_cell[tuple(cell + 1)]))
        assert not all(cells)


def sphere_volume(center: np.ndarray, radius: float) -> Volume:
    """Return an exact ball, voxels 1 m, in blocks around it."""
    grid = np.stack(np.meshgrid(*[np.arange(-16, 24)] * 3, indexing="ij"), axis=-1)
    distance = np.linalg.norm(grid - center, axis=-1) - radius
    volume = Volume(capacity=125, voxel_size_m=1.0, truncation_m=(4.0, 24.0))
    sdf = np.round(distance.clip(-23, 23) / volume.sdf_unit_m).astype(int)
    volume.fill(np.array([-2, -2, -2]), sdf, np.ones(sdf.shape, int))
    return volume


def volume_of(mesh: MeshArrays) -> float:
    a, b, c = mesh.vertices_m.astype(np.float64)[mesh.triangles.T]
    return float((a * np.cross(b, c)).sum() / 6)


def test_sphere_is_watertight_and_faces_outward(backend: str):
    center, radius = np.array([3.3, 2.6, 4.1]), 13.0
    mesh = sphere_volume(center, radius).mesh()
    assert not border(mesh.triangles)
    assert max(directed_edges(mesh.triangles).values()) == 1
    num_edges = len(mesh.triangles) * 3 // 2
    assert len(mesh.vertices_m) - num_edges + len(mesh.triangles) == 2  # Euler
    distance = np.linalg.norm(mesh.vertices_m - center, axis=1) - radius
    # an edge of length h cuts the distance's curve: up to h^2 / 8 r = 0.01 low; the unit is 7.5e-4
    assert np.abs(distance).max() < 0.012
    expected = 4 / 3 * np.pi * radius**3
    # chords are low by h^2 / 8 r on each of two axes and more across diagonals: 0.03 of 13 / 3
    assert 0.99 < volume_of(mesh) / expected < 1.0


def test_halves_meet_at_identical_vertices(backend: str):
    volume = random_volume(8, 1.0)
    slots = np.random.default_rng(1).permutation(volume.count).astype(np.int32)
    whole, first, second = (volume.mesh(s) for s in (slots, slots[:5], slots[5:]))
    keys = [set(map(tuple, mesh.vertices_m.tolist())) for mesh in (whole, first, second)]
    assert keys[0] == keys[1] | keys[2]
    assert len(keys[1] & keys[2]) > 50
    parts = np.concatenate([first.vertices_m[first.triangles], second.vertices_m[second.triangles]])
    as_bag = Counter(map(bytes, np.ascontiguousarray(parts.reshape(len(parts), 9))))
    assert as_bag == Counter(
        map(bytes, np.ascontiguousarray(whole.vertices_m[whole.triangles].reshape(-1, 9)))
    )


def test_colors_are_mixed_like_places(backend: str):
    """Red 0 outside, 200 inside; a corner without colour has no say; none at all is grey."""
    volume = Volume(capacity=1, voxel_size_m=1.0)
    sdf = np.broadcast_to((np.arange(8) - 3.25) * 1000, (8, 8, 8))
    volume.fill(np.zeros(3), sdf, np.ones((8, 8, 8), int))
    color = volume.blocks.color[0].reshape(4, 8, 8, 8)
    color[0, :, :, 3], color[0, :, :, 4] = 0, 200
    color[1] = 80
    color[3, :4] = 7
    color[3, 1, :, 3] = 0
    mesh = volume.mesh()
    np.testing.assert_allclose(mesh.vertices_m[:, 2], 3.25)
    expected = {0: (50, 80, 0), 1: (200, 80, 0), 2: (50, 80, 0), 5: (128, 128, 128)}
    for x, rgb in expected.items():
        at_x = mesh.vertices_m[:, 0] == x
        assert at_x.sum() == 8
        np.testing.assert_array_equal(mesh.colors[at_x], np.tile(rgb, (8, 1)))
