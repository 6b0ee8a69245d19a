"""Blocks whose readings a correction has put apart are fused again, of frames that were kept.

A block moves rigidly. Where the frames that saw it move differently (a drift while it was in view,
a second pass before its loop was found), one motion fits some of its readings only, and nothing
parts the average. BundleFusion (Dai et al. 2017) takes single readings back; these are rounded
averages with a limited weight, so that whole blocks are made anew instead.
"""

import numpy as np
from jaxtyping import Float32, Int, Int32

from kernels import blocks as block_ops
from kernels.tsdf import TsdfBlocks
from slam.camera import Camera
from slam.frame import Frame
from slam.geometry import Transform, inverse, transform_points
from slam.maps.moved_blocks import block_centers
from slam.maps.readings import surface_readings
from slam.maps.tsdf.fused_map import FAR_M
from slam.maps.tsdf.fusion import FusionSizes, PackedColor, average, touch
from slam.maps.tsdf.storage import Storage

LEAST_VOXELS = 0.5  # that the readings of a block are apart
AT_ONCE = 4096  # blocks that are put in place


class Mending:
    """Makes torn blocks anew, beside a storage which gets no more frames meanwhile."""

    def __init__(self, storage: Storage, sizes: FusionSizes) -> None:
        self._old, self._sizes = storage, sizes
        is_torn = storage.anchors.tears[: storage.count] > LEAST_VOXELS
        coords = storage.index.coords[: storage.count][is_torn]
        self.num_torn = len(coords)
        self._centers = block_centers(coords, sizes.voxel_size_m)
        fresh = Storage.new(max(1, len(coords)), len(storage.blocks.sdf))
        self._fresh, _ = fresh.with_blocks(coords)
        self._is_wanted = np.ones(len(coords), bool)  # of the fresh blocks
        self._packed_color = PackedColor()
        self._number = 0

    def is_in_view(self, camera: Camera, T_world_camera: Transform) -> bool:
        """Whether any torn block may be in an image."""
        x, y, z = transform_points(inverse(T_world_camera), self._centers).T
        reach_m = 8.0 * self._sizes.voxel_size_m
        u, v = camera.fx * x + camera.cx * z, camera.fy * y + camera.cy * z
        around = reach_m * max(camera.fx, camera.fy)
        is_beside = (u < -around) | (u > camera.width * z + around)
        is_beside |= (v < -around) | (v > camera.height * z + around)
        return bool((~is_beside & (z > -reach_m) & (z < FAR_M + reach_m)).any())

    def fuse(self, frame: Frame, T_world_camera: Transform) -> None:
        """Fuse a frame into the torn blocks, and into those that the map has not."""
        surface, sizes = surface_readings(frame), self._sizes
        sure_depth_m = surface.depth_m[:-1].reshape(frame.depth_m.shape)
        touched = touch(self._fresh, frame, sure_depth_m, T_world_camera, self._number, sizes)
        self._fresh = touched.storage
        added = self._fresh.index.coords[len(self._is_wanted) : self._fresh.count]
        is_new = block_ops.find_blocks(self._old.index, added) < 0
        self._is_wanted = np.append(self._is_wanted, is_new)
        visible = touched.visible[self._is_wanted[touched.visible]]
        rgba = self._packed_color.of(frame)
        average(self._fresh, visible, frame, surface, rgba, T_world_camera, self._number, sizes)
        self._number += 1

    def finish(self) -> tuple[Storage, Float32[np.ndarray, "n 3"]]:
        """Put the fresh blocks in place; return the storage, which may have grown, and the centres
        of the blocks where anything changed.
        """
        is_known = self._fresh.blocks.weight[: self._fresh.count].any(axis=1)
        slots = np.flatnonzero(self._is_wanted & is_known)
        coords = self._fresh.index.coords[slots]
        before = block_ops.find_blocks(self._old.index, coords)
        storage, _ = self._old.with_blocks(coords)  # what goes beyond the budget is left out
        places = block_ops.find_blocks(storage.index, coords)
        fits = places >= 0
        before, places, slots = before[fits], places[fits], slots[fits]
        for part in np.split(np.arange(len(slots)), range(AT_ONCE, len(slots), AT_ONCE)):
            fresh = _picked(self._fresh.blocks, slots[part])
            self._fill(fresh, before[part])
            for to, of in zip(storage.blocks, fresh, strict=True):
                to[places[part]] = of
        storage.anchors.tears[: storage.count] = 0.0
        return storage, block_centers(coords[fits], self._sizes.voxel_size_m)

    def _fill(self, fresh: TsdfBlocks, slots: Int32[np.ndarray, "n"]) -> None:
        """Leave in fresh blocks, in place, what only frames that were not kept have seen, of old
        blocks in the same places (-1 where there is none). Of such whose readings are farther apart
        than half the band, that may be a second wall behind the first.
        """
        most = 0.5 * self._sizes.truncation_m[0] / self._sizes.voxel_size_m
        rows = np.flatnonzero((slots >= 0) & (self._old.anchors.tears[slots] <= most))
        old = _picked(self._old.blocks, slots[rows])
        is_left, voxels = np.nonzero((fresh.weight[rows] == 0) & (old.weight > 0))
        for to, of in zip(fresh, old, strict=True):
            to[rows[is_left], ..., voxels] = of[is_left, ..., voxels]


def _picked(blocks: TsdfBlocks, slots: Int[np.ndarray, "k"]) -> TsdfBlocks:
    """Return a copy of some blocks."""
    return TsdfBlocks(*(array[slots] for array in blocks))
