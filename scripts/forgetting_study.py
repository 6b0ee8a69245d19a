#!/usr/bin/env python3
"""How well a map remembers the first room of the apartment after a walk through the other four.

SLAM runs over `synthetic:apartment`. When the camera leaves the first room, views from its time
there are rendered from the map, each from the pose that was estimated for it, and their depth is
compared with the exact rendering; the same views again just before the camera comes back, and after
the whole walk, whose last seconds are in the first room again. Prints a Markdown table. Most of the
mean error comes from few pixels beside depth edges, and holes that fill bring new ones: so changes
are those on the pixels that are hit each time, and the median stands beside the mean.

    scripts/forgetting_study.py [--map tsdf] [--deterministic] [--config FILE.yaml]
                                [--out FILE.json]
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from tqdm import tqdm

from slam.camera import Camera
from slam.config import Config
from slam.config_file import load_config
from slam.geometry import Transform, transform_points
from slam.maps.base import Map
from slam.maps.factory import new_map
from slam.sources.playback import playback
from slam.sources.synthetic import SyntheticSource, open_synthetic
from slam.system import Slam
from slam.tracking.base import Tracker, TrackState
from slam.tracking.factory import dense_tracker

ROOM_X_M, ROOM_Y_M = (0.0, 6.0), (0.0, 5.0)  # the living room, up to the middle of its inner walls
OUTER_WALL_M = 0.05  # taken with it, or rounding would drop its surface
VIEW_SCALE = 0.25


@dataclass(frozen=True)
class View:
    """A frame of the first visit, and its estimated pose in the world of the map."""

    index: int
    T_world_camera: Transform


@dataclass(frozen=True)
class DepthError:
    """Errors of depth where both renderings hit, and the share where only the truth does, of all
    pixels that show the room. Errors are None, and so is a change from or to one, without a pixel.
    """

    mean_cm: float | None
    median_cm: float | None
    common_mean_cm: float | None  # on the pixels that are hit each time
    change_percent: float | None  # of that, since the first time
    hole_share: float


def is_in_room(points: np.ndarray) -> np.ndarray:
    """Tell which points (..., 3) of the apartment's world are in the first room."""
    x, y = points[..., 0], points[..., 1]
    is_in = (x > ROOM_X_M[0] - OUTER_WALL_M) & (x < ROOM_X_M[1])
    return is_in & (y > ROOM_Y_M[0] - OUTER_WALL_M) & (y < ROOM_Y_M[1])


def first_visit(positions_m: np.ndarray) -> tuple[int, int]:
    """Return the first frame outside the room, and the first one that is inside again."""
    is_in = is_in_room(positions_m)
    if not is_in[0] or is_in.all():
        raise ValueError("the walk must begin in the first room and leave it")
    left = int(np.argmin(is_in))
    comes_back = is_in[left:].any()
    return left, left + int(np.argmax(is_in[left:])) if comes_back else len(positions_m)


def true_depth_m(
    source: SyntheticSource, views: Sequence[View], scale: float = VIEW_SCALE
) -> np.ndarray:
    """Render the views exactly, (n, h, w); 0 where something beside the first room is seen."""
    camera = source.camera.scaled(scale)
    depths_m = []
    for view in views:
        T_world_camera = source.ground_truth().Ts_world_camera[view.index]
        depth_m, _ = source.scene.render(camera, T_world_camera)
        is_room = is_in_room(_points(camera, depth_m, T_world_camera))
        depths_m.append(np.where(is_room, depth_m, np.float32(0)))
    return np.stack(depths_m)


def mapped_depth_m(
    map_: Map, camera: Camera, views: Sequence[View], scale: float = VIEW_SCALE
) -> np.ndarray:
    """Render the views from the map, (n, h, w)."""
    small = camera.scaled(scale)
    return np.stack([map_.render(small, view.T_world_camera).depth_m for view in views])


def depth_errors(true_m: np.ndarray, mapped_m: Sequence[np.ndarray]) -> list[DepthError]:
    """Compare what the map showed, time after time, with the truth."""
    is_true = true_m > 0
    is_common = is_true & np.all([depth_m > 0 for depth_m in mapped_m], axis=0)
    errors: list[DepthError] = []
    first_cm = None
    for depth_m in mapped_m:
        error_cm = 100.0 * np.abs(depth_m.astype(np.float64) - true_m)
        is_both = is_true & (depth_m > 0)
        common_cm = _or_none(np.mean, error_cm[is_common])
        first_cm = common_cm if first_cm is None else first_cm
        errors.append(
            DepthError(
                _or_none(np.mean, error_cm[is_both]),
                _or_none(np.median, error_cm[is_both]),
                common_cm,
                100.0 * (common_cm / first_cm - 1.0) if common_cm and first_cm else None,
                1.0 - float(is_both.sum() / max(is_true.sum(), 1)),
            )
        )
    return errors


def _or_none(statistic: Callable[[np.ndarray], np.floating], values: np.ndarray) -> float | None:
    return float(statistic(values)) if values.size else None


def _points(camera: Camera, depth_m: np.ndarray, T_world_camera: Transform) -> np.ndarray:
    """Return each pixel's point in the world, (h, w, 3)."""
    v, u = np.mgrid[: camera.height, : camera.width]
    rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones(u.shape)], 2)
    points = (rays * depth_m[..., None]).reshape(-1, 3)
    return transform_points(T_world_camera, points).reshape(*depth_m.shape, 3)


def study(
    source: SyntheticSource, config: Config, tracker: Tracker, map_: Map, view_every: int = 10
) -> dict[str, Any]:
    """Run SLAM over the source and measure three times."""
    left, back = first_visit(source.ground_truth().positions_m)
    moments = {"on leaving it": left, "before coming back": back, "after the walk": None}
    frames = iter(tqdm(playback(source, config.playback), unit="frame"))
    frame = next(frames, None)
    views: list[View] = []
    mapped_m: list[np.ndarray] = []
    num_frames = num_lost = 0
    for end in moments.values():
        slam = Slam(tracker, map_, config.deterministic)
        try:
            while frame is not None and (end is None or frame.index < end):
                result = slam.step(frame)
                is_view = frame.index < left and num_frames % view_every == 0
                if is_view and result.state is not TrackState.LOST:
                    views.append(View(frame.index, result.T_world_camera))
                num_frames += 1
                frame = next(frames, None)
        finally:
            slam.finish()  # measured is what was mapped of all frames, so each part ends its thread
        num_lost += slam.journal.count(TrackState.LOST)
        mapped_m.append(mapped_depth_m(map_, source.camera, views))
    errors = depth_errors(true_depth_m(source, views), mapped_m)
    return {
        "source": source.name,
        "map": config.map,
        "frames": num_frames,
        "lost": num_lost,
        "views": len(views),
        "left_at_frame": left,
        "back_at_frame": back,
        "errors": {name: asdict(error) for name, error in zip(moments, errors, strict=True)},
    }


def table(report: Mapping[str, Any]) -> str:
    """Lay out the errors as Markdown."""
    lines = [
        f"`{report['source']}`, map `{report['map']}`: {report['views']} views of the first room,"
        f" left at frame {report['left_at_frame']}, entered again at {report['back_at_frame']}"
        f" of {report['frames']}; {report['lost']} frames lost",
        "",
        "| first room rendered | mean error, cm | median | on common pixels | change | holes |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for moment, error in report["errors"].items():
        names = ("mean_cm", "median_cm", "common_mean_cm")
        cells = ["-" if error[name] is None else f"{error[name]:.3f}" for name in names]
        change = error["change_percent"]
        cells.append("-" if change is None else f"{change:+.1f} %")
        lines.append(f"| {moment} | {' | '.join(cells)} | {error['hole_share']:.2%} |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study, print the table and write the report."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--map", default="tsdf")
    parser.add_argument("--deterministic", action="store_true", help="no limits of time")
    parser.add_argument("--config", type=Path, action="append", default=[], help="as for slam run")
    parser.add_argument("--out", type=Path, metavar="FILE.json", help="write everything measured")
    options = parser.parse_args(arguments)
    config = load_config(
        options.config, {"map": options.map, "deterministic": str(options.deterministic)}
    )
    source = open_synthetic("apartment")
    map_ = new_map(config, source.depth_noise)
    report = study(source, config, dense_tracker(config.tracking), map_)
    print(table(report))
    if options.out is not None:
        options.out.write_text(json.dumps(report, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
