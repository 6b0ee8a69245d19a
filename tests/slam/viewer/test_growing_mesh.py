import numpy as np
import pytest

from slam.geometry import se3_exp, transform_points
from slam.graph.graph import Move, Moved
from slam.maps.chunks import chunks_of
from slam.viewer.growing_mesh import VOXEL_SIZE_M, GrowingMesh


def points_of(frame) -> np.ndarray:
    camera = frame.camera
    v, u = np.nonzero(frame.depth_m)
    z = frame.depth_m[v, u]
    x, y = (u - camera.cx) * z / camera.fx, (v - camera.cy) * z / camera.fy
    return np.stack([x, y, z], axis=1).astype(np.float32)


@pytest.fixture
def tsdf(make_maps, run_through):
    maps = make_maps()
    list(run_through(maps))
    return maps["tsdf"]


def never() -> bool:
    return False


def test_only_what_was_touched_is_made_and_only_once(tsdf, walk):
    mesh = GrowingMesh(tsdf)
    points = points_of(walk.frames[-1])
    T = walk.Ts_world_camera[-1]
    assert list(mesh.remade(never)) == []
    mesh.touch(points, T, 11)
    made = dict(mesh.remade(never))
    assert len(made) > 10
    assert made.keys() <= chunks_of(
        (points @ T[:3, :3].T + T[:3, 3]).astype(np.float32), VOXEL_SIZE_M
    )
    assert all(len(part.triangles) for part in made.values())
    assert list(mesh.remade(never)) == []


def test_what_was_never_made_comes_first_then_what_was_made_longest_ago(tsdf, walk):
    mesh = GrowingMesh(tsdf)
    points, T = points_of(walk.frames[-1]), walk.Ts_world_camera[-1]
    nearest = np.argsort(points[:, 2])
    mesh.touch(points[nearest[: len(nearest) // 2]], T, 11)
    early = [chunk for chunk, _ in mesh.remade(never)]
    mesh.touch(points, T, 11)
    order = [chunk for chunk, _ in mesh.remade(never)]
    assert set(order) > set(early)
    assert order[len(order) - len(early) :] == early


def test_one_is_made_even_when_there_is_no_time_and_the_rest_waits(tsdf, walk):
    mesh = GrowingMesh(tsdf)
    mesh.touch(points_of(walk.frames[-1]), walk.Ts_world_camera[-1], 11)
    first = [chunk for chunk, _ in mesh.remade(lambda: True)]
    rest = [chunk for chunk, _ in mesh.remade(never)]
    assert len(first) <= 1
    assert len(rest) > 10
    assert not set(first) & set(rest)


def test_a_chunk_that_became_empty_is_sent_empty_once_more(tsdf, walk, make_maps):
    mesh = GrowingMesh(tsdf)
    points, T = points_of(walk.frames[-1]), walk.Ts_world_camera[-1]
    mesh.touch(points, T, 11)
    made = dict(mesh.remade(never))
    mesh.map = make_maps()["tsdf"]
    mesh.touch(points, T, 11)
    again = dict(mesh.remade(never))
    assert again.keys() == made.keys()
    assert all(len(part.triangles) == 0 for part in again.values())


def test_after_a_correction_nothing_stays_where_it_was(tsdf, walk):
    """At once what is shown is moved; made anew, it is what a mesh that is made afresh would be."""
    mesh = GrowingMesh(tsdf)
    T_NEW_OLD = se3_exp(np.array([0.3, 0.0, 0.15, 0.0, 0.1, 0.0]))
    for k, frame in enumerate(walk.frames):
        mesh.touch(points_of(frame), walk.Ts_world_camera[k], frame.index)
    before = dict(mesh.remade(never))
    indices = np.array([frame.index for frame in walk.frames])
    Ts = np.tile(T_NEW_OLD, (len(indices), 1, 1))
    correction = tsdf.correct(indices, Ts)
    while not correction.advance():
        pass
    changed = correction.swap()
    moved = Moved.after(11, Move(indices, Ts, np.full(len(indices), 0.3), ()), changed)
    shown = dict(mesh.move(moved))
    assert shown.keys() == before.keys()
    for T in shown.values():
        np.testing.assert_allclose(T, T_NEW_OLD, atol=1e-9)
    after = dict(mesh.remade(never))
    assert before.keys() <= after.keys()
    afresh = GrowingMesh(tsdf)
    for k, frame in enumerate(walk.frames):
        T = T_NEW_OLD @ walk.Ts_world_camera[k]
        afresh.touch(points_of(frame), T, frame.index)
    expected = dict(afresh.remade(never))
    for chunk, part in expected.items():
        np.testing.assert_array_equal(after[chunk].vertices_m, part.vertices_m)
    num_stale = sum(len(after[chunk].triangles) for chunk in after.keys() - expected.keys())
    assert num_stale < 0.01 * sum(len(part.triangles) for part in after.values())
    # what was moved at once was already within a voxel of it
    at_once = np.concatenate(
        [transform_points(shown[chunk], before[chunk].vertices_m) for chunk in before]
    )
    off_m = np.abs(tsdf.query(at_once.astype(np.float32)).sdf_m)
    assert np.median(off_m) < 0.005
    assert list(GrowingMesh(tsdf).move(moved)) == []
