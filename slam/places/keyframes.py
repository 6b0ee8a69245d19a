"""Keyframes: the features of frames that were taken from where nothing was kept yet."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Int32, Int64

from kernels.places import NUM_WORDS, score_places
from slam.geometry import Transform
from slam.places.features import Features

MAX_DISTANCE_M = 0.15  # to a keyframe, for a frame to be none itself
MAX_ANGLE_RAD = 0.2
FIRST_CAPACITY = 1 << 12


@dataclass(frozen=True)
class Keyframe:
    """The features of a frame, and where it was taken."""

    T_world_camera: Transform
    features: Features


@dataclass(frozen=True)
class _Index:
    """The words of all keyframes, each once a keyframe. Growth replaces it as a whole, so that a
    reader always has arrays that fit together.
    """

    words: Int32[np.ndarray, "n"]  # keyframe after keyframe
    starts: Int64[np.ndarray, "k_plus_1"]
    num_with: Int64[np.ndarray, "w"]  # keyframes that have each word


class Keyframes:
    """All keyframes of a map. One thread may add while others read and rank."""

    def __init__(self) -> None:
        self.items: list[Keyframe] = []
        self._Ts_world_camera = np.empty((0, 4, 4))
        self._index = _Index(
            np.empty(0, np.int32), np.zeros(1, np.int64), np.zeros(NUM_WORDS, np.int64)
        )

    def __len__(self) -> int:
        return len(self.items)

    def is_covered(self, T_world_camera: Transform) -> bool:
        """Whether a keyframe was taken from so close that this view adds nothing."""
        Ts = self._Ts_world_camera
        distance_m = np.linalg.norm(Ts[:, :3, 3] - T_world_camera[:3, 3], axis=1)
        trace = np.einsum("kij,ij->k", Ts[:, :3, :3], T_world_camera[:3, :3])
        is_turned = trace < 1.0 + 2.0 * np.cos(MAX_ANGLE_RAD)
        return bool(((distance_m < MAX_DISTANCE_M) & ~is_turned).any())

    def add(self, keyframe: Keyframe) -> None:
        """Keep a keyframe."""
        distinct = np.unique(keyframe.features.words)
        old = self._index
        num_with = old.num_with.copy()
        num_with[distinct] += 1
        self.items.append(keyframe)  # before the index, which must name none that is not there
        self._Ts_world_camera = np.concatenate(
            [self._Ts_world_camera, keyframe.T_world_camera[None]]
        )
        end = old.starts[-1] + len(distinct)
        self._index = _Index(
            np.concatenate([old.words, distinct]), np.append(old.starts, end), num_with
        )

    def ranked(
        self, words: Int32[np.ndarray, "n"], most: int, among: tuple[int, int] | None = None
    ) -> list[int]:
        """Return the numbers of the keyframes that have most of these words in common, rare words
        counting more (Sivic and Zisserman 2003), the likeliest first; of all, or from the number
        `among[0]` on of so many, `among[1]`.
        """
        index = self._index
        num_keyframes = len(index.starts) - 1
        weights = np.zeros(NUM_WORDS, np.float32)
        # at least a little for words that all have, or a single keyframe would have no score
        rarity = np.log((1.5 + num_keyframes) / (0.5 + index.num_with[words]))
        weights[words] = np.maximum(rarity, 0.1)
        scores = score_places(index.words, index.starts, weights)
        if among is not None:
            scores[: among[0]] = scores[sum(among) :] = 0.0
        order = np.argsort(-scores, kind="stable")[:most]
        return [int(k) for k in order if scores[k] > 0]

    def move(self, first: int, Ts_world_camera: Sequence[Transform]) -> None:
        """Replace the poses of the keyframes from a number on."""
        for k, T_world_camera in enumerate(Ts_world_camera, start=first):
            self.items[k] = replace(self.items[k], T_world_camera=T_world_camera)
            self._Ts_world_camera[k] = T_world_camera

    @property
    def nbytes(self) -> int:
        """Bytes of descriptors, points and words."""
        return sum(keyframe.features.nbytes for keyframe in self.items)
