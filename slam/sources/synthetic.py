"""Synthetic scenes as a source, rendered on the fly: poses, depth, SDF and mesh are exact."""

import logging
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from jaxtyping import Bool, Float32, UInt8

from kernels.shared_work import share_work
from slam.camera import Camera, DepthNoise
from slam.config import SyntheticConfig
from slam.errors import SlamError
from slam.frame import Frame
from slam.scenes import apartment, desk, moving, ring, room, thin, wall
from slam.scenes.hands import HANDS
from slam.scenes.scene import Builder, Scene
from slam.scenes.walk import FRAME_RATE_HZ, Walk
from slam.trajectory import Trajectory

logger = logging.getLogger(__name__)
CAMERA = Camera(640, 480, 525.0, 525.0, 319.5, 239.5)
SCENES = {
    "room": room, "apartment": apartment, "wall": wall, "thin": thin, "moving": moving,
    "desk": desk, "ring": ring,
}  # fmt: skip

SMOOTH = SyntheticConfig()


def nothing_moves(time_s: float) -> Scene:
    """Build no solid."""
    return Builder().build("nothing")


MOVERS: dict[str, Callable[[float], Scene]] = {"moving": moving.mover}


class SyntheticSource:
    """A camera on its walk through a scene; poses are in the scene's world, whose z points up.

    `scene` is what stays; `movers` builds what else is there at a time. The config says how the
    camera is carried.
    """

    def __init__(
        self,
        scene: Scene,
        walk: Walk,
        num_frames: int | None = None,
        movers: Callable[[float], Scene] = nothing_moves,
        config: SyntheticConfig = SMOOTH,
    ) -> None:
        num_frames = num_frames or config.frames or walk.num_frames
        self.name = f"synthetic:{scene.name}"
        self.scene = scene
        self.movers = movers
        self.camera = CAMERA
        self.depth_noise = DepthNoise.rendered()
        self.timestamps_s = np.arange(num_frames) / FRAME_RATE_HZ
        self._Ts_world_camera = walk.poses(num_frames, HANDS[config.motion], config.seed)

    def read(self, index: int) -> Frame:
        """Render frame `index`."""
        depth_m, color = self._render(index)
        timestamp_s = float(self.timestamps_s[index])
        return Frame(index, timestamp_s, self.camera, depth_m, color, self.depth_noise)

    def mover_mask(self, index: int) -> Bool[np.ndarray, "h w"]:
        """Tell which pixels of frame `index` show a mover, for evaluation and tests."""
        depth_m, _ = self._render(index)
        static_depth_m, _ = self.scene.render(self.camera, self._Ts_world_camera[index])
        return depth_m != static_depth_m

    def _render(self, index: int) -> tuple[Float32[np.ndarray, "h w"], UInt8[np.ndarray, "h w 3"]]:
        scene = self.scene.joined(self.movers(float(self.timestamps_s[index])))
        return scene.render(self.camera, self._Ts_world_camera[index])

    def ground_truth(self) -> Trajectory:
        """Return the poses that the frames are rendered from."""
        return Trajectory(self.timestamps_s, self._Ts_world_camera)


def open_synthetic(
    name: str | None = None, num_frames: int | None = None, config: SyntheticConfig = SMOOTH
) -> SyntheticSource:
    """Open a scene by name (nothing means room) for its whole walk, or for so many frames.

    More frames than the walk has go round again.
    """
    name = name or "room"
    if name not in SCENES:
        raise SlamError(f"unknown synthetic scene {name!r}; choose one of {', '.join(SCENES)}")
    if num_frames is not None and num_frames < 1:
        raise SlamError(f"a synthetic scene needs at least 1 frame, got {num_frames}")
    _compile_renderer()
    module = SCENES[name]
    movers = MOVERS.get(name, nothing_moves)
    return SyntheticSource(module.scene(), module.walk(), num_frames, movers, config)


@cache
def _compile_renderer() -> None:
    say_start = partial(logger.info, "compiling the renderer; only the first run does this")
    share_work(_render_little, [_render_little], say_start)


def _render_little() -> None:
    scene = room.scene()
    scene.render(CAMERA.scaled(0.1), np.eye(4))
    scene.sdf(np.zeros((1, 3), np.float32))
