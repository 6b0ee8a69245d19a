"""The TSDF map on the device against the one on the CPU."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from scipy.spatial import cKDTree

from kernel_cases.check import Case, gpu_check
from kernel_cases.tsdf import MAX_READING
from kernels.dispatch import using
from slam.camera import Camera, DepthNoise
from slam.config import TsdfConfig
from slam.frame import Frame
from slam.geometry import Transform, inverse, se3_exp
from slam.maps.base import Mesh
from slam.maps.tsdf.cuda.map import CudaTsdfMap
from slam.maps.tsdf.map import TsdfMap
from slam.maps.tsdf.tsdf_file import TsdfContent, read_tsdf

Result = TypeVar("Result")
NOISE = DepthNoise.rendered()
FLIPS = 5e-3  # share of voxels and pixels that rounding moves over an edge
FAR_M = 2.6  # behind all surfaces


@dataclass(frozen=True)
class Walk:
    """A few frames of a slanted wall with a step in it, seen by a camera that moves."""

    camera: Camera
    frames: list[tuple[Frame, Transform]]
    config: TsdfConfig


def walk(case: Case) -> Walk:
    """Return frames with and without colour; the first has neither blocks nor a past."""
    w, h, voxel_size_m = case.pick((40, 30, 0.08), (320, 240, 0.01))
    # no voxel is to lie in the middle between two pixels
    camera = Camera(w, h, 0.913 * w, 0.907 * w, 0.487 * w, 0.479 * h)
    v, u = np.mgrid[:h, :w] / w
    frames = []
    for index in range(case.pick(2, 4)):
        z = 1.3 + 0.4 * u + 0.2 * v + np.where(u > 0.6, 0.5, 0.0)
        z += case.random.normal(size=(h, w)) * 0.002
        z[case.random.random((h, w)) < 0.03] = 0.0
        color = case.random.integers(0, 256, (h, w, 3), np.uint8) if index != 1 else None
        T_world_camera = np.eye(4)
        T_world_camera[:3, 3] = 0.03 * index, -0.02 * index, 0.01
        frame = Frame(index, index / 30, camera, z.astype(np.float32), color, NOISE)
        frames.append((frame, T_world_camera))
    return Walk(
        camera, frames, TsdfConfig(voxel_size_m=voxel_size_m, truncation_voxels=4.0, budget_mb=256)
    )


def defined(function: Callable[..., Result], *arguments: Any) -> Result:
    """Call a method of the host's map with the definitions of the ops."""
    with using("reference"):
        return function(*arguments)


def built(walk: Walk, capacity: int) -> CudaTsdfMap:
    """Return the map on the device of the frames."""
    map_ = CudaTsdfMap(walk.config, NOISE, capacity)
    for frame, T_world_camera in walk.frames:
        map_.integrate(frame, T_world_camera)
    return map_


def wanted(walk: Walk, capacity: int) -> TsdfMap:
    """Return the map on the host of the frames."""
    map_ = TsdfMap(walk.config, NOISE, capacity)
    for frame, T_world_camera in walk.frames:
        defined(map_.integrate, frame, T_world_camera)
    return map_


@gpu_check
def tsdf_map_on_the_device(case: Case) -> None:
    seen = walk(case)
    capacity = case.pick(512, 1 << 16)
    host, device = wanted(seen, capacity), built(seen, capacity)
    case.true("as many blocks", device.num_blocks == host.num_blocks > 20)
    case.true("as many bytes", device.nbytes == host.nbytes)
    case.true("nothing refused", device.num_refused == 0)
    compare_reading(case, "built", seen, host, device)
    mesh = device.mesh()
    compare_meshes(case, defined(host.mesh), mesh, seen.config.voxel_size_m)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("host.npz", "device.npz")]
        host.save(paths[0])
        device.save(paths[1])
        compare_files(case, *map(read_tsdf, paths))
        # a map of either device goes on on the other
        compare_reading(case, "crossed", seen, defined(TsdfMap.load, paths[1]), loaded(paths[0]))
        again = loaded(paths[1])
    again_mesh = again.mesh()
    for name in ("vertices_m", "colors", "triangles"):  # in whichever slots the blocks are
        case.equal(f"{name} again", getattr(again_mesh, name), getattr(mesh, name))


def loaded(path: Path) -> CudaTsdfMap:
    map_ = CudaTsdfMap.load(path)
    if not map_.num_integrated:
        raise ValueError("the file lost its frames")
    return map_


def compare_files(case: Case, host: TsdfContent, device: TsdfContent) -> None:
    """Compare block by block, in the order of the coordinates, which the device has already."""
    order = np.lexsort(host.coords.T[::-1])
    case.equal("blocks", device.coords, host.coords[order])
    is_known = host.weight[order] > 0
    most = MAX_READING * host.num_integrated
    case.close("weight", device.weight, host.weight[order], 1, 1e-3, flips=FLIPS, cap=most)
    sdf = device.sdf * is_known, host.sdf[order] * is_known
    case.close("sdf", *sdf, 1, flips=FLIPS, cap=64000)
    case.close("color", device.color, host.color[order], 1, flips=FLIPS, cap=255)
    case.true("number of frames", device.num_integrated == host.num_integrated)
    case.true("config", device.config == host.config and device.depth_noise == host.depth_noise)


def compare_reading(case: Case, name: str, seen: Walk, host: TsdfMap, device: CudaTsdfMap) -> None:
    """Compare what both say of points and of a view."""
    points = case.random.uniform((-0.8, -0.6, 1.1), (0.8, 0.6, 2.4), (500, 3)).astype(np.float32)
    wanted, got = defined(host.query, points), device.query(points)
    both = wanted.is_valid & got.is_valid
    case.close(f"{name}: valid", got.is_valid, wanted.is_valid, 0, flips=FLIPS, cap=1)
    unit_m = host.sdf_unit_m
    sdf_m = got.sdf_m * both, wanted.sdf_m * both
    case.close(f"{name}: sdf", *sdf_m, 2 * unit_m, flips=FLIPS, cap=64000 * unit_m)
    # with the CPU's kernel, which steps along a ray as the device does; the definition does not
    camera = seen.camera.scaled(0.5)
    wanted = host.render(camera, np.eye(4))
    got = device.render(camera, np.eye(4))
    case.true(f"{name}: something is seen", float((wanted.depth_m > 0).mean()) > 0.5)
    case.close(f"{name}: depth", got.depth_m, wanted.depth_m, 1e-3, flips=0.03, cap=FAR_M)
    case.close(f"{name}: colour of the view", got.color, wanted.color, 2, flips=0.03, cap=255)
    got, wanted = device.color(points), defined(host.color, points)
    case.close(f"{name}: colour", got, wanted, 1, flips=0.02, cap=255)


def compare_meshes(case: Case, host: Mesh, device: Mesh, voxel_size_m: float) -> None:
    """Compare as sets of vertices: the order is that of the slots, which differ."""
    n, m = len(host.vertices_m), len(device.vertices_m)
    case.true(f"{m} vertices, not {n}", n > 50 and abs(n - m) <= 0.01 * n)
    case.true("triangles", abs(len(host.triangles) - len(device.triangles)) <= 0.01 * n + 2)
    distances_m = cKDTree(device.vertices_m).query(host.vertices_m)[0]
    none_m = np.zeros_like(distances_m)  # one that the other lacks has some within a block of it
    case.close("vertices", distances_m, none_m, 1e-3, flips=FLIPS, cap=8 * voxel_size_m)


@gpu_check
def tsdf_map_without_room(case: Case) -> None:
    """A map that is full refuses, counts, and keeps what it has."""
    seen = walk(case)
    map_ = built(replace(seen, frames=seen.frames[:2]), 16)
    case.true("full", map_.num_blocks == 16)
    case.true("both frames are counted", map_.num_refused == 2)
    case.true("some of it is known", bool((map_.render(seen.camera, np.eye(4)).depth_m > 0).any()))


@gpu_check
def tsdf_map_repeats_itself(case: Case) -> None:
    """The same frames make the same file, bit by bit, whatever the order of the threads."""
    seen = walk(case)
    seen = replace(seen, frames=seen.frames[: case.pick(1, 3)])
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{number}.npz" for number in range(2)]
        for path in paths:
            built(seen, case.pick(512, 1 << 16)).save(path)
        case.true("bits", paths[0].read_bytes() == paths[1].read_bytes())


@gpu_check
def tsdf_map_moved_on_the_device(case: Case) -> None:
    """It moves as the host's, goes on from there, and back again."""
    seen = walk(case)
    seen = replace(seen, config=replace(seen.config, voxel_size_m=case.pick(0.25, 0.01)))
    capacity = case.pick(512, 1 << 16)
    host, device = wanted(seen, capacity), built(seen, capacity)
    T = se3_exp(np.array([0.4, -0.3, 0.2, 0.01, -0.02, 0.03]))
    for motion in (T, inverse(T)):
        changed = defined(moved, host, motion), moved(device, motion)
        case.equal("where it changed", *(np.unique(points, axis=0) for points in changed))
        frame, T_world_camera = seen.frames[0]
        pose = T @ T_world_camera if motion is T else T_world_camera
        defined(host.integrate, frame, pose)
        device.integrate(frame, pose)
    case.true("as many blocks", device.num_blocks == host.num_blocks > 4)
    compare_reading(case, "moved", seen, host, device)


def moved(map_: TsdfMap | CudaTsdfMap, T_new_old: Transform) -> np.ndarray:
    """Move all of a map, and return where anything changed."""
    correction = map_.correct(np.array([0]), T_new_old[None])
    while correction is not None and not correction.advance():
        pass
    return np.zeros((0, 3), np.float32) if correction is None else correction.swap()
