import numpy as np
import pytest

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
    mesh.touch(points, T)
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
    mesh.touch(points[nearest[: len(nearest) // 2]], T)
    early = [chunk for chunk, _ in mesh.remade(never)]
    mesh.touch(points, T)
    order = [chunk for chunk, _ in mesh.remade(never)]
    assert set(order) > set(early)
    assert order[len(order) - len(early) :] == early


def test_one_is_made_even_when_there_is_no_time_and_the_rest_waits(tsdf, walk):
    mesh = GrowingMesh(tsdf)
    mesh.touch(points_of(walk.frames[-1]), walk.Ts_world_camera[-1])
    first = [chunk for chunk, _ in mesh.remade(lambda: True)]
    rest = [chunk for chunk, _ in mesh.remade(never)]
    assert len(first) <= 1
    assert len(rest) > 10
    assert not set(first) & set(rest)


def test_a_chunk_that_became_empty_is_sent_empty_once_more(tsdf, walk, make_maps):
    mesh = GrowingMesh(tsdf)
    points, T = points_of(walk.frames[-1]), walk.Ts_world_camera[-1]
    mesh.touch(points, T)
    made = dict(mesh.remade(never))
    mesh.map = make_maps()["tsdf"]
    mesh.touch(points, T)
    again = dict(mesh.remade(never))
    assert again.keys() == made.keys()
    assert all(len(part.triangles) == 0 for part in again.values())
