"""The TSDF map on a GPU."""

from threading import Lock
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, UInt8

from kernels import blocks as block_ops
from kernels import mesh as mesh_ops
from kernels import tsdf as tsdf_ops
from kernels.cuda.arrays import DEVICE, to_device, to_host
from kernels.tsdf import TsdfGrid
from slam.camera import Camera, DepthNoise
from slam.config import TsdfConfig
from slam.errors import SlamError
from slam.frame import Frame
from slam.geometry import Transform
from slam.gpu.counters import Report
from slam.maps.base import Mesh, Rendering, SdfSamples
from slam.maps.motion import Motion
from slam.maps.moved_blocks import block_centers, is_moved
from slam.maps.tsdf.color import nearest_voxels
from slam.maps.tsdf.cuda.correction import move
from slam.maps.tsdf.cuda.fusion import TsdfFusion
from slam.maps.tsdf.cuda.storage import in_order, new_storage
from slam.maps.tsdf.fused_map import FAR_M, NEAR_M, FusedMap
from slam.maps.tsdf.tsdf_file import TsdfContent


class CudaTsdfMap(FusedMap):
    """`slam.maps.tsdf.map.TsdfMap` on a GPU, with the memory of its whole budget taken at once.

    One thread may integrate while others query and render: all launches share a stream, so a query
    sees a frame whole or not at all.
    """

    def __init__(
        self, config: TsdfConfig, depth_noise: DepthNoise, capacity: int | None = None
    ) -> None:
        """Make an empty map for `capacity` blocks; None = what the budget gives."""
        super().__init__(config, depth_noise)
        self._storage = new_storage(self.most_blocks if capacity is None else capacity)
        self._rest = Motion.none()  # what corrections have left undone
        self._report = Report(2)
        self._fusion: TsdfFusion | None = None
        self._num_blocks = 0
        self._lock = Lock()

    @property
    def on_device(self) -> TsdfGrid:
        """What the kernels of a tracker evaluate."""
        return TsdfGrid(
            self._storage.index,
            self._storage.voxels,
            np.float32(self.config.voxel_size_m),
            np.float32(self.sdf_unit_m),
        )

    @property
    def num_blocks(self) -> int:
        """Blocks in use after the last frame."""
        return self._num_blocks

    @property
    def counters(self) -> Any:
        """Blocks in use, and how many the last frame found no room for: int32 (2,), on the GPU."""
        return self._storage.report

    def take_note(self, num_blocks: int) -> None:
        """Note how many blocks are in use after a frame that another has enqueued."""
        self._num_blocks = num_blocks

    def integrate(self, frame: Frame, T_world_camera: Transform) -> None:
        """Fuse a posed frame: allocate its band, carve its free space, average all."""
        with self._lock:
            self._fusion_of(frame).run(frame, T_world_camera, self.num_integrated)
            self._num_blocks, num_left_out = self._report.wait(self._storage.report)
            self.num_refused += num_left_out > 0
            self.num_integrated += 1

    def _fusion_of(self, frame: Frame) -> TsdfFusion:
        """Return what fuses frames like this; there is a new one where their format changes."""
        if self._fusion is None or not self._fusion.frame.is_like(frame):
            self._fusion = self.new_fusion(frame)
        return self._fusion

    def new_fusion(self, like: Frame) -> TsdfFusion:
        """Return what fuses frames like one into this map."""
        return TsdfFusion(self._storage, self.config, self.sdf_unit_m, self.truncation_m, like)

    def query(self, points: Float32[np.ndarray, "n 3"]) -> SdfSamples:
        """Evaluate the signed distance at world points."""
        index, voxels, voxel_size_m, sdf_unit_m = self.on_device
        samples = tsdf_ops.query(
            index, voxels, to_device(points), float(voxel_size_m), float(sdf_unit_m)
        )
        return SdfSamples(*to_host(samples))

    def render(self, camera: Camera, T_world_camera: Float64[np.ndarray, "4 4"]) -> Rendering:
        """Cast the camera's rays into the map."""
        rendered = tsdf_ops.raycast(
            self._storage.index,
            self._storage.voxels,
            (camera.height, camera.width),
            to_device(camera.intrinsics),
            to_device(np.ascontiguousarray(T_world_camera, np.float32)),
            self.config.voxel_size_m,
            self.sdf_unit_m,
            self.truncation_m[0],
            (NEAR_M, FAR_M),
        )
        return Rendering(*to_host(rendered))

    def _nearest(self, points: Float32[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 4"]:
        """Look up red, green, blue and weight of the nearest voxels; 0 where there is no block."""
        coords, numbers = nearest_voxels(points, self.config.voxel_size_m)
        slots: Any = block_ops.find_blocks(self._storage.index, to_device(coords))
        rgbw = to_host(self._storage.voxels.color[slots.long(), :, to_device(numbers).long()])
        return np.where(to_host(slots)[:, None] >= 0, rgbw, np.uint8(0))

    def _own_mesh(self) -> Mesh:
        """Extract the surface from the voxels as they are. Integration waits."""
        with self._lock:
            index, voxels = in_order(self._storage, self._num_blocks)
            slots: Any = torch.arange(self._num_blocks, dtype=torch.int32, device=DEVICE)
            mesh = mesh_ops.extract_mesh(index, voxels, slots, self.config.voxel_size_m, 1)
            return Mesh(*to_host(mesh))

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return coords, sdf, weight, color and anchors of the blocks in use. Integration waits."""
        with self._lock:
            index, voxels = in_order(self._storage, self._num_blocks)
            # in the order of the coordinates, as `index` is
            slots: Any = block_ops.find_blocks(self._storage.index, index.coords)
            anchors = to_host(self._storage.anchors.frames[slots.long()])
            return (to_host(index.coords), *to_host(voxels), anchors)

    def correct(
        self, frame_indices: Int64[np.ndarray, "k"], Ts_new_old: Float64[np.ndarray, "k 4 4"]
    ) -> "CudaTsdfCorrection":
        """Begin to move what was fused round some frames. A GPU moves all at once."""
        return CudaTsdfCorrection(self, Motion.of(frame_indices, Ts_new_old))

    def forget_frames(self) -> None:
        """Let the blocks hang on no frame: corrections leave them where they are."""
        slots: Any = torch.arange(self._num_blocks, device=DEVICE)
        self._storage.anchors.put(slots, float("nan"))

    def _move(self, motion: Motion) -> Float32[np.ndarray, "n 3"]:
        """Do what a correction takes; return the centres of the blocks where anything changed."""
        with self._lock:
            coords = to_host(self._storage.index.coords[: self._num_blocks])
            frames = to_host(self._storage.anchors.frames[: self._num_blocks])
            centers = block_centers(coords, self.config.voxel_size_m)
            whole = motion.after(self._rest)
            applied, self._rest = whole.split(frames, centers, self.config.voxel_size_m)
            if not is_moved(applied.Ts_new_old).any():
                return np.zeros((0, 3), np.float32)
            sizes = self.config.voxel_size_m, self.config.max_weight
            moved = move(self._storage, frames, applied, *sizes)
            self._storage.anchors.put(moved.slots, to_device(moved.frames))
            self._num_blocks = len(moved.frames)
            return moved.changed

    def take(self, content: TsdfContent) -> None:
        """Go on with the blocks of a file; raise SlamError where they do not fit."""
        index, voxels = self._storage.index, self._storage.voxels
        num_blocks, capacity = len(content.coords), len(index.coords)
        coords = to_device(content.coords)
        if num_blocks > capacity or not block_ops.insert_blocks(index, coords):
            raise SlamError(
                f"its {num_blocks} blocks exceed the {capacity} that fit on the GPU; take --device "
                "cpu"
            )
        found: Any = block_ops.find_blocks(index, coords)
        slots = found.long()
        voxels.sdf[slots] = to_device(content.sdf)
        voxels.weight.view(torch.int16)[slots] = to_device(content.weight).view(torch.int16)
        voxels.color[slots] = to_device(content.color)
        self._num_blocks = num_blocks
        self._storage.anchors.put(slots, to_device(content.anchors))


class CudaTsdfCorrection:
    """A `slam.maps.base.Correction` of a TSDF map on a GPU."""

    def __init__(self, map_: CudaTsdfMap, motion: Motion) -> None:
        self._map = map_
        self._motion = motion

    def advance(self) -> bool:
        """Do nothing: it is a matter of milliseconds."""
        return True

    def swap(self) -> Float32[np.ndarray, "n 3"]:
        """Move everything."""
        return self._map._move(self._motion)
