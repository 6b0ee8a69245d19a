"""What a neural map is wherever its features live: keyframes, files, meshes, its time budget."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float64, Int64

from slam.camera import DepthNoise
from slam.config import NeuralConfig
from slam.errors import error_context
from slam.geometry import Transform, inverse
from slam.maps.base import Correction, Mesh
from slam.maps.extraction import check_mesh_spacing
from slam.maps.keyframes import Keyframe, Keyframes
from slam.maps.neural.meshing import observed_mesh, predicted_mesh
from slam.maps.neural.neural_file import NeuralContent, read_neural, write_neural
from slam.maps.sizes import check_neural

MapOnDevice = TypeVar("MapOnDevice", bound="KeyframedMap")


POLISH_STEPS = 16  # a keyframe: each of its rays is met about as often as there are in a window


class KeyframedMap(ABC):
    """The part of a neural map that does not depend on the device."""

    def __init__(self, config: NeuralConfig, depth_noise: DepthNoise) -> None:
        check_neural(config)
        self.config = config
        self.depth_noise = depth_noise
        self.num_integrated = 0
        self._keyframes = Keyframes()
        self._window: list[Keyframe] = []
        self._effort = 1.0

    @abstractmethod
    def _content(self) -> NeuralContent:
        """Return all of the map in the host's memory."""

    @abstractmethod
    def _take(self, content: NeuralContent) -> None:
        """Go on with what a file holds; raise SlamError where there is no room for it."""

    @property
    def _is_keyframe_due(self) -> bool:
        return self.num_integrated % self.config.keyframe_every == 0

    def _effort_now(self) -> tuple[int, float]:
        """Return how many steps of training the present frame gets at most, and milliseconds from
        its start after which none is begun.
        """
        config = self.config
        if self.num_integrated == 0:
            return config.first_steps, np.inf
        return config.steps, self._effort * config.budget_ms if config.budget_ms > 0 else np.inf

    def _choose_window(self, newest: Keyframe) -> None:
        """Keep a keyframe, and choose those to train on with it."""
        self._keyframes.add(newest)
        self._window = self._keyframes.window(self.config.window)

    def mesh(self, voxel_size_m: float | None = None) -> Mesh:
        """Extract the surface, observed and predicted. The former ends where readings end.

        The default is the base's spacing for what is observed and half the middle one for what is
        predicted.
        """
        grid = self._content().grid
        field = grid.field
        base_m, middle_m = self.config.base_spacing_m, self.config.middle_spacing_m / 2
        if voxel_size_m is not None:
            check_mesh_spacing(voxel_size_m)
            base_m = middle_m = voxel_size_m
        observed = grid.base.as_read(observed_mesh(field, base_m))
        return observed.joined(predicted_mesh(field, observed, middle_m, self._keyframes))

    def set_effort(self, share: float) -> None:
        """Train for this share of the time budget only; there is no less of an unlimited one."""
        self._effort = share

    def polish(self, is_over: Callable[[], bool]) -> None:
        """Train on all keyframes, until `polish_s` or `is_over` ends it or there is little left."""
        deadline_s = time.perf_counter() + self.config.polish_s
        num_steps = POLISH_STEPS * self.num_keyframes
        windows = self._keyframes.windows(self.config.window)
        for _, window in zip(range(num_steps), windows, strict=False):
            if is_over() or time.perf_counter() >= deadline_s:
                return
            self._step_on(window)

    @abstractmethod
    def _step_on(self, window: list[Keyframe]) -> None:
        """Take a step of training on some keyframes."""

    def refined_poses(self) -> Mapping[int, Transform]:
        """Return T_world_camera of the keyframes that this object integrated, by frame index: in
        the world of then, without the corrections since.
        """
        own = [keyframe for keyframe in self._keyframes.items if keyframe.is_own]
        return {k.frame_index: inverse(k.T_now_then) @ k.T_world_camera for k in own}

    def correct(
        self, frame_indices: Int64[np.ndarray, "k"], Ts_new_old: Float64[np.ndarray, "k 4 4"]
    ) -> Correction | None:
        """Return None: on a GPU the levels cannot be moved."""
        return None

    def forget_frames(self) -> None:  # noqa: B027 (what cannot be moved hangs on no frame)
        """Let what is mapped hang on no frame: corrections leave it where it is."""

    def save(self, path: str | Path, beside: Mapping[str, np.ndarray] | None = None) -> None:
        """Write the map; see `slam.maps.neural.neural_file` for the format."""
        write_neural(Path(path), self._content(), beside or {})

    @classmethod
    def load(cls: type[MapOnDevice], path: Path) -> MapOnDevice:
        """Read a map that `save` wrote, on whichever device."""
        content = read_neural(path)
        map_ = cls(content.config, content.depth_noise)
        map_.num_integrated = content.num_integrated
        with error_context(path):
            map_._take(content)
        return map_

    @property
    def num_keyframes(self) -> int:
        """Keyframes kept."""
        return len(self._keyframes.items)
