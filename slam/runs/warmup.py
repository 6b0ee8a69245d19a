"""Compiles (or loads from numba's cache) every kernel of a run on a toy room, so that no frame
waits for it.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import cv2
import numpy as np

from kernels.blocks import grown_index, new_index
from kernels.dispatch import SIMULATES_CUDA
from kernels.shared_work import share_work
from slam.camera import Camera, DepthNoise
from slam.config import Config
from slam.device import DeviceKind
from slam.frame import Frame
from slam.geometry import se3_exp
from slam.graph.registration import register
from slam.graph.stored_view import StoredView
from slam.maps.base import Map
from slam.maps.factory import new_map
from slam.places.memory import new_places
from slam.tracking.factory import dense_tracker
from slam.tracking.judge import new_judge
from slam.tracking.movers import Movers
from slam.tracking.prepare import prepare

logger = logging.getLogger(__name__)
CAMERA = Camera(160, 120, 130.0, 130.0, 79.5, 59.5)
_loaded: set[tuple[Config, DeviceKind]] = set()  # what this process has run already
COMPILING = "compiling kernels; only the first run does this; it takes half a minute"


def warm_up(
    configs: Sequence[Config],
    device: DeviceKind = "cpu",
    say: Callable[[str], None] = logger.info,
) -> float:
    """Run the tracker and the map of each config over a few frames of a toy room; return the
    seconds it took. CUDA's simulator compiles nothing and needs no warm-up.

    What the CPU has to compile is shared out to processes, which fill numba's cache; `say` is told
    when that begins.
    """
    toys = [toy for toy in map(_toy, configs) if (toy, device) not in _loaded]
    if SIMULATES_CUDA or not toys:
        return 0.0
    start_s = time.perf_counter()
    run = partial(_run_all, toys, device)
    if device == "cpu":
        share_work(run, _parts(toys), partial(say, COMPILING))
    else:
        run()
    _loaded.update((toy, device) for toy in toys)
    return time.perf_counter() - start_s


def _parts(toys: Sequence[Config]) -> list[Callable[[], None]]:
    """Return what compiles every kernel of a run, in parts that do not need one another.

    Empty maps do for most: what is compiled depends on the types of the arguments alone. The first
    process takes the parts from the first on, the others from the last, so that parts which share
    kernels are rarely done side by side. The longest, the training step of the neural map, comes
    first, so that nobody waits for it at the end; whole runs stand in the middle, where little is
    left of them to compile.
    """
    longest_first = sorted(toys, key=lambda toy: toy.map != "neural")
    return [
        *(partial(_map_and_move, toy) for toy in longest_first),
        *(partial(_render_nothing, toy) for toy in longest_first),
        *(partial(_run_whole, toy, "cpu") for toy in longest_first),
        *(partial(_mesh_nothing, toy) for toy in toys),
        *(partial(_register, toy) for toy in toys if toy.loops.enabled is not False),
    ]


def _toy(config: Config) -> Config:
    """Return what decides which kernels a run needs, with small maps."""
    return Config(
        map=config.map,
        tsdf=replace(config.tsdf, voxel_size_m=0.05, budget_mb=64),
        neural=replace(config.neural, first_steps=1, steps=1, keyframe_every=1, budget_mb=64),
        implicit=replace(
            config.implicit, layers=1, width=8, hash_table_bits=8, points=64, first_steps=1, steps=1
        ),
        tracking=config.tracking,
        places=config.places,
        loops=config.loops,
        fusion=config.fusion,
    )


def _new_map(toy: Config, device: DeviceKind = "cpu") -> Map:
    return new_map(toy, DepthNoise.rendered(), device)


def _mesh_nothing(toy: Config) -> None:
    _new_map(toy).mesh()


def _render_nothing(toy: Config) -> None:
    _new_map(toy).render(CAMERA.scaled(0.25), np.eye(4))


def _map_and_move(toy: Config) -> None:
    map_ = _new_map(toy)
    for index in range(3):
        map_.integrate(_frame(index), np.eye(4))
    if toy.loops.enabled is not False:
        _move(map_)


def _register(toy: Config) -> None:
    """Align two frames as loops do."""
    frame = prepare(_frame(0))
    register(frame, StoredView.of(frame).prepared(), np.eye(4), toy.tracking)


def _run_all(toys: Sequence[Config], device: DeviceKind) -> None:
    for toy in toys:
        _run_whole(toy, device)


def _run_whole(toy: Config, device: DeviceKind) -> None:
    """Track and map a few frames, get lost, close a loop, and make the mesh."""
    map_ = _new_map(toy, device)
    places = new_places(toy.places)
    tracker = dense_tracker(toy.tracking, device, recogniser=places)
    judge, movers = new_judge(toy, device), Movers()
    for index in range(3):
        frame = movers.left_out(judge.judged(_frame(index)))
        result = tracker.track(frame, map_)
        movers.remember(result)
        map_.integrate(frame, result.T_world_camera)
        places.remember(frame, result.T_world_camera)
    far = replace(_frame(3), depth_m=_frame(3).depth_m + np.float32(1.0))
    tracker.track(far, map_)  # is lost, which takes the kernels of search and recognition
    grown_index(new_index(1), 2)  # what a map does in the middle of a run
    if toy.loops.enabled is not False:
        _register(toy)
        _move(map_)
    map_.render(CAMERA.scaled(0.25), np.eye(4))
    map_.mesh()


def _move(map_: Map) -> None:
    """Move all of a map by a voxel or so, as loops do."""
    correction = map_.correct(np.zeros(1, np.int64), se3_exp(np.full(6, 0.1))[None])
    if correction is not None:
        while not correction.advance():
            pass
        correction.swap()


def _frame(index: int) -> Frame:
    v, u = np.mgrid[: CAMERA.height, : CAMERA.width].astype(np.float32)
    # bumps hold all directions: there is nothing to scan
    depth_m = 1.0 + 0.002 * u + 0.2 * (v > 60) + 0.05 * np.sin(u / 9) * np.sin(v / 7)
    patches = np.random.default_rng(0).integers(0, 256, (15, 20, 3), dtype=np.uint8)
    color = cv2.resize(patches, (CAMERA.width, CAMERA.height), interpolation=cv2.INTER_NEAREST)
    return Frame(
        index, index / 30, CAMERA, depth_m.astype(np.float32), color, DepthNoise.rendered()
    )
