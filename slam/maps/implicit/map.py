"""The implicit map: one network for all of the scene, trained while the camera moves."""

import time
from collections.abc import Mapping
from pathlib import Path
from threading import Lock

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, UInt8

from kernels import rays as ray_ops
from kernels.dispatch import SIMULATES_CUDA
from slam.camera import Camera, DepthNoise
from slam.config import ImplicitConfig
from slam.frame import Frame
from slam.geometry import Transform, transform_points
from slam.maps.base import Mesh, Rendering, SdfSamples
from slam.maps.implicit.implicit_file import ImplicitContent, read_implicit, write_implicit
from slam.maps.implicit.network import Network
from slam.maps.implicit.observed import Observed
from slam.maps.implicit.published import Published, share_threads
from slam.maps.implicit.replay import Replayed, window_of
from slam.maps.implicit.training import Trainer
from slam.maps.keyframes import Keyframe, Keyframes, unproject
from slam.maps.neural.adjustment import adjust, distance_equations
from slam.maps.readings import SurfaceReadings, stride_for, surface_readings
from slam.maps.sizes import check_implicit

NUM_PROBES = 256  # readings of a frame that tell whether the network knows it
KNOWN_WITHIN_M = 0.05  # of the surface: such a reading is explained
SEED = 1


class ImplicitMap:
    """One network maps a point to distance and colour (iMAP, Sucar et al. 2021), without a scene
    bound: what was observed is kept in sparse blocks, and only there does the map answer.

    Every frame is trained on together with some keyframes, a few steps within a time budget. One
    thread may integrate while others query and render: they read a copy of the network, which is
    replaced after each frame.
    """

    device = torch.device("cpu")

    def __init__(self, config: ImplicitConfig, depth_noise: DepthNoise) -> None:
        check_implicit(config)
        self.config = config
        self.depth_noise = depth_noise
        self.num_integrated = 0
        self.num_refused = 0  # frames of which something did not fit into the budget
        network = Network(config).to(self.device)
        self._take(
            ImplicitContent(
                config, depth_noise, 0, network, Trainer(config, network),
                Observed(config.budget_mb), Keyframes(),
            )
        )  # fmt: skip
        self._effort = 1.0
        self._lock = Lock()

    def _take(self, content: ImplicitContent) -> None:
        """Go on with what a file holds."""
        self._network, self._trainer = content.network, content.trainer
        self._observed, self._keyframes = content.observed, content.keyframes
        self._replayed = [Replayed(keyframe) for keyframe in content.keyframes.items]
        self._rng = np.random.default_rng(SEED)
        self._publish()
        self._at_last_keyframe = self._published, self._observed.count

    def _publish(self) -> None:
        self._published = Published(self.config, self._network.frozen(), self._observed)
        self.sigma_m = self._trainer.sigma_m

    def integrate(self, frame: Frame, T_world_camera: Transform) -> None:
        """Train on a posed frame, and keep it as a keyframe if it shows what is not known yet."""
        start_s = time.perf_counter()
        with self._lock:
            share_threads()
            readings = surface_readings(frame)
            newest = Replayed(_keyframe(frame, readings, T_world_camera, self.config.ray_cell))
            if newest.keyframe.num_rays:
                self._learn(newest, frame, readings, start_s)
            self.num_integrated += 1

    def _learn(
        self, newest: Replayed, frame: Frame, readings: SurfaceReadings, start_s: float
    ) -> None:
        config, keyframe = self.config, newest.keyframe
        is_first = not self._keyframes.items
        number, T_world_camera = self.num_integrated, keyframe.T_world_camera
        fits = self._observed.touch(frame, readings, T_world_camera, config.truncation_m, number)
        self.num_refused += not fits
        is_new = is_first or self._known_share(keyframe) <= config.known_share
        if is_first:
            points = self._readings(keyframe, keyframe.num_rays)
            self._network.origin_m[:] = torch.from_numpy(np.median(points, axis=0))
        window = window_of(newest, self._replayed, config.window, self._rng)
        if is_new:
            self._keyframes.add(keyframe)
            self._replayed.append(newest)
        num_steps = config.first_steps if is_first else config.steps
        budget_ms = self._effort * config.budget_ms if config.budget_ms > 0 else np.inf
        deadline_s = np.inf if is_first else start_s + budget_ms / 1e3
        self._trainer.run(window, num_steps, deadline_s)
        self._publish()
        if is_new:
            self._at_last_keyframe = self._published, self._observed.count
        if is_new and config.adjust_poses and len(window) > 1:
            equations = distance_equations(
                lambda at: self._published.sample(at)[:3], self.depth_noise
            )
            adjust([each.keyframe for each in window], equations)

    def _known_share(self, keyframe: Keyframe) -> float:
        """Return the share of a frame's readings that lie on the surface as the network had it when
        the last keyframe was added: iMAP's information gain, by distance instead of rendered depth.
        Readings beside edges, which do not count as observed, do not count here.
        """
        points = self._readings(keyframe, NUM_PROBES)
        slots = self._observed.find(points)
        snapshot, num_blocks = self._at_last_keyframe
        is_sure, is_known = slots >= 0, (slots >= 0) & (slots < num_blocks)
        found = snapshot.evaluate(points, slope=False)
        is_near = found.distance.abs() < KNOWN_WITHIN_M / self.config.truncation_m
        num_known = np.count_nonzero(is_known & is_near.cpu().numpy())
        return num_known / max(np.count_nonzero(is_sure), 1)

    @staticmethod
    def _readings(keyframe: Keyframe, most: int) -> Float32[np.ndarray, "n 3"]:
        """Return world points of a frame's readings, evenly over the image."""
        num = min(most, keyframe.num_rays)
        pick = np.linspace(0, keyframe.num_rays - 1, num).astype(np.int64)
        points = unproject(keyframe.rays, pick, keyframe.camera)
        return transform_points(keyframe.T_world_camera, points).astype(np.float32)

    def query(self, points: Float32[np.ndarray, "n 3"]) -> SdfSamples:
        """Evaluate the signed distance at world points."""
        return SdfSamples(*self._published.sample(points)[:3])

    def render(self, camera: Camera, T_world_camera: Float64[np.ndarray, "4 4"]) -> Rendering:
        """Trace the camera's rays to the observed surface and decode its colour."""
        return self._published.render(camera, T_world_camera)

    def color(self, points: Float32[np.ndarray, "n 3"]) -> UInt8[np.ndarray, "n 3"]:
        """Decode the colour at world points; grey where no frame had any."""
        return self._published.color(points)

    def mesh(self, voxel_size_m: float | None = None) -> Mesh:
        """Extract the surface where it was observed; the default spacing is 2.5 cm."""
        return self._published.mesh(voxel_size_m)

    def set_effort(self, share: float) -> None:
        """Train for this share of the time budget only; there is no less of an unlimited one."""
        self._effort = share

    def refined_poses(self) -> Mapping[int, Transform]:
        """Return T_world_camera of the keyframes that this object integrated, by frame index."""
        return {k.frame_index: k.T_world_camera for k in self._keyframes.items if k.is_own}

    def correct(
        self,
        frame_indices: Int64[np.ndarray, "k"],
        Ts_new_old: Float64[np.ndarray, "k 4 4"],
    ) -> None:
        """Decline: a network has no part that could be moved."""

    def save(self, path: str | Path, beside: Mapping[str, np.ndarray] | None = None) -> None:
        """Write the map; see `slam.maps.implicit.implicit_file` for the format."""
        with self._lock:
            content = ImplicitContent(
                self.config, self.depth_noise, self.num_integrated, self._network, self._trainer,
                self._observed, self._keyframes,
            )  # fmt: skip
            write_implicit(Path(path), content, beside or {})

    @classmethod
    def load(cls, path: Path) -> "ImplicitMap":
        """Read a map that `save` wrote, on whichever device."""
        content = read_implicit(path, cls.device)
        map_ = cls(content.config, content.depth_noise)
        map_.num_integrated = content.num_integrated
        map_._take(content)
        return map_

    @property
    def num_keyframes(self) -> int:
        """Keyframes kept."""
        return len(self._keyframes.items)

    @property
    def nbytes(self) -> int:
        """Bytes of the network, of what was observed and of keyframes."""
        return self._network.nbytes + self._observed.nbytes + self._keyframes.nbytes


class CudaImplicitMap(ImplicitMap):
    """The same with its network on a GPU; rays are drawn and traced on the CPU."""

    device = torch.device("cpu" if SIMULATES_CUDA else "cuda")


def _keyframe(
    frame: Frame, readings: SurfaceReadings, T_world_camera: Transform, ray_cell: int
) -> Keyframe:
    """Keep some of a frame's rays."""
    camera, has_color = frame.camera, frame.color is not None
    rays = ray_ops.pick_rays(
        *readings,
        np.empty((0, 0, 3), np.uint8) if frame.color is None else frame.color,
        (camera.height, camera.width),
        camera.intrinsics,
        frame.depth_noise.coefficients,
        stride_for(camera, ray_cell),
        frame.index,
        frame.color_mask,
    )
    return Keyframe(frame.index, camera, T_world_camera, rays, has_color, T_world_camera)
