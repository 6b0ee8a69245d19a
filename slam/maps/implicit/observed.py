"""Where a network's answer is worth something: the blocks of space in which surface was seen."""

import numpy as np
from jaxtyping import Bool, Float32, Int32

from kernels import blocks as block_ops
from slam.errors import SlamError
from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.readings import SurfaceReadings, stride_for

BLOCK_M = 0.08
SPACING_M = BLOCK_M / 8  # a block of the shared index is 8 voxels wide
BLOCK_BYTES = 44 + 3  # coordinates and neighbours; readings, colour
BAND_STRIDE = 4  # pixels that allocate: at 5 m they are 4 cm apart, half a block
FIRST_CAPACITY = 1 << 12
MOST_FRAMES = 65535


class Observed:
    """Sparse blocks within the band of a reading: how many frames saw each, and whether one of
    them in colour. Growth hands over a new index at once, so that others may read.
    """

    def __init__(self, budget_mb: int) -> None:
        self._most = max(1, budget_mb * 1_000_000 // BLOCK_BYTES)
        capacity = min(FIRST_CAPACITY, self._most)
        self.index = block_ops.new_index(capacity)
        self.num_frames = np.zeros(capacity, np.uint16)
        self.has_color = np.zeros(capacity, bool)
        self._stamps = np.full(capacity, -1, np.int32)

    @property
    def count(self) -> int:
        """Blocks in use."""
        return int(self.index.num_blocks[0])

    @property
    def nbytes(self) -> int:
        """Bytes of blocks in use."""
        return self.count * BLOCK_BYTES

    def find(self, points: Float32[np.ndarray, "n 3"]) -> Int32[np.ndarray, "n"]:
        """Return the block of each world point, -1 where nothing was seen."""
        return block_ops.find_blocks(self.index, np.floor(points / BLOCK_M).astype(np.int32))

    def touch(
        self,
        frame: Frame,
        readings: SurfaceReadings,
        T_world_camera: Transform,
        truncation_m: float,
        number: int,
    ) -> bool:
        """Mark the band of a frame's readings; False where the budget left some out."""
        h, w = frame.depth_m.shape
        # readings beside an edge are negative and mark nothing: most outliers are such
        sure_depth_m = readings.depth_m[:-1].reshape(h, w)
        seen, fits = self._touch_band(frame, sure_depth_m, T_world_camera, truncation_m, number)
        self.num_frames[seen] += self.num_frames[seen] < MOST_FRAMES
        if frame.color is None:
            return fits
        if frame.color_mask is not None:
            colored_m = np.where(frame.color_mask, sure_depth_m, np.float32(0))
            self._stamps[seen] = -1  # list them again
            seen, _ = self._touch_band(frame, colored_m, T_world_camera, truncation_m, number)
        self.has_color[seen] = True
        return fits

    def _touch_band(
        self,
        frame: Frame,
        depth_m: Float32[np.ndarray, "h w"],
        T_world_camera: Transform,
        truncation_m: float,
        stamp: int,
    ) -> tuple[Int32[np.ndarray, "n"], bool]:
        while True:
            seen = np.empty(len(self._stamps), np.int32)
            num = block_ops.touch_band(
                self.index, depth_m, frame.camera.intrinsics,
                np.ascontiguousarray(T_world_camera, np.float32), BLOCK_M,
                frame.depth_noise.coefficients, (truncation_m, truncation_m),
                stride_for(frame.camera, BAND_STRIDE), self._stamps, stamp, seen,
            )  # fmt: skip
            if num >= 0:
                return seen[:num], True
            if not self._grow(2 * len(self._stamps)):
                return np.flatnonzero(self._stamps == stamp).astype(np.int32), False
            self._stamps[self._stamps == stamp] = -1

    def _grow(self, capacity: int) -> bool:
        """Make room for so many blocks within the budget; False where that is used up."""
        old, capacity = len(self._stamps), min(capacity, self._most)
        if capacity <= old:
            return False
        more = capacity - old
        self._stamps = np.append(self._stamps, np.full(more, -1, np.int32))
        self.num_frames = np.append(self.num_frames, np.zeros(more, np.uint16))
        self.has_color = np.append(self.has_color, np.zeros(more, bool))
        self.index = block_ops.grown_index(self.index, capacity)
        return True

    def take(
        self,
        coords: Int32[np.ndarray, "n 3"],
        num_frames: np.ndarray,
        has_color: Bool[np.ndarray, "n"],
    ) -> None:
        """Go on with the blocks of a file; raise SlamError where they exceed the budget."""
        n = len(coords)
        if (n > len(self._stamps) and not self._grow(n)) or n > len(self._stamps):
            raise SlamError(f"its {n} blocks exceed {self._most} of the budget")
        block_ops.insert_blocks(self.index, coords)
        self.num_frames[:n], self.has_color[:n] = num_frames, has_color
