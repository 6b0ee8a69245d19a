"""Walks whose loops are closed, for the study of what that is worth and for tests: with a drift,
with false loops, and with a camera that is carried off.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from slam.config import Config, NoiseConfig, TsdfConfig, without_time_budget
from slam.evaluation.surface import Surface
from slam.evaluation.trajectory import evaluate_trajectory
from slam.frame import Frame
from slam.geometry import Transform, inverse, se3_exp, transform_points
from slam.graph.detector import Detector, Loop, Moment
from slam.graph.graph import Graph
from slam.graph.loops import AnyLoops, Loops
from slam.graph.no_loops import NoLoops
from slam.graph.pose_graph import Edge
from slam.maps.base import Map, Mesh
from slam.maps.factory import new_map
from slam.places.keyframes import Keyframes
from slam.places.memory import Places
from slam.sources.base import Source
from slam.sources.depth_range import clamped
from slam.sources.noise.source import NoisySource
from slam.sources.synthetic import open_synthetic
from slam.system import Slam
from slam.tracking.base import Tracker, TrackResult
from slam.tracking.factory import dense_tracker
from slam.tracking.given import GivenPoses
from slam.tracking.pieces import Pieces
from slam.trajectory import Trajectory

LoopsOf = Callable[[Places, Config], AnyLoops]
DRIFT = np.array([2e-4, 1e-4, 2e-4, 0.0, np.deg2rad(0.01), 0.0])  # a frame: 0.3 mm, 0.01 degrees
FALSE_SHARE = 0.05
NUM_POINTS = 200_000  # of a mesh


class Drifting:
    """A tracker whose every motion is off by the same twist."""

    def __init__(self, tracker: Tracker, twist: np.ndarray = DRIFT) -> None:
        self._tracker = tracker
        self._T_off = se3_exp(twist)
        self._last: tuple[Transform, Transform] | None = None  # as it is, and as it is said to be

    def track(self, frame: Frame, map_: Map) -> TrackResult:
        result = self._tracker.track(frame, map_)
        T = result.T_world_camera
        if self._last is not None:
            was, said = self._last
            T = said @ inverse(was) @ T @ self._T_off
        self._last = result.T_world_camera, T
        return replace(result, T_world_camera=T)

    def moved(self, T_new_old: Transform) -> None:
        assert self._last is not None
        self._last = self._last[0], T_new_old @ self._last[1]


class LyingDetector(Detector):
    """A detector some of whose loops are false, and have passed all checks."""

    def __init__(self, *args: Any, seed: int = 0) -> None:
        super().__init__(*args)
        self._rng = np.random.default_rng(seed)
        self.num_false = 0

    def look(self, moment: Moment, *args: Any) -> Sequence[Loop]:
        loops = [*super().look(moment, *args)]
        if any(loop.is_accepted for loop in loops) and self._rng.random() < FALSE_SHARE:
            self.num_false += 1
            a = int(self._rng.integers(0, moment.node))
            T = se3_exp(self._rng.uniform(-0.5, 0.5, 6))
            edge = Edge(a, moment.node, T, loops[-1].edge.information)
            loops.insert(0, replace(loops[-1], edge=edge, num_matches=-1))
        return loops


@dataclass(frozen=True)
class Outcome:
    """What is left of the drift."""

    ate_online_m: float
    ate_m: float
    num_accepted: int
    num_refused: int
    num_false: int  # accepted loops that are off the truth by 10 cm or more
    slam: Slam


def of_map(kind: str = "tsdf", voxel_size_m: float = 0.02) -> Config:
    """Return the config of a map whose results do not depend on the machine's speed: what is left
    for the end takes as long as it takes.
    """
    config = without_time_budget(Config(map=kind, tsdf=TsdfConfig(voxel_size_m=voxel_size_m)))
    neural = replace(config.neural, base_spacing_m=voxel_size_m, polish_s=3600.0)
    return replace(config, neural=neural)


def scaled(source: Any, scale: float) -> Any:
    """Return a synthetic source with smaller images."""
    source.camera = source.camera.scaled(scale)
    return source


def drifting_apartment(scale: float, noise: str = "kinect") -> Source:
    source = scaled(open_synthetic("apartment"), scale)
    return NoisySource(source, NoiseConfig(model=noise)) if noise != "none" else source


def go(
    source: Source,
    indices: Sequence[int],
    tracker_of: Callable[[Places], Tracker],
    config: Config,
    loops_of: LoopsOf,
) -> Outcome:
    """Run over some frames of a source, one thing at a time."""
    places = Places(Keyframes())
    loops = loops_of(places, config)
    map_ = new_map(config, source.depth_noise)
    with Slam(tracker_of(places), map_, deterministic=True, places=places, loops=loops) as slam:
        for index in indices:
            slam.step(clamped(source.read(index), source.camera, config.playback))
    truth = source.ground_truth()
    assert truth is not None
    found = list(loops.found)
    accepted = [loop for loop in found if loop.is_accepted]
    return Outcome(
        ate_m(slam.online_trajectory(), truth),
        ate_m(slam.trajectory(), truth),
        len(accepted),
        len(found) - len(accepted),
        sum(is_false(loop, truth) for loop in accepted),
        slam,
    )


def ate_m(trajectory: Trajectory, truth: Trajectory) -> float:
    return evaluate_trajectory(trajectory, truth).ate_rmse_m


def odometry(graph: Graph) -> Trajectory:
    """Return where a graph has its nodes without loops."""
    return Trajectory(graph.timestamps_s, graph.before())


def end_drift_m(trajectory: Trajectory, truth: Trajectory) -> float:
    """Return by how much the last pose is off, seen from the first one."""
    stamps_s = trajectory.timestamps_s[[0, -1]]
    first, last = np.searchsorted(truth.timestamps_s, stamps_s - 1e-4)
    T_first_last = inverse(truth.Ts_world_camera[first]) @ truth.Ts_world_camera[last]
    said = inverse(trajectory.Ts_world_camera[0]) @ trajectory.Ts_world_camera[-1]
    return float(np.linalg.norm((inverse(T_first_last) @ said)[:3, 3]))


def off_surface_m(mesh: Mesh, trajectory: Trajectory) -> float:
    """Return by how much a mesh of the apartment is off the true surface, on average; both begin
    at the same pose.
    """
    apartment = open_synthetic("apartment")
    T_scene_first = apartment.ground_truth().Ts_world_camera[0]
    T_scene_world = T_scene_first @ inverse(trajectory.Ts_world_camera[0])
    points = Surface(mesh).sample(NUM_POINTS, seed=0).astype(np.float64)
    distances_m = apartment.scene.sdf(transform_points(T_scene_world, points).astype(np.float32))
    return float(np.abs(distances_m).mean())


def is_false(loop: Loop, truth: Trajectory) -> bool:
    a, b = (truth.Ts_world_camera[index] for index in loop.frame_indices)
    T = inverse(inverse(a) @ b) @ loop.edge.T_a_b
    return bool(np.linalg.norm(T[:3, 3]) > 0.1) or loop.num_matches < 0


def closing(places: Places, config: Config) -> Loops:
    return Loops(places, Detector(places.keyframes, config.tracking), is_in_turns=True)


def lied_to(places: Places, config: Config) -> Loops:
    return Loops(places, LyingDetector(places.keyframes, config.tracking), is_in_turns=True)


def left_open(places: Places, config: Config) -> NoLoops:
    return NoLoops()


def of_drift(
    source: Source,
    stride: int,
    limit: int,
    loops_of: LoopsOf,
    config: Config,
) -> Outcome:
    """Walk with true poses and a drift of so many frames a step."""
    truth = source.ground_truth()
    assert truth is not None
    indices = range(0, len(source.timestamps_s), stride)[: limit or None]
    return go(
        source, indices, lambda _: Drifting(GivenPoses(truth), stride * DRIFT), config, loops_of
    )


class Kidnapped:
    """A source whose camera is carried off: some frames of it, at an even pace."""

    def __init__(self, source: Source, indices: Sequence[int], period_s: float) -> None:
        self.name, self.camera, self.depth_noise = source.name, source.camera, source.depth_noise
        self.timestamps_s = period_s * np.arange(len(indices))
        self._source, self._indices = source, indices

    def read(self, index: int) -> Frame:
        frame = self._source.read(self._indices[index])
        return replace(frame, index=index, timestamp_s=float(self.timestamps_s[index]))

    def ground_truth(self) -> Trajectory:
        truth = self._source.ground_truth()
        assert truth is not None
        return Trajectory(self.timestamps_s, truth.Ts_world_camera[list(self._indices)])


def of_kidnap(source: Source, indices: Sequence[int], period_s: float, config: Config) -> Outcome:
    """Track frames among which the camera is carried to where it was not yet."""
    kidnapped = Kidnapped(source, indices, period_s)
    return go(
        kidnapped,
        range(len(indices)),
        lambda places: dense_tracker(config.tracking, recogniser=places, pieces=Pieces()),
        config,
        closing,
    )
