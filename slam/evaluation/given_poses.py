"""Whether given poses belong to a recording: depth of one frame is looked up in others under them.

Nothing of a run is needed for it, so it also tells wrong poses from a wrong track.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64

from slam.camera import Camera
from slam.config import PlaybackConfig
from slam.errors import BadFrameError
from slam.geometry import quaternion_xyzw_from_rotation, transform_from_quaternion
from slam.sources.base import Source
from slam.trajectory import Trajectory, associate

Poses = Float64[np.ndarray, "k 4 4"]
_NUM_FRAMES = 12
_GAPS = (1, 2, 5)  # of the frames that are looked at
_MOST_APART = 15  # frames between two that are looked at: they have to see the same
_STEP = 8  # every 8th pixel in both directions
_TOLERANCE = 0.02  # of depth: what a sensor and a reference of the 2 cm class leave
_FITS = 0.6  # of the points that should be seen again
_BETTER = 0.15  # than as given: so much must another reading of the poses be
_CONTRADICTS = 0.3  # less is no noise, no lens and no clock
_SURE = 0.9  # more, and no other size of depth is looked for
_LEAST_SEEN = 0.1  # of the points in the other's image, with depth
_SCALES = np.geomspace(0.05, 20.0, 49)
_FLIP = np.diag([1.0, -1.0, -1.0, 1.0])


def _inverse(T: Poses) -> Poses:
    return np.linalg.inv(T)


def _as_wxyz(T: Poses) -> Poses:
    """Undo that qw qx qy qz were read as qx qy qz qw."""
    result = []
    for pose in T:
        w, x, y, z = quaternion_xyzw_from_rotation(pose[:3, :3])
        result.append(transform_from_quaternion(pose[:3, 3], np.array([x, y, z, w])))
    return np.array(result)


def _millimetres(T: Poses) -> Poses:
    result = T.copy()
    result[:, :3, 3] *= 1e-3
    return result


CONVENTIONS: dict[str, Callable[[Poses], Poses]] = {
    "camera from world (inverse)": _inverse,
    "OpenGL axes (y up, z backwards)": lambda T: T @ _FLIP,
    "camera from world, with OpenGL axes": lambda T: _inverse(T) @ _FLIP,
    "quaternions as qw qx qy qz": _as_wxyz,
    "millimetres": _millimetres,
    "y up in camera and world, as ICL-NUIM": (
        lambda T: np.diag([1.0, -1.0, 1.0, 1.0]) @ T @ np.diag([1.0, -1.0, 1.0, 1.0])
    ),
}


@dataclass(frozen=True)
class _View:
    """The points of a thinned-out frame, and its depth image."""

    points: Float64[np.ndarray, "n 3"]
    depth_m: Float32[np.ndarray, "h w"]


def doubt_about(source: Source, poses: Trajectory, config: PlaybackConfig) -> str:
    """Return what contradicts the poses, and the convention that would fit, in one line; "" where
    nothing does, or where too little can be seen.
    """
    views, Ts_world_camera = _views(source, poses, config)
    if len(views) < 2:
        return ""
    camera = source.camera
    as_given = _share(views, Ts_world_camera, camera)
    readings = {
        f"the poses fit as {name}": _share(views, convert(Ts_world_camera), camera)
        for name, convert in CONVENTIONS.items()
    }
    of_rays = [_of_ray_lengths(view, camera) for view in views]
    along = "depth fits as the distance along the ray: depth_kind: ray in camera.yaml"
    readings[along] = _share(of_rays, Ts_world_camera, camera)
    if as_given < _SURE:
        scale, share = _best_scale(views, Ts_world_camera, camera)
        readings[f"depth fits at {scale:.2g} times its size: divide depth_scale by that"] = share
    best = max(readings, key=lambda name: readings[name])
    is_better = readings[best] >= max(_FITS, as_given + _BETTER)
    if not is_better and as_given >= _CONTRADICTS:
        return ""
    return (
        f"the depth images of {source.name} contradict its given poses "
        f"({100 * as_given:.0f} % of their points are seen again where they should be); "
        + (f"{best} ({100 * readings[best]:.0f} %)" if is_better else "no other reading fits them")
    )


def _views(source: Source, poses: Trajectory, config: PlaybackConfig) -> tuple[list[_View], Poses]:
    """Read frames that have a pose, near enough to each other to see the same."""
    known = np.isfinite(poses.Ts_world_camera).all(axis=(1, 2))
    frames, in_poses = associate(source.timestamps_s, poses.timestamps_s[known])
    step = min(_MOST_APART, max(1, len(frames) // _NUM_FRAMES))
    picks = range(0, len(frames), step)[:_NUM_FRAMES]
    views, Ts = [], []
    for pick in picks:
        try:
            depth_m = source.read(int(frames[pick])).depth_m
        except BadFrameError:
            continue
        views.append(_view(depth_m, source.camera, config))
        Ts.append(poses.Ts_world_camera[known][in_poses[pick]])
    return views, np.array(Ts).reshape(-1, 4, 4)


def _view(depth_m: Float32[np.ndarray, "h w"], camera: Camera, config: PlaybackConfig) -> _View:
    v, u = np.mgrid[_STEP // 2 : camera.height : _STEP, _STEP // 2 : camera.width : _STEP]
    z = depth_m[v, u].astype(np.float64)
    is_read = np.isfinite(z) & (z > config.min_depth_m)
    return _View(camera.unproject(u[is_read], v[is_read], z[is_read]), depth_m)


def _of_ray_lengths(view: _View, camera: Camera) -> _View:
    """Return what a view shows if its readings are distances along the rays."""
    lengths = np.linalg.norm(view.points / view.points[:, 2:], axis=1)
    x, y = camera.slopes()
    z_of_ray = 1.0 / np.sqrt(x**2 + y[:, None] ** 2 + 1.0)
    return _View(view.points / lengths[:, None], (view.depth_m * z_of_ray).astype(np.float32))


def _pairs(num: int) -> Iterator[tuple[int, int]]:
    for gap in _GAPS:
        yield from ((i, i + gap) for i in range(num - gap))


def _share(views: list[_View], Ts_world_camera: Poses, camera: Camera, scale: float = 1.0) -> float:
    """Return the share of points that are seen again at their depth; of depth `scale` times as
    large.
    """
    num_points, num_seen, num_right = 0, 0, 0
    for i, j in _pairs(len(views)):
        T = np.linalg.inv(Ts_world_camera[j]) @ Ts_world_camera[i]
        points = views[i].points @ T[:3, :3].T + T[:3, 3] / scale
        u, v = camera.project(points)
        is_seen = camera.contains(u, v) & (points[:, 2] > 0)
        columns, rows = np.rint(u[is_seen]).astype(int), np.rint(v[is_seen]).astype(int)
        z, there = points[is_seen, 2], views[j].depth_m[rows, columns]
        is_read = there > 0
        num_points += len(points)
        num_seen += int(is_read.sum())
        num_right += int((np.abs(z - there)[is_read] < _TOLERANCE * z[is_read]).sum())
    return num_right / num_seen if num_seen > _LEAST_SEEN * num_points else 0.0


def _best_scale(views: list[_View], Ts_world_camera: Poses, camera: Camera) -> tuple[float, float]:
    shares = [_share(views, Ts_world_camera, camera, scale) for scale in _SCALES]
    best = int(np.argmax(shares))
    return float(_SCALES[best]), shares[best]
