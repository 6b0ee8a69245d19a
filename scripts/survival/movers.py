"""A box that moves before a camera on its walk: how far it takes the camera along.

A map averages what it is given, so that a pose that follows the box for a few frames makes its own
truth. Each kind of motion is therefore tried with boxes of several sizes, speeds and places.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from slam import Config, Slam
from slam.geometry import Transform, inverse
from slam.scenes.moving import COVER
from slam.scenes.scene import Builder, Scene
from slam.scenes.walk import FRAME_RATE_HZ, Walk
from slam.sources.base import Source
from slam.sources.noise.source import NoisySource
from slam.sources.synthetic import CAMERA, SCENES, SyntheticSource
from slam.tracking.base import TrackState

KINDS = "starts", "moving", "comes", "nears"
NUM_FRAMES = 66
BEGIN_S, RAMP_S = 0.9, 0.2  # when a box that stood begins to move, and how long it takes to
SHARES = 0.18, 0.32  # of the view
SPEEDS_M_S = 0.15, 0.5
DISTANCE_M = 1.3
OUTSIDE_M = 1.3  # to the side
FREE_M = 2.2  # of the view's median before a box is put there
NEAREST_M = 0.8  # of anything in that view
MAX_TRIES = 200
HEADER = """\
| source | box | boxes | take the camera along | error, cm: median | worst | frames not OK |
| --- | --- | --- | --- | --- | --- | --- |"""


@dataclass(frozen=True)
class Box:
    """A box and its way: across the view, or nearer."""

    kind: str
    place_m: Float64[np.ndarray, "2"]  # where it stands, x and y in the world
    bottom_m: float
    size_m: tuple[float, float, float]
    yaw_deg: float
    way: Float64[np.ndarray, "2"]  # its velocity, m / s

    def at(self, time_s: float) -> Scene:
        """Build the box where it is at a time."""
        b = Builder()
        x, y = self.place_m + self.way * self._travelled_s(time_s)
        b.box(x, y, self.bottom_m, self.size_m, COVER, self.yaw_deg)
        return b.build("mover")

    def _travelled_s(self, time_s: float) -> float:
        if self.kind == "moving":  # from the first frame on
            return time_s - 0.5 * NUM_FRAMES / FRAME_RATE_HZ
        if self.kind == "comes":  # from outside of the view to its middle
            whole_s = OUTSIDE_M / float(np.linalg.norm(self.way))
            return whole_s * (time_s * FRAME_RATE_HZ / NUM_FRAMES - 1.0)
        since_s = max(time_s - BEGIN_S, 0.0)
        return since_s - RAMP_S / 2 if since_s > RAMP_S else since_s**2 / (2 * RAMP_S)


@dataclass(frozen=True)
class Carried:
    """What became of the poses before a box."""

    error_m: float  # the largest, in the frame of the first pose
    num_wrong: int  # poses that are OK and yet farther off than the limit
    num_not_ok: int


def before_a_box(name: str, kind: str, seed: int, config: Config) -> Source:
    """Open a synthetic scene at a random place of its walk where a box has room, with the box."""
    rng = np.random.default_rng(seed)
    module = SCENES[name.removeprefix("synthetic:")]
    scene, walk = module.scene(), module.walk()
    whole = SyntheticSource(scene, walk, config=config.synthetic)
    Ts = whole.ground_truth().Ts_world_camera
    for _ in range(MAX_TRIES):
        first = int(rng.integers(0, len(Ts) - NUM_FRAMES))
        T_middle = Ts[first + NUM_FRAMES // 2]
        depth_m, _ = scene.render(CAMERA.scaled(0.125), T_middle)
        if np.median(depth_m) > FREE_M and depth_m.min() > NEAREST_M:
            break
    else:
        raise SystemExit(f"{name}: no view of its walk has room for a box")
    box = _box(kind, T_middle, rng)
    source = _Part(scene, walk, first, box, config)
    return NoisySource(source, config.noise) if config.noise.is_added else source


def carried(source: Source, config: Config, limit_m: float) -> Carried:
    """Go through a source with true poses."""
    truth = source.ground_truth()
    assert truth is not None
    T_map_world: Transform | None = None
    errors_m, are_ok = [], []
    with Slam.from_config(config, source.depth_noise, "cpu") as slam:
        for index, T_true in enumerate(truth.Ts_world_camera):
            result = slam.step(source.read(index))
            if T_map_world is None:
                T_map_world = result.T_world_camera @ inverse(T_true)
            T_error = inverse(T_map_world @ T_true) @ result.T_world_camera
            errors_m.append(float(np.linalg.norm(T_error[:3, 3])))
            are_ok.append(result.state is TrackState.OK)
    is_wrong = np.array(errors_m) > limit_m
    num_wrong = int(np.count_nonzero(is_wrong & np.array(are_ok)))
    return Carried(max(errors_m), num_wrong, are_ok.count(False))


def row(name: str, kind: str, found: Sequence[Carried]) -> str:
    """Return a row of the table."""
    errors_cm = [100.0 * one.error_m for one in found]
    num_along = sum(one.num_wrong > 0 for one in found)
    num_not_ok = sum(one.num_not_ok for one in found)
    median, worst = f"{np.median(errors_cm):.2f}", f"{max(errors_cm):.2f}"
    values = name, kind, len(found), num_along, median, worst, num_not_ok
    return f"| {' | '.join(map(str, values))} |"


class _Part(SyntheticSource):
    """A part of a walk in small images."""

    def __init__(self, scene: Scene, walk: Walk, first: int, box: Box, config: Config) -> None:
        super().__init__(scene, walk, None, box.at, config.synthetic)
        self.camera = CAMERA.scaled(0.5)
        part = slice(first, first + NUM_FRAMES)
        self.timestamps_s = self.timestamps_s[:NUM_FRAMES]
        self._Ts_world_camera = self._Ts_world_camera[part]


def _box(kind: str, T_world_camera: Transform, rng: np.random.Generator) -> Box:
    """Draw a box that stands in the middle of a view."""
    forward = T_world_camera[:3, 2]
    ahead = forward[:2] / np.linalg.norm(forward[:2])
    right = np.array([ahead[1], -ahead[0]])
    m_per_px = DISTANCE_M / CAMERA.fx
    area_m2 = rng.uniform(*SHARES) * CAMERA.width * CAMERA.height * m_per_px**2
    height_m = min(1.9, 1.25 * float(np.sqrt(area_m2)))
    width_m = area_m2 / height_m
    thickness_m = min(0.4, width_m)
    middle_m = T_world_camera[2, 3] + DISTANCE_M * forward[2] / np.linalg.norm(forward[:2])
    bottom_m = float(np.clip(middle_m - height_m / 2, 0.0, 2.5 - height_m))
    speed_m_s = rng.uniform(*SPEEDS_M_S)
    way = -ahead if kind == "nears" else right * rng.choice([-1.0, 1.0])
    return Box(
        kind,
        T_world_camera[:2, 3] + (DISTANCE_M + thickness_m / 2) * ahead,
        bottom_m,
        (width_m, thickness_m, height_m),
        float(np.degrees(np.arctan2(right[1], right[0])) + rng.uniform(-25.0, 25.0)),
        way * speed_m_s * (0.6 if kind == "nears" else 1.0),
    )
