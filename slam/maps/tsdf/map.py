"""The TSDF map: KinectFusion's volume on sparse voxel blocks."""

import logging
import time
from collections.abc import Callable, Iterable
from threading import Lock

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt8

from kernels import blocks as block_ops
from kernels import mesh as mesh_ops
from kernels import tsdf as tsdf_ops
from kernels.threads import take_free_threads
from slam.camera import Camera, DepthNoise
from slam.config import TsdfConfig
from slam.errors import SlamError
from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Mesh, Rendering, SdfSamples, View
from slam.maps.exposure import Exposures
from slam.maps.motion import Motion
from slam.maps.moved_blocks import block_centers
from slam.maps.readings import SurfaceReadings, surface_readings
from slam.maps.tsdf.color import nearest_colors
from slam.maps.tsdf.correction import Resampling
from slam.maps.tsdf.fused_map import FAR_M, NEAR_M, FusedMap
from slam.maps.tsdf.fusion import FusionSizes, PackedColor, average, touch
from slam.maps.tsdf.mending import Mending
from slam.maps.tsdf.storage import Storage
from slam.maps.tsdf.tsdf_file import TsdfContent

logger = logging.getLogger(__name__)
FIRST_CAPACITY = 1 << 14


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
        try:
            self._storage = Storage.new(initial_capacity, self.most_blocks)
        except MemoryError as error:
            raise SlamError(
                f"cannot reserve {config.budget_mb} MB for the map; lower --tsdf.budget-mb"
            ) from error
        self._packed_color = PackedColor()
        self.exposures = Exposures()
        self._rest = Motion.none()  # what corrections have left undone
        self._sizes = FusionSizes(
            config.voxel_size_m, self.sdf_unit_m, self.truncation_m, config.max_weight
        )
        self._lock = Lock()

    def integrate(self, frame: Frame, T_world_camera: Transform) -> None:
        """Fuse a posed frame: allocate its band, carve its free space, average all."""
        frame = self.exposures.evened(frame, T_world_camera, self.color)
        take_free_threads()  # by now the tracker has begun with the next frame
        self.fuse(frame, surface_readings(frame), T_world_camera)

    def fuse(self, frame: Frame, surface: SurfaceReadings, T_world_camera: Transform) -> None:
        """Do it with a frame whose readings are prepared, and whose colours are the map's."""
        with self._lock:
            number = self.num_integrated
            # readings beside an edge are negative and allocate nothing: most outliers are such
            sure_depth_m = surface.depth_m[:-1].reshape(frame.depth_m.shape)
            touched = touch(self._storage, frame, sure_depth_m, T_world_camera, number, self._sizes)
            self._storage, visible = touched.storage, touched.visible
            self.num_refused += not touched.fits
            self._storage.anchors.note(visible, frame.index, number)
            rgba = self._packed_color.of(frame)
            average(
                self._storage, visible, frame, surface, rgba, T_world_camera, number, self._sizes
            )
            self.num_integrated += 1

    def correct(
        self, frame_indices: Int64[np.ndarray, "k"], Ts_new_old: Float64[np.ndarray, "k 4 4"]
    ) -> "TsdfCorrection | None":
        """Begin to move what was fused round some frames; None where the copy that this takes does
        not fit into the budget.
        """
        storage = self._storage
        if 2 * storage.count > self.most_blocks:
            logger.warning(
                "the map takes more than half of %d MB: it stays uncorrected", self.config.budget_mb
            )
            return None
        whole = Motion.of(frame_indices, Ts_new_old).after(self._rest)
        centers = block_centers(storage.index.coords[: storage.count], self.config.voxel_size_m)
        frames = storage.anchors.frames[: storage.count]
        motion, self._rest = whole.split(frames, centers, self.config.voxel_size_m)
        return TsdfCorrection(self, motion)

    def mend(
        self, views: Iterable[View], is_over: Callable[[], bool]
    ) -> Float32[np.ndarray, "n 3"]:
        """Fuse again the blocks whose readings corrections have put apart."""
        start_s = time.perf_counter()
        mending = Mending(self._storage, self._sizes)
        if not mending.num_torn:
            return np.zeros((0, 3), np.float32)
        num_views = 0
        for view in views:
            if is_over():
                return np.zeros((0, 3), np.float32)
            if mending.is_in_view(view.camera, view.T_world_camera):
                mending.fuse(self.exposures.again(view.frame()), view.T_world_camera)
                num_views += 1
        with self._lock:
            self._storage, changed = mending.finish()
        logger.info(
            "%d of %d blocks, whose readings loops had put apart, fused again: %d views, %.1f s",
            mending.num_torn, self.num_blocks, num_views, time.perf_counter() - start_s,
        )  # fmt: skip
        return changed

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
                np.ascontiguousarray(T_world_camera, np.float32),
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

    def arrays(self) -> tuple[np.ndarray, ...]:
        """Return coords, sdf, weight, color and anchors of the blocks in use."""
        storage = self._storage
        arrays = (storage.index.coords, *storage.blocks, storage.anchors.frames)
        return tuple(array[: storage.count] for array in arrays)

    def take(self, content: TsdfContent) -> None:
        """Go on with the blocks of a file; raise SlamError where they exceed the budget."""
        self._storage, fits = self._storage.with_blocks(content.coords)
        if not fits:
            num_blocks, budget_mb = len(content.coords), self.config.budget_mb
            raise SlamError(f"its {num_blocks} blocks exceed {budget_mb} MB")
        blocks, count = self._storage.blocks, len(content.coords)
        blocks.sdf[:count] = content.sdf
        blocks.weight[:count] = content.weight
        blocks.color[:count] = content.color
        self._storage.anchors.take(content.anchors)

    def forget_frames(self) -> None:
        """Let the blocks hang on no frame: corrections leave them where they are."""
        self._storage.anchors.take(np.full(self._storage.count, np.nan, np.float32))

    @property
    def storage(self) -> tuple[block_ops.BlockIndex, tsdf_ops.TsdfBlocks]:
        """Block index and voxels, as they are now."""
        return self._storage.index, self._storage.blocks

    @property
    def num_blocks(self) -> int:
        """Blocks in use."""
        return self._storage.count


class TsdfCorrection:
    """A `slam.maps.base.Correction` of a TSDF map."""

    def __init__(self, map_: TsdfMap, motion: Motion) -> None:
        self._map = map_
        self.motion = motion
        config = map_.config
        self._resampling = Resampling(map_._storage, motion, config.voxel_size_m, config.max_weight)

    def advance(self) -> bool:
        """Make some more of the moved blocks."""
        return self._resampling.advance(self._map._storage, self._map.num_integrated)

    def swap(self) -> Float32[np.ndarray, "n 3"]:
        """Read again what was integrated meanwhile, and take the moved blocks into use."""
        map_ = self._map
        with map_._lock:
            map_._storage, changed = self._resampling.finish(map_._storage)
        return changed
