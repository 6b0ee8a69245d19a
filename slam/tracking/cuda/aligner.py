"""Alignment on a GPU: everything is enqueued at once, and the pose is all that is read back."""

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from kernels.cuda import registration, state
from kernels.cuda.arrays import to_host
from kernels.cuda.graph import Graph
from kernels.cuda.inputs import Inputs
from kernels.cuda.state import NUM_STATE, PhotometricLevel, Stage
from kernels.tsdf import TsdfGrid
from slam.config import TrackingConfig
from slam.frame import Frame
from slam.geometry import Transform, orthonormalise
from slam.maps.base import Map, tracked_map
from slam.tracking.agreement import Agreement
from slam.tracking.aligner import Extent
from slam.tracking.base import TrackResult
from slam.tracking.cuda.keyframe import KeyframeTensors
from slam.tracking.cuda.prepare import Preparation, PreparedTensors
from slam.tracking.fit import Fit, too_few_points, track_result
from slam.tracking.host import HostAligner
from slam.tracking.prepare import PreparedFrame
from slam.tracking.stages import MIN_POINTS, STAGES, weighting

ITERATIONS = [
    (Stage(n, s.point_step, s.scale, s.max_distance_m, s.max_uncertainty_m), s.max_iterations)
    for n, s in enumerate(STAGES)
]


@runtime_checkable
class DeviceMap(Protocol):
    """A map whose storage is on the GPU, in tensors that never move."""

    @property
    def on_device(self) -> TsdfGrid:
        """All that a point query takes."""
        ...


class _Keyframe(NamedTuple):
    frame: Frame
    T_world_camera: Transform

    def moved(self, T_new_old: Transform) -> "_Keyframe":
        return self._replace(T_world_camera=T_new_old @ self.T_world_camera)


class _Loop(NamedTuple):
    """The captured launches that align frames with a map, and what they read."""

    map: DeviceMap
    prepared: PreparedTensors
    levels: list[PhotometricLevel]
    graph: Graph


class CudaAligner:
    """See `slam.tracking.aligner.Aligner`; for point-to-SDF geometry.

    What only a doubt asks for, which is rare, runs on the CPU, and so does all alignment with a map
    that is no `DeviceMap`.
    """

    def __init__(self, config: TrackingConfig) -> None:
        self._config = config
        self._weighting = weighting(config)
        self._inputs = Inputs(state=np.zeros(NUM_STATE, np.float32))
        self._preparation: Preparation | None = None
        self._frame: Frame | None = None
        self._extent: Extent | None = None
        self._loop: _Loop | None = None
        self._tensors = KeyframeTensors()
        self._keyframe: _Keyframe | None = None
        self._textured: _Keyframe | None = None  # the last keyframe with colour
        self._host = HostAligner(config)
        self._host_keyframes: tuple[_Keyframe | None, _Keyframe | None] = None, None
        self._host_frame: Frame | None = None

    def load(self, frame: Frame) -> None:
        """Take the frame that all else is about."""
        if self._preparation is None or not self._preparation.is_for(frame):
            self._preparation = Preparation(frame)
        self._preparation.run(frame)
        self._frame, self._extent = frame, None

    def prepared(self) -> PreparedFrame:
        """Return the frame as the host uses it."""
        return self._on_host().prepared()

    def extent(self) -> Extent:
        """Measure the frame; before `align` this reads from the device."""
        if self._extent is None:
            cloud = self._prepared().cloud
            num_points, lever_m = to_host((cloud.num_points, cloud.lever_m))
            self._extent = _extent(int(num_points[0]), float(lever_m[0]))
        return self._extent

    def align(
        self, map_: Map, T_start: Transform, scatter: float = 1.0, with_color: bool = True
    ) -> TrackResult:
        """Align from T_start."""
        device_map = tracked_map(map_)
        if not isinstance(device_map, DeviceMap):
            return self._on_host().align(map_, T_start, scatter, with_color)
        self._inputs.write(state=self._start(T_start, scatter, with_color))
        loop = self._loop_of(device_map)
        loop.graph.run(partial(self._enqueue, loop))
        numbers = to_host(self._inputs["state"]).astype(np.float64)
        values = numbers[24:]
        num_points = int(values[state.NUM_POINTS])
        self._extent = _extent(num_points, float(values[state.LEVER_M]))
        if num_points < MIN_POINTS:
            return too_few_points(num_points, T_start)
        T_world_camera = np.eye(4)
        T_world_camera[:3] = numbers[:12].reshape(3, 4)
        likeness = float(values[state.LIKENESS])
        moved = np.abs(values[state.TWIST : state.TWIST + 6])
        fit = Fit(
            squared_error=float(values[state.SQUARED_ERROR]),
            weight=float(values[state.WEIGHT]),
            num_points=-(-num_points // STAGES[-1].point_step),
            sigma_m=float(values[state.SIGMA_M]),
            conditioning=float(values[state.CONDITIONING]),
            uncertainty_m=float(values[state.UNCERTAINTY_M]),
            num_iterations=int(values[state.NUM_ITERATIONS]),
            last_step_m=float(moved[:3].sum() + values[state.LEVER_M] * moved[3:].sum()),
            likeness=likeness if likeness >= 0.0 else None,
        )
        result = track_result(orthonormalise(T_world_camera), fit, self._config)
        if result.is_open or result.is_under_way:  # both are rare
            return self._on_host().align(map_, T_start, scatter, with_color)
        return result

    def search(self, map_: Map, T_last: Transform) -> Iterator[Transform]:
        """Look in a wider surrounding of T_last for poses to align from; on the CPU."""
        return self._on_host().search(map_, T_last)

    def drawn(self, map_: Map, T_start: Transform) -> Transform:
        """Return where the map's surface draws the frame from T_start; on the CPU."""
        return self._on_host().drawn(map_, T_start)

    def align_beside(self, T_start: Transform) -> TrackResult:
        """Align with the keyframe alone from T_start; on the CPU."""
        return self._on_host().align_beside(T_start)

    def agreement(self, T_world_camera: Transform) -> Agreement:
        """Compare the frame at a pose with the keyframe; on the CPU."""
        return self._on_host().agreement(T_world_camera)

    def same(self, T_world_camera: Transform) -> float | None:
        """Return how much of the keyframe looks the same from a pose; on the CPU."""
        return self._on_host().same(T_world_camera)

    def contrast(self, T_world_camera: Transform) -> float:
        """Return how much more looks the same from a pose than beside; on the CPU."""
        return self._on_host().contrast(T_world_camera)

    def set_keyframe(self, T_world_camera: Transform) -> bool:
        """Make the frame the keyframe; False without colour."""
        frame = self._loaded()
        self._keyframe = _Keyframe(frame, T_world_camera)
        if frame.color is None:
            return False
        self._tensors.pick(self._prepared())
        self._textured = self._keyframe
        return True

    def forget_keyframe(self) -> None:
        """Compare with nothing."""
        self._keyframe = self._textured = None

    def moved(self, T_new_old: Transform) -> None:
        """Take the keyframe along with a world that was moved."""
        is_one = self._textured is self._keyframe
        if self._keyframe is not None:
            self._keyframe = self._keyframe.moved(T_new_old)
        if self._textured is not None:
            self._textured = self._keyframe if is_one else self._textured.moved(T_new_old)

    def _on_host(self) -> HostAligner:
        """Return the CPU's aligner with the same keyframes and frame."""
        keyframes = self._textured, self._keyframe
        if any(a is not b for a, b in zip(keyframes, self._host_keyframes, strict=True)):
            self._host.forget_keyframe()
            for keyframe in filter(None, keyframes):
                self._host.load(keyframe.frame)
                self._host.set_keyframe(keyframe.T_world_camera)
            self._host_keyframes = keyframes
            self._host_frame = None
        if self._host_frame is not self._frame:
            self._host.load(self._loaded())
            self._host_frame = self._frame
        return self._host

    def _loaded(self) -> Frame:
        assert self._frame is not None
        return self._frame

    def _prepared(self) -> PreparedTensors:
        assert self._preparation is not None
        assert self._preparation.prepared is not None
        return self._preparation.prepared

    def _start(self, T_start: Transform, scatter: float, with_color: bool) -> np.ndarray:
        """Return the state before the first iteration."""
        numbers = np.zeros(NUM_STATE, np.float32)
        numbers[:12] = T_start[:3].ravel()
        numbers[24 + state.SCATTER] = scatter
        has_color = with_color and self._loaded().color is not None
        if self._textured is not None and has_color and self._config.photometric:
            numbers[12:24] = self._textured.T_world_camera[:3].ravel()
            numbers[24 + state.HAS_KEYFRAME] = 1.0
        return numbers

    def _loop_of(self, map_: DeviceMap) -> _Loop:
        """Return the launches for a map and the present tensors."""
        prepared, loop = self._prepared(), self._loop
        if loop is None or loop.map is not map_ or loop.prepared is not prepared:
            loop = self._loop = _Loop(map_, prepared, self._tensors.against(prepared), Graph())
        return loop

    def _enqueue(self, loop: _Loop) -> None:
        """Launch all iterations."""
        registration.align(
            loop.map.on_device, loop.prepared.cloud, loop.levels,
            state.pose_state(self._inputs["state"]), ITERATIONS, self._weighting,
        )  # fmt: skip


def _extent(num_points: int, lever_m: float) -> Extent:
    return Extent(num_points, lever_m if num_points else 1.0)
