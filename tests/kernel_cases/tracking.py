"""The aligner of the GPU against that of the host, end to end, in a textured corner of a room."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from kernel_cases.check import Case, gpu_check, to_device
from kernels import blocks as block_ops
from kernels import tsdf as tsdf_ops
from kernels.dispatch import using
from kernels.tsdf import TsdfGrid
from slam.camera import Camera, DepthNoise
from slam.config import TrackingConfig
from slam.frame import Frame
from slam.geometry import inverse, rotation_angle_rad, se3_exp
from slam.maps.base import Rendering, SdfSamples
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.cuda.aligner import CudaAligner
from slam.tracking.host import HostAligner

# three planes n . p = offset that meet in front of the camera
NORMALS = np.array([[0.48, 0.14, 0.866], [-0.48, 0.14, 0.866], [0.0, -0.5, 0.866]])
OFFSETS_M = np.array([0.9, 0.85, 0.87])
TRUNCATION_M = 0.08
UNIT_M = TRUNCATION_M / 32000.0
MOTION = np.array([0.004, -0.002, 0.003, 0.002, -0.004, 0.003])  # a frame: 5 mm and 0.3 degrees


@dataclass(frozen=True)
class Corner:
    """What the aligners use of a map of the corner: the host's, and the same on the device."""

    grid: TsdfGrid
    on_device: Any

    def query(self, points: np.ndarray) -> SdfSamples:
        """Evaluate the signed distance at world points."""
        grid = self.grid
        sizes = float(grid.voxel_size_m), float(grid.sdf_unit_m)
        return SdfSamples(*tsdf_ops.query(grid.blocks, grid.voxels, points, *sizes))

    def render(self, camera: Camera, T_world_camera: np.ndarray) -> Rendering:
        """Cast the camera's rays into the map."""
        grid, T = self.grid, T_world_camera.astype(np.float32)
        rendered = tsdf_ops.raycast(
            grid.blocks, grid.voxels, (camera.height, camera.width), camera.intrinsics, T,
            float(grid.voxel_size_m), float(grid.sdf_unit_m), TRUNCATION_M, (0.1, 4.0),
        )  # fmt: skip
        return Rendering(*rendered)


def corner(voxel_size_m: float) -> Corner:
    """Return the map of all that the views see."""
    reach = int(np.ceil(1.4 / (8 * voxel_size_m)))
    coords = np.moveaxis(np.indices((2 * reach,) * 3), 0, -1).reshape(-1, 3) - reach
    voxels = np.moveaxis(np.indices((8, 8, 8)), 0, -1).reshape(-1, 3)
    middle_m = distance_m((coords + 0.5) * 8 * voxel_size_m)
    coords = coords[np.abs(middle_m) < TRUNCATION_M + 7 * voxel_size_m].astype(np.int32)
    index = block_ops.new_index(len(coords))
    with using("reference"):
        block_ops.insert_blocks(index, coords)
    blocks = tsdf_ops.new_blocks(len(coords))
    sdf_m = distance_m((8 * coords[:, None] + voxels) * voxel_size_m)
    blocks.sdf[:] = np.clip(sdf_m / UNIT_M, -32000, 32000)
    blocks.weight[:] = 256
    grid = TsdfGrid(index, blocks, np.float32(voxel_size_m), np.float32(UNIT_M))
    return Corner(grid, to_device(grid))


def distance_m(points: np.ndarray) -> np.ndarray:
    """Return the signed distance of world points (..., 3) to the nearest of the planes."""
    return (OFFSETS_M - points @ NORMALS.T).min(axis=-1)


def view(camera: Camera, index: int, has_color: bool = True) -> Frame:
    """Return what the camera sees of the corner after some frames."""
    T_world_camera = se3_exp(index * MOTION)
    v, u = np.mgrid[: camera.height, : camera.width]
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)], 2)
    rays = rays @ T_world_camera[:3, :3].T
    away = rays @ NORMALS.T  # (h, w, plane)
    depths_m = (OFFSETS_M - NORMALS @ T_world_camera[:3, 3]) / np.maximum(away, 1e-6)
    depth_m = depths_m.min(axis=2)
    x, y, z = np.moveaxis(T_world_camera[:3, 3] + rays * depth_m[..., None], 2, 0)
    gray = 120 + 40 * np.sin(23 * x + 9 * z) + 40 * np.cos(21 * y) + 30 * np.sin(17 * z)
    color = np.repeat(gray.astype(np.uint8)[..., None], 3, axis=2) if has_color else None
    noise = DepthNoise.rendered()
    return Frame(index, index / 30, camera, depth_m.astype(np.float32), color, noise)


def apart(a: TrackResult, b: TrackResult) -> tuple[float, float]:
    """Return millimetres and degrees between two poses."""
    T = inverse(a.T_world_camera) @ b.T_world_camera
    angle_deg = float(np.degrees(rotation_angle_rad(T[:3, :3])))
    return 1e3 * float(np.linalg.norm(T[:3, 3])), angle_deg


@gpu_check
def tracking(case: Case) -> None:
    tiny = Camera(56, 44, 50.5, 50.5, 27.3, 21.8)
    camera = case.pick(tiny, Camera(640, 480, 525.0, 525.0, 319.3, 239.8))
    map_: Any = corner(case.pick(0.02, 0.01))
    host, device = HostAligner(TrackingConfig()), CudaAligner(TrackingConfig())
    first = view(camera, 0)
    device.load(first)
    with using("reference"):
        host.load(first)
        extent = host.extent()
        assert host.set_keyframe(np.eye(4))
    # a pixel at a threshold may have a slope on one and none on the other
    case.close("points", device.extent().num_points, extent.num_points, 0, 0.005)
    case.close("median depth", device.extent().median_depth_m, extent.median_depth_m, 1e-2)
    assert device.set_keyframe(np.eye(4))
    # a device captures the launches of the first frames and replays those of the others
    for index in range(1, case.pick(2, 8)):
        for has_color in case.pick((True,), (True, False)):
            frame, scatter = view(camera, index, has_color), 1.0 / index
            compare(case, map_, host, device, frame, scatter)
    with using("reference"):  # the search runs on the host, with a keyframe of its own
        wanted = np.stack(list(host.search(map_, np.eye(4))))
        case.equal("a search", np.stack(list(device.search(map_, np.eye(4)))), wanted)
        wanted = host.agreement(np.eye(4))
        case.true(f"an agreement: {wanted}", device.agreement(np.eye(4)) == wanted)
        case.equal("drawn", device.drawn(map_, np.eye(4)), host.drawn(map_, np.eye(4)))
        case.equal("contrast", device.contrast(np.eye(4)), host.contrast(np.eye(4)))
        device.forget_keyframe()
        case.true("a forgotten keyframe", device.same(np.eye(4)) is None)
    empty = Frame(9, 0.3, camera, np.zeros_like(first.depth_m), None, first.depth_noise)
    device.load(empty)
    T_start = se3_exp(MOTION)
    lost = device.align(map_, T_start)
    case.true(f"a frame without depth: {lost.state}", lost.state is TrackState.LOST)
    case.equal("a frame without depth: pose", lost.T_world_camera, T_start)


def compare(
    case: Case, map_: Any, host: HostAligner, device: CudaAligner, frame: Frame, scatter: float
) -> None:
    """Align a frame on both, from the pose of the one before."""
    T_start = se3_exp((frame.index - 1) * MOTION)
    with using("reference"):
        host.load(frame)
        wanted = host.align(map_, T_start, scatter)
    device.load(frame)
    got = device.align(map_, T_start, scatter)
    what = f"frame {frame.index}, {'no ' if frame.color is None else ''}colour"
    distance_mm, angle_deg = apart(got, wanted)
    case.close(f"{what}: mm between poses", distance_mm, 0.0, 0.05)
    case.close(f"{what}: degrees between poses", angle_deg, 0.0, 0.005)
    case.true(f"{what}: {got.state}, not {wanted.state}", got.state is wanted.state)
    # each of the two stages may end one step sooner or later
    case.close(f"{what}: iterations", got.num_iterations, wanted.num_iterations, 2)
    case.close(f"{what}: inliers", got.inlier_ratio, wanted.inlier_ratio, 5e-3)
    case.close(f"{what}: residual", got.residual_m, wanted.residual_m, 1e-5)
    case.close(f"{what}: conditioning", got.conditioning, wanted.conditioning, 1e-3)
    for _ in range(case.pick(0, 3)):  # in the simulator it repeats anyway
        again = device.align(map_, T_start, scatter)
        case.equal(f"{what}, again", again.T_world_camera, got.T_world_camera)
