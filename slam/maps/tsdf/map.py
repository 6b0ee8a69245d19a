"""The TSDF map: KinectFusion's volume on sparse voxel blocks."""

from dataclasses import dataclass
from threading import Lock

import cv2
import numpy as np
from jaxtyping import Float32, Float64, Int32, UInt8, UInt32

from kernels import blocks as block_ops
from kernels import mesh as mesh_ops
from kernels import tsdf as tsdf_ops
from slam.camera import Camera, DepthNoise
from slam.config import TsdfConfig
from slam.errors import SlamError
from slam.frame import Frame
from slam.geometry import Transform, inverse
from slam.maps.base import Mesh, Rendering, SdfSamples
from slam.maps.readings import stride_for, surface_readings
from slam.maps.schedule import FREE_STRIDE, dither_of, free_offset_of
from slam.maps.tsdf.color import nearest_colors
from slam.maps.tsdf.fused_map import (
    BAND_STRIDE,
    FAR_M,
    NEAR_M,
    FusedMap,
)  # fmt: skip
from slam.maps.tsdf.tsdf_file import TsdfContent

FIRST_CAPACITY = 1 << 14


@dataclass(frozen=True)
class _Storage:
    """Index and voxels. Growth replaces the pair, so that a reader always has one that fits."""

    index: block_ops.BlockIndex
    blocks: tsdf_ops.TsdfBlocks

    @property
    def capacity(self) -> int:
        return len(self.index.coords)

    @property
    def count(self) -> int:
        return int(self.index.num_blocks[0])


class TsdfMap(FusedMap):
    """A TSDF with colour on 8^3 blocks, without a scene bound (Curless and Levoy 1996; Newcombe et
    al. 2011).

    One thread may integrate while others query and render: voxels are read as they are, and growth
    hands over a new storage at once.
    """

    def __init__(
        self, config: TsdfConfig, depth_noise: DepthNoise, initial_capacity: int = FIRST_CAPACITY
    ) -> None:
        super().__init__(config, depth_noise)
        # All voxels of the budget are reserved at once, but a page is only taken when it is first
        # written: so growth copies an index and no voxels.
        capacity = min(initial_capacity, self.most_blocks)
        try:
            blocks = tsdf_ops.new_blocks(self.most_blocks)
        except MemoryError as error:
            raise SlamError(
                f"cannot reserve {config.budget_mb} MB for the map; lower --tsdf.budget-mb"
            ) from error
        self._storage = _Storage(block_ops.new_index(capacity), blocks)
        self._stamps = np.full(capacity, -1, np.int32)
        self._packed_color = np.zeros(0, np.uint32)
        self._lock = Lock()

    def integrate(self, frame: Frame, T_world_camera: Transform) -> None:
        """Fuse a posed frame: allocate its band, carve its free space, average all."""
        with self._lock:
            h, w = frame.depth_m.shape
            readings, normals = surface_readings(frame)
            # readings beside an edge are negative and allocate nothing: most outliers are such
            visible = self._touch(frame, readings[:-1].reshape(h, w), T_world_camera)
            storage = self._storage
            tsdf_ops.integrate(
                storage.index,
                storage.blocks,
                visible,
                readings,
                normals,
                self._pack_color(frame),
                (h, w),
                frame.camera.intrinsics,
                inverse(T_world_camera).astype(np.float32),
                self.config.voxel_size_m,
                self.sdf_unit_m,
                frame.depth_noise.coefficients,
                self.truncation_m,
                self.config.max_weight,
                dither_of(self.num_integrated),
            )
            self.num_integrated += 1

    def _touch(
        self, frame: Frame, sure_depth_m: Float32[np.ndarray, "h w"], T_world_camera: Transform
    ) -> Int32[np.ndarray, "n"]:
        """List the blocks that a frame updates; the readings of `sure_depth_m` allocate them."""
        depth_m, noise = frame.depth_m, frame.depth_noise.coefficients
        T = T_world_camera.astype(np.float32)
        block_size_m = 8.0 * self.config.voxel_size_m
        while True:
            storage = self._storage
            visible = np.empty(storage.capacity, np.int32)
            stamp = self.num_integrated
            num_band = block_ops.touch_band(
                storage.index, sure_depth_m, frame.camera.intrinsics, T, block_size_m, noise,
                self.truncation_m, stride_for(frame.camera, BAND_STRIDE), self._stamps, stamp,
                visible,
            )  # fmt: skip
            if num_band >= 0 or not self._grow():
                break
            self._stamps[self._stamps == stamp] = -1  # list them again
        if num_band < 0:
            self.num_refused += 1
            num_band = int(np.count_nonzero(self._stamps == stamp))
            visible[:num_band] = np.flatnonzero(self._stamps == stamp)
        num_visible = block_ops.touch_free(
            storage.index, depth_m, frame.camera.intrinsics, T, block_size_m, noise,
            self.truncation_m, FREE_STRIDE, free_offset_of(stamp), NEAR_M, self._stamps, stamp,
            visible, num_band,
        )  # fmt: skip
        return visible[:num_visible]

    def _grow(self) -> bool:
        """Double the capacity, within the budget; False where that is used up."""
        old = self._storage
        capacity = min(2 * old.capacity, len(old.blocks.sdf))
        if capacity <= old.capacity:
            return False
        self._stamps = np.append(self._stamps, np.full(capacity - old.capacity, -1, np.int32))
        self._storage = _Storage(block_ops.grown_index(old.index, capacity), old.blocks)
        return True

    def _pack_color(self, frame: Frame) -> UInt32[np.ndarray, "m"]:
        """Return the colour as `kernels.tsdf.integrate` takes it."""
        if frame.color is None:
            return np.empty(0, np.uint32)
        h, w = frame.depth_m.shape
        if len(self._packed_color) != h * w + 1:
            self._packed_color = np.zeros(h * w + 1, np.uint32)
        channels = self._packed_color[:-1].view(np.uint8).reshape(h, w, 4)
        cv2.cvtColor(frame.color, cv2.COLOR_RGB2RGBA, dst=channels)
        if frame.color_mask is not None:
            channels[..., 3] = 255 * frame.color_mask
        return self._packed_color

    def query(self, points: Float32[np.ndarray, "n 3"]) -> SdfSamples:
        """Evaluate the signed distance at world points."""
        storage = self._storage
        return SdfSamples(
            *tsdf_ops.query(
                storage.index, storage.blocks, points, self.config.voxel_size_m, self.sdf_unit_m
            )
        )

    def render(self, camera: Camera, T_world_camera: Float64[np.ndarray, "4 4"]) -> Rendering:
        """Cast the camera's rays into the map."""
        storage = self._storage
        return Rendering(
            *tsdf_ops.raycast(
                storage.index,
                storage.blocks,
                (camera.height, camera.width),
                camera.intrinsics,
                T_world_camera.astype(np.float32),
                self.config.voxel_size_m,
                self.sdf_unit_m,
                self.truncation_m[0],
                (NEAR_M, FAR_M),
            )
        )

    def _nearest(self, points: Float32[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 4"]:
        """Look up red, green, blue and weight of the nearest voxels; 0 where there is no block."""
        storage = self._storage
        return nearest_colors(storage.index, storage.blocks, self.config.voxel_size_m, points)

    def _own_mesh(self) -> Mesh:
        """Extract the surface from the voxels as they are.

        Integration waits: marching cubes counts first and writes then, on the same voxels.
        """
        with self._lock:
            storage = self._storage
            slots = np.arange(storage.count, dtype=np.int32)
            return Mesh(
                *mesh_ops.extract_mesh(
                    storage.index, storage.blocks, slots, self.config.voxel_size_m, 1
                )
            )

    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return coords, sdf, weight and color of the blocks in use."""
        storage, count = self._storage, self._storage.count
        coords = storage.index.coords[:count]
        sdf, weight, color = (array[:count] for array in storage.blocks)
        return coords, sdf, weight, color

    def _take(self, content: TsdfContent) -> None:
        """Go on with the blocks of a file; raise SlamError where they exceed the budget."""
        while not block_ops.insert_blocks(self._storage.index, content.coords):
            if not self._grow():
                num_blocks, budget_mb = len(content.coords), self.config.budget_mb
                raise SlamError(f"its {num_blocks} blocks exceed {budget_mb} MB")
        blocks, count = self._storage.blocks, len(content.coords)
        blocks.sdf[:count] = content.sdf
        blocks.weight[:count] = content.weight
        blocks.color[:count] = content.color

    @property
    def storage(self) -> tuple[block_ops.BlockIndex, tsdf_ops.TsdfBlocks]:
        """Block index and voxels, as they are now."""
        return self._storage.index, self._storage.blocks

    @property
    def num_blocks(self) -> int:
        """Blocks in use."""
        return self._storage.count
