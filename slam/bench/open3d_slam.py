"""Open3D's dense SLAM on the CPU, the loop of its example t_reconstruction_system/dense_slam.py."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from slam.bench.contender import Outcome
from slam.config import Config
from slam.frame import Frame
from slam.sources.depth_range import max_depth_m
from slam.timing import StageTimes
from slam.trajectory import Trajectory

BLOCK_RESOLUTION = 16  # voxels an edge, as in the example
BLOCK_COUNT = 10_000  # Open3D's default, 0.5 GB which it takes at once; beyond, it grows
BYTES_PER_VOXEL = 12  # float32 distance, uint16 weight, 3 x uint16 colour
DEPTH_SCALE = 1.0  # depth goes in as float32 metres: as fast as uint16 millimetres, and not rounded
MAX_DEPTH_DIFFERENCE_M = 0.07  # the example's default: pairs farther apart are no pairs
WARM_UP_FRAMES = 3


class Open3dContender:
    """Tracks each frame against the model's rendering, integrates it, renders the model anew.

    Voxel size, truncation and depth range are ours; everything else is Open3D's default. Neither
    the conversion of a frame to Open3D's images nor the creation of the model is on the clock.
    """

    name = "open3d"

    def __init__(self, config: Config, limit: int | None = None) -> None:
        """Run `limit` frames, None = all; raise ImportError or OSError where Open3D is missing."""
        import open3d

        self._o3d: Any = open3d  # its stubs lack most of t.pipelines.slam
        self._config = config
        self._limit = limit

    def warm_up(self, frames: Sequence[Frame]) -> None:
        """Run over the first frames."""
        self.run(frames[:WARM_UP_FRAMES])

    def run(self, frames: Sequence[Frame]) -> Outcome:
        """Run to the end or to Open3D's first error, such as a singular system."""
        frames = frames[: self._limit]
        loop = _Loop(self._o3d, self._config, frames[0])
        total = StageTimes()
        error = ""
        # It warns that the rendered frame has no colour: so it is in the example, too.
        with self._o3d.utility.VerbosityContextManager(self._o3d.utility.VerbosityLevel.Error):
            for number, frame in enumerate(frames):
                loop.take(frame)
                try:
                    with total.measure():
                        loop.step(number)
                except RuntimeError as failure:
                    error = f"frame {frame.index}: {' '.join(str(failure).split())}"
                    break
        num_frames = len(loop.Ts_world_camera)
        return Outcome(
            num_frames=num_frames,
            wall_s=sum(total.values_ms[:num_frames]) / 1e3,
            trajectory=Trajectory(
                np.array([frame.timestamp_s for frame in frames[:num_frames]], dtype=np.float64),
                np.array(loop.Ts_world_camera, dtype=np.float64).reshape(-1, 4, 4),
            ),
            stages=loop.stages,
            map_mb=loop.map_bytes / 1e6,
            num_lost=None,
            error=error,
        )


class _Loop:
    """The example's loop body and what it keeps from frame to frame."""

    def __init__(self, o3d: Any, config: Config, first: Frame) -> None:
        self._o3d = o3d
        camera, device = first.camera, o3d.core.Device("CPU:0")
        K = np.array([[camera.fx, 0, camera.cx], [0, camera.fy, camera.cy], [0, 0, 1.0]])
        size_and_intrinsics = (camera.height, camera.width, o3d.core.Tensor(K), device)
        self._T_world_camera = o3d.core.Tensor(np.eye(4))
        self._model = o3d.t.pipelines.slam.Model(
            config.tsdf.voxel_size_m, BLOCK_RESOLUTION, BLOCK_COUNT, self._T_world_camera, device
        )
        self._input = o3d.t.pipelines.slam.Frame(*size_and_intrinsics)
        self._rendered = o3d.t.pipelines.slam.Frame(*size_and_intrinsics)
        farthest_m = max_depth_m(config.playback, first.depth_noise)
        self._depth_range_m = (config.playback.min_depth_m, farthest_m)
        self._truncation_voxels = config.tsdf.truncation_voxels
        self.stages = {name: StageTimes() for name in ("tracking", "integration", "rendering")}
        self.Ts_world_camera: list[np.ndarray] = []

    def take(self, frame: Frame) -> None:
        """Convert a frame: float32 depth must come with float32 colour, in 0..1."""
        color = np.zeros((*frame.depth_m.shape, 3), np.float32)
        if frame.color is not None:
            np.multiply(frame.color, np.float32(1 / 255), out=color)
        self._input.set_data_from_image("depth", self._image(frame.depth_m))
        self._input.set_data_from_image("color", self._image(color))

    def step(self, number: int) -> None:
        """Track, integrate and render the frame that was taken."""
        near_m, far_m = self._depth_range_m
        if number > 0:
            with self.stages["tracking"].measure():
                odometry = self._model.track_frame_to_model(
                    self._input, self._rendered, DEPTH_SCALE, far_m, MAX_DEPTH_DIFFERENCE_M
                )
            self._T_world_camera = self._T_world_camera @ odometry.transformation
            if not np.isfinite(self._T_world_camera.numpy()).all():
                raise RuntimeError("the pose is not finite")
        self._model.update_frame_pose(number, self._T_world_camera)
        with self.stages["integration"].measure():
            self._model.integrate(self._input, DEPTH_SCALE, far_m, self._truncation_voxels)
        with self.stages["rendering"].measure():
            self._model.synthesize_model_frame(
                self._rendered, DEPTH_SCALE, near_m, far_m, self._truncation_voxels, False
            )
        self.Ts_world_camera.append(self._T_world_camera.numpy().copy())

    def _image(self, array: np.ndarray) -> Any:
        return self._o3d.t.geometry.Image(self._o3d.core.Tensor.from_numpy(array))

    @property
    def map_bytes(self) -> int:
        """Bytes of the voxels in use."""
        num_blocks = self._model.get_hashmap().size()
        return num_blocks * BLOCK_RESOLUTION**3 * BYTES_PER_VOXEL
