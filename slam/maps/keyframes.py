"""Keyframes: sparse rays with a pose, and which of them see what a new one sees."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Float64, Int64

from kernels.rays import UNCOLORED, Rays
from slam.camera import Camera
from slam.geometry import Transform, inverse, transform_points

NUM_PROBES = 128  # points of the new keyframe that others should see
MARGIN = 1.1  # a probe deeper than a keyframe's far_m by this factor is out of its view
MIN_OVERLAP = 0.1
SAME_VIEW = 0.8  # of two keyframes that see so much of each other one is enough


@dataclass
class Keyframe:
    """The rays of one frame, if they are kept; its pose is refined in place."""

    frame_index: int
    camera: Camera
    T_world_camera: Transform
    rays: Rays
    has_color: bool
    T_world_tracked: Transform  # as it came from the tracker
    is_own: bool = True  # of this run, not of a map file that it went on with
    number: int = -1  # in the order of insertion
    T_now_then: Transform = field(default_factory=lambda: np.eye(4))  # corrections since it came

    @property
    def num_rays(self) -> int:
        """Rays kept."""
        return len(self.rays.pixel)

    @cached_property
    def far_m(self) -> float:
        """Nine tenths of the readings are nearer."""
        return float(np.quantile(self.rays.depth_m, 0.9)) if len(self.rays.depth_m) else 0.0

    @property
    def nbytes(self) -> int:
        """Bytes of its rays."""
        return sum(array.nbytes for array in self.rays)

    def drop_rays(self) -> None:
        """Keep the pose alone."""
        self.rays = Rays(*(array[:0].copy() for array in self.rays))


class Keyframes:
    """All keyframes of a map."""

    def __init__(self) -> None:
        self.items: list[Keyframe] = []
        self.nbytes = 0

    def add(self, keyframe: Keyframe) -> None:
        """Append a keyframe."""
        keyframe.number = len(self.items)
        self.items.append(keyframe)
        self.nbytes += keyframe.nbytes

    def redundant(self) -> Keyframe | None:
        """Return the last keyframe that has rays, where the one before it sees nearly the same."""
        seen = self._with_rays(self.items)[-2:]
        if len(seen) < 2:
            return None
        before, last = seen
        shares = self.overlaps(before, [last])[0], self.overlaps(last, [before])[0]
        return last if min(shares) > SAME_VIEW else None

    def drop_rays(self, keyframe: Keyframe) -> None:
        """Keep no more of a keyframe than its pose."""
        self.nbytes -= keyframe.nbytes
        keyframe.drop_rays()

    @staticmethod
    def _with_rays(items: list[Keyframe]) -> list[Keyframe]:
        return [keyframe for keyframe in items if keyframe.num_rays]

    def move(
        self, motion_at: Callable[[Float32[np.ndarray, "k"]], Float64[np.ndarray, "k 4 4"]]
    ) -> None:
        """Move those of this run, in place, by T_new_old of the world round their frames."""
        own = [keyframe for keyframe in self.items if keyframe.is_own]
        frames = np.array([keyframe.frame_index for keyframe in own], np.float32)
        for keyframe, T_new_old in zip(own, motion_at(frames), strict=True):
            keyframe.T_world_camera = T_new_old @ keyframe.T_world_camera
            keyframe.T_world_tracked = T_new_old @ keyframe.T_world_tracked
            keyframe.T_now_then = T_new_old @ keyframe.T_now_then

    def window(self, size: int) -> list[Keyframe]:
        """Return the newest keyframe, the one before it, and those that overlap most with the
        newest.
        """
        newest, before = self.items[-1], self._with_rays(self.items[:-1])
        chosen, older = before[-1:], before[:-1]
        overlap = self.overlaps(newest, older)
        order = np.argsort(-overlap, kind="stable")[: max(0, size - 2)]
        chosen += [older[i] for i in order if overlap[i] > MIN_OVERLAP]
        return [newest, *chosen][:size]

    def windows(self, size: int) -> Iterator[list[Keyframe]]:
        """Go round all keyframes for ever, so many at a time, in a new order each time round."""
        random, items = np.random.default_rng(0), self._with_rays(self.items)
        while items:
            order = random.permutation(len(items))
            for first in range(0, len(order), size):
                yield [items[i] for i in order[first : first + size]]

    def centers_m(self, most: int = 32) -> Float64[np.ndarray, "k 3"]:
        """Return some places where the camera was, evenly over time."""
        pick = np.unique(np.linspace(0, len(self.items) - 1, most).round().astype(int))
        centers_m = [self.items[i].T_world_camera[:3, 3] for i in pick if self.items]
        return np.array(centers_m).reshape(-1, 3)

    def overlaps(self, keyframe: Keyframe, others: list[Keyframe]) -> Float64[np.ndarray, "k"]:
        """Return the share of a keyframe's readings in the view of each other one."""
        if not others or not len(keyframe.rays.depth_m):
            return np.zeros(len(others))
        probes = _probes(keyframe)
        Ts_camera_world = np.stack([inverse(other.T_world_camera) for other in others])
        points = np.einsum("kij,nj->kni", Ts_camera_world[:, :3, :3], probes)
        points += Ts_camera_world[:, None, :3, 3]
        z = points[..., 2]
        camera = keyframe.camera  # all of one map have about the same
        far_m = np.array([other.far_m for other in others])[:, None]
        is_seen = camera.contains(*camera.project(points))
        is_seen &= (z > 0.1) & (z < MARGIN * far_m)
        return is_seen.mean(axis=1)


def _probes(keyframe: Keyframe) -> Float64[np.ndarray, "n 3"]:
    """Return some of a keyframe's readings in the world."""
    pick = np.linspace(0, len(keyframe.rays.depth_m) - 1, NUM_PROBES).astype(np.int64)
    points = unproject(keyframe.rays, pick, keyframe.camera).astype(np.float64)
    return transform_points(keyframe.T_world_camera, points)


def unproject(
    rays: Rays, pick: Int64[np.ndarray, "n"], camera: Camera
) -> Float32[np.ndarray, "n 3"]:
    """Return the camera-frame points of some rays."""
    v, u = np.divmod(rays.pixel[pick] % np.uint32(UNCOLORED), np.uint32(camera.width))
    return camera.unproject(u, v, rays.depth_m[pick])
