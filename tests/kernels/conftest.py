"""Views of analytic surfaces and of the synthetic room, and a volume to fuse them into."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
from numba import types

from kernels import blocks as block_ops
from kernels import depth as depth_ops
from kernels import dispatch
from kernels import mesh as mesh_ops
from kernels import tsdf as tsdf_ops
from slam.camera import Camera, DepthNoise
from slam.geometry import inverse, se3_exp
from slam.scenes import room

BACKENDS = ["reference", "cpu"]
NOISE = DepthNoise.rendered().coefficients
SMALL_CAMERA = Camera(80, 60, 65.0, 66.0, 39.3, 29.8)


@pytest.fixture(scope="session", autouse=True)
def inlined_functions_return_no_array() -> Iterator[None]:
    """Check, after the tests, what was compiled in this process: `kernels.scalar.compile.inline`
    counts no references, and who gets an array from a function believes that they were counted.
    """
    yield
    for name, module in list(sys.modules.items()):
        for value in list(vars(module).values()) if name.startswith("kernels.") else ():
            if getattr(value, "targetoptions", {}).get("_nrt") is False:
                for compiled in value.overloads.values():
                    returned = compiled.signature.return_type
                    assert not _holds_array(returned), f"{name}: {value.__name__} -> {returned}"


def _holds_array(kind: Any) -> bool:
    return isinstance(kind, types.Array) or any(
        map(_holds_array, kind if isinstance(kind, types.BaseTuple) else ())
    )


@dataclass(frozen=True)
class View:
    """A posed depth image. `color` may be missing."""

    depth_m: np.ndarray
    camera: Camera
    T_world_camera: np.ndarray
    color: np.ndarray | None = None


@dataclass
class Volume:
    """A TSDF with the public ops on it. `dither` moves on from frame to frame."""

    capacity: int = 4096
    voxel_size_m: float = 0.02
    truncation_m: tuple[float, float] = (0.08, 0.24)
    max_weight: float = 128.0
    index: block_ops.BlockIndex = field(init=False)
    blocks: tsdf_ops.TsdfBlocks = field(init=False)
    num_fused: int = 0

    def __post_init__(self) -> None:
        self.index = block_ops.new_index(self.capacity)
        self.blocks = tsdf_ops.new_blocks(self.capacity)
        self.stamps = np.full(self.capacity, -1, np.int32)
        self.dither = np.random.default_rng(0).random(1024, dtype=np.float32)

    @property
    def sdf_unit_m(self) -> float:
        return self.truncation_m[1] / 32000.0

    @property
    def count(self) -> int:
        return int(self.index.num_blocks[0])

    def fuse(self, view: View, stride: int = 2) -> np.ndarray:
        """Allocate and integrate a view; return the blocks it updated."""
        visible = np.full(self.capacity, -7, np.int32)
        num_visible = block_ops.touch_band(
            self.index,
            view.depth_m,
            view.camera.intrinsics,
            view.T_world_camera.astype(np.float32),
            8 * self.voxel_size_m,
            NOISE,
            self.truncation_m,
            stride,
            self.stamps,
            self.num_fused,
            visible,
        )
        assert num_visible > 0
        self.integrate(view, visible[:num_visible])
        return visible[:num_visible]

    def integrate(self, view: View, visible: np.ndarray) -> None:
        """Integrate a view into given blocks."""
        h, w = view.depth_m.shape
        readings, normals = surface(view)
        tsdf_ops.integrate(
            self.index,
            self.blocks,
            visible,
            readings,
            normals,
            pack_color(view.color),
            (h, w),
            view.camera.intrinsics,
            inverse(view.T_world_camera).astype(np.float32),
            self.voxel_size_m,
            self.sdf_unit_m,
            NOISE,
            self.truncation_m,
            self.max_weight,
            np.roll(self.dither, 101 * self.num_fused),
        )
        self.num_fused += 1

    def query(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        points = np.ascontiguousarray(points, dtype=np.float32)
        return tsdf_ops.query(self.index, self.blocks, points, self.voxel_size_m, self.sdf_unit_m)

    def raycast(self, camera: Camera, T_world_camera: np.ndarray) -> tsdf_ops.RenderedArrays:
        return tsdf_ops.raycast(
            self.index,
            self.blocks,
            (camera.height, camera.width),
            camera.intrinsics,
            T_world_camera.astype(np.float32),
            self.voxel_size_m,
            self.sdf_unit_m,
            self.truncation_m[0],
            (0.1, 8.0),
        )

    def mesh(self, slots: np.ndarray | None = None, min_weight: int = 1) -> mesh_ops.MeshArrays:
        if slots is None:
            slots = np.arange(self.count, dtype=np.int32)
        return mesh_ops.extract_mesh(self.index, self.blocks, slots, self.voxel_size_m, min_weight)

    def fill(self, lowest_block: np.ndarray, sdf: np.ndarray, weight: np.ndarray) -> None:
        """Write dense arrays (8 a, 8 b, 8 c), sdf in units, into blocks from `lowest_block` on."""
        shape = np.array(sdf.shape) // 8
        offsets = np.stack(np.unravel_index(np.arange(shape.prod()), shape), axis=-1)
        coords = (lowest_block + offsets).astype(np.int32)
        assert block_ops.insert_blocks(self.index, coords)
        slots = block_ops.find_blocks(self.index, coords)
        for slot, (x, y, z) in zip(slots, 8 * offsets, strict=True):
            part = np.s_[x : x + 8, y : y + 8, z : z + 8]
            self.blocks.sdf[slot] = sdf[part].ravel()
            self.blocks.weight[slot] = weight[part].ravel()

    def copy(self) -> "Volume":
        """Return a volume with arrays of its own."""
        other = replace(self)
        other.index = block_ops.BlockIndex(*(array.copy() for array in self.index))
        other.blocks = tsdf_ops.TsdfBlocks(*(array.copy() for array in self.blocks))
        other.stamps, other.num_fused = self.stamps.copy(), self.num_fused
        return other


def surface(view: View) -> tuple[np.ndarray, np.ndarray]:
    """Return readings and normals of a view, as the map makes them."""
    quarter = depth_ops.halve_depth(depth_ops.halve_depth(view.depth_m, NOISE), NOISE)
    gradient = depth_ops.inverse_depth_gradient(quarter, NOISE)
    normals = depth_ops.normals(quarter, gradient, view.camera.scaled(0.25).intrinsics)
    return depth_ops.mark_edges(view.depth_m, NOISE), normals


def pack_color(color: np.ndarray | None) -> np.ndarray:
    """Return a colour image as the ops take it."""
    if color is None:
        return np.empty(0, np.uint32)
    opaque = np.append(color.reshape(-1, 3), np.full((color.size // 3, 1), 255), axis=1)
    rgba = np.append(opaque, np.zeros((1, 4)), axis=0).astype(np.uint8)
    return rgba.view(np.uint32)[:, 0]


def camera_rays(camera: Camera) -> np.ndarray:
    """Return the rays (h, w, 3) of all pixels, z-depth 1 long."""
    v, u = np.mgrid[: camera.height, : camera.width]
    x, y = (u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy
    return np.stack([x, y, np.ones_like(x)], axis=-1)


def plane_view(
    camera: Camera, T_world_camera: np.ndarray, normal: np.ndarray, offset_m: float
) -> View:
    """See the plane normal . p = offset_m of the world, where it lies in front of the camera."""
    R, t = T_world_camera[:3, :3], T_world_camera[:3, 3]
    z = (offset_m - normal @ t) / (camera_rays(camera) @ R.T @ normal)
    return View(np.where(z > 0, z, 0.0).astype(np.float32), camera, T_world_camera)


def sphere_view(
    camera: Camera, T_world_camera: np.ndarray, center: np.ndarray, radius_m: float
) -> View:
    """See a ball in empty space."""
    rays = camera_rays(camera)
    c = inverse(T_world_camera)[:3, :3] @ center + inverse(T_world_camera)[:3, 3]
    a, b = (rays**2).sum(axis=-1), rays @ c
    margin = b**2 - a * (c @ c - radius_m**2)
    z = np.where(margin > 0, (b - np.sqrt(np.maximum(margin, 0.0))) / a, 0.0)
    return View(z.astype(np.float32), camera, T_world_camera)


def look_at(eye: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return T_world_camera of a camera at `eye` that looks at `target`."""
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0.1, 0.2, 1.0])
    right /= np.linalg.norm(right)
    T = np.eye(4)
    T[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    T[:3, 3] = eye
    return T


def room_view(frame: int, camera: Camera = SMALL_CAMERA) -> View:
    """See the synthetic room from its walk."""
    T_world_camera = room.walk().poses(frame + 1)[frame]
    depth_m, color = room.scene().render(camera, T_world_camera)
    return View(depth_m, camera, T_world_camera, color)


def random_pose(seed: int, size: float = 0.5) -> np.ndarray:
    return se3_exp(np.random.default_rng(seed).normal(size=6) * size)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest):
    """Run a test against mathematics on each backend."""
    with dispatch.using(request.param):
        yield request.param


@pytest.fixture(scope="module")
def one_thread_of_torch() -> Iterator[None]:
    """Keep torch's threads from fighting with numba's over small batches."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def room_views() -> list[View]:
    """Four views of the room, two of them close together."""
    with dispatch.using("cpu"):
        return [room_view(frame) for frame in (0, 4, 90, 200)]


@pytest.fixture(scope="session")
def fused_room(room_views: list[View]) -> Volume:
    """The views of the room in one volume. Do not change it: copy it."""
    volume = Volume()
    with dispatch.using("cpu"):
        for view in room_views:
            volume.fuse(view)
    return volume


def with_both(function: Callable[[], object]) -> tuple:
    """Return what a function returns on the reference and on the CPU."""
    results = []
    for name in BACKENDS:
        with dispatch.using(name):
            results.append(function())
    return tuple(results)
