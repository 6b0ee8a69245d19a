#!/usr/bin/env python3
"""How the methods of the field compare on the same frames: forgetting, and convergence.

`forgetting`: the maps are built along `synthetic:apartment` with its true poses. From the frame on
which the camera leaves the first room, views of that room are rendered again and again and their
depth is compared with the exact one; the last seconds of the walk are in that room again. Drawn are
the neural map (a grid), the implicit map with iMAP's encoding (one network, which replays its
keyframes), the same without replay (`implicit.window` 1), and the hash, whose features are local,
without it.

`convergence`: the implicit map learns some frames of `synthetic:room`, round after round, with each
encoding. Drawn over the seconds of computing: by how much its distances are off within 5 cm of the
true surface, and how well it knows the colours there. Beside it, a view of each.

Images are a quarter as wide as the source's, and seconds are of the process's computing on one
thread, so that they do not depend on what else runs. Writes JSON and PNG files.

    scripts/methods_study.py forgetting|convergence [--out DIR] [--limit N] [--stride N]
        [--seconds S] [--encodings fourier,siren,hash,none] [--outputs sdf,occupancy,density]
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numba
import numpy as np
from forgetting_study import View, depth_errors, first_visit, mapped_depth_m, true_depth_m
from methods_plots import draw_convergence, draw_forgetting
from tqdm import tqdm

from slam.config import Config, ImplicitConfig, without_time_budget
from slam.frame import Frame
from slam.geometry import transform_points
from slam.imageio import FAST_PNG, write_image
from slam.maps.base import Map
from slam.maps.factory import new_map
from slam.sources.synthetic import SyntheticSource, open_synthetic

SCALE = 0.25
VIEW_SCALE = 0.0625
NUM_VIEWS = 4
MOMENTS = 12
POINT_STEP = 5  # pixels from one true surface point to the next


def small_frame(source: SyntheticSource, index: int) -> Frame:
    """Render a frame of a source in a quarter of its resolution."""
    camera = source.camera.scaled(SCALE)
    depth_m, color = source.scene.render(camera, source.ground_truth().Ts_world_camera[index])
    time_s = float(source.timestamps_s[index])
    return Frame(index, time_s, camera, depth_m, color, source.depth_noise)


def forgetting(
    configs: Mapping[str, Config], source: SyntheticSource, indices: Sequence[int]
) -> Any:
    """Map the frames with every config; return how the first room looks to each as time goes on,
    how large each map is then, and how many frames it has taken a second of computing until then.
    """
    truth = source.ground_truth()
    left, back = first_visit(truth.positions_m)
    inside = [index for index in indices if index < left]
    pick = np.linspace(0, len(inside) - 1, NUM_VIEWS).round().astype(int)
    views = [View(inside[i], truth.Ts_world_camera[inside[i]]) for i in np.unique(pick)]
    true_m = true_depth_m(source, views, VIEW_SCALE)
    after = [index for index in indices if index >= left]
    measured = {after[i] for i in np.linspace(0, len(after) - 1, MOMENTS).astype(int)}
    maps = {name: new_map(config, source.depth_noise) for name, config in configs.items()}
    rows: dict[str, list[dict[str, float | None]]] = {name: [] for name in maps}
    spent_s = dict.fromkeys(maps, 0.0)
    for number, index in enumerate(tqdm(indices, unit="frame"), start=1):
        frame = small_frame(source, index)
        for name, map_ in maps.items():
            start_s = time.thread_time()
            map_.integrate(frame, truth.Ts_world_camera[index])
            spent_s[name] += time.thread_time() - start_s
            if index in measured:
                shown_m = mapped_depth_m(map_, source.camera, views, VIEW_SCALE)
                error = depth_errors(true_m, [shown_m])[0]
                is_both = (true_m > 0) & (shown_m > 0)
                wrong = float(np.mean(np.abs(shown_m - true_m)[is_both] > 0.05))
                rows[name].append(
                    {
                        "frame": index, "mean_cm": error.mean_cm, "median_cm": error.median_cm,
                        "wrong": wrong, "holes": error.hole_share, "map_mb": map_.nbytes / 1e6,
                        "frames_a_second": number / max(spent_s[name], 1e-9),
                    }
                )  # fmt: skip
    return {"left_at_frame": left, "back_at_frame": back, "rows": rows}


@dataclass(frozen=True)
class Surface:
    """Points of the true surface and their colours; and points within 5 cm of it, with their true
    distances: a map that says 0 everywhere must not pass for a good one.
    """

    points: np.ndarray
    colors: np.ndarray
    near: np.ndarray
    near_sdf_m: np.ndarray


def true_surface(source: SyntheticSource, frames: Sequence[Frame]) -> Surface:
    """Return what some frames see, at one of `POINT_STEP` x `POINT_STEP` pixels."""
    points, colors = [], []
    for frame in frames:
        part = np.s_[2::POINT_STEP, 2::POINT_STEP]
        z = frame.depth_m[part]
        in_camera = frame.camera.unproject_image(frame.depth_m)[part][z > 0]
        T_world_camera = source.ground_truth().Ts_world_camera[frame.index]
        points.append(transform_points(T_world_camera, in_camera).astype(np.float32))
        colors.append(frame.color[part][z > 0] if frame.color is not None else 0)
    on = np.concatenate(points)
    near = on + np.random.default_rng(0).uniform(-0.05, 0.05, on.shape).astype(np.float32)
    return Surface(on, np.concatenate(colors), near, source.scene.sdf(near))


def convergence(
    map_: Map, source: SyntheticSource, frames: Sequence[Frame], surface: Surface, seconds: float
) -> list[dict[str, float]]:
    """Show the frames to a map again and again for so many seconds of computing."""
    rows: list[dict[str, float]] = []
    truth = source.ground_truth()
    spent_s = number = 0.0
    while spent_s < seconds or number < len(frames):
        frame = frames[int(number) % len(frames)]
        start_s = time.thread_time()
        map_.integrate(frame, truth.Ts_world_camera[frame.index])
        spent_s += time.thread_time() - start_s
        number += 1
        if number >= len(frames) and number % 3 == 0:
            rows.append({"seconds": spent_s, "frames": number} | surface_errors(map_, surface))
    return rows


def surface_errors(map_: Map, surface: Surface) -> dict[str, float]:
    """Return how far a map's distances near the true surface are off, and its colours on it."""
    samples = map_.query(surface.near)
    error_cm = 100.0 * np.abs(samples.sdf_m - surface.near_sdf_m)[samples.is_valid]
    squared = (map_.color(surface.points).astype(float) - surface.colors) ** 2
    return {
        "mean_cm": float(error_cm.mean()),
        "p95_cm": float(np.percentile(error_cm, 95)),
        "psnr_db": float(10.0 * np.log10(255.0**2 / squared.mean())),
    }


def shaded(map_: Map, frame: Frame, T_world_camera: np.ndarray) -> np.ndarray:
    """Return a view of a map: its colour above its shape."""
    view = map_.render(frame.camera, T_world_camera)
    toward = view.normals @ T_world_camera[:3, 2].astype(np.float32)
    gray = np.where(view.depth_m > 0, np.clip(40.0 - 200.0 * toward, 0, 255), 0)
    return np.concatenate([view.color, np.repeat(gray[..., None], 3, axis=2).astype(np.uint8)])


def study_forgetting(options: argparse.Namespace) -> Any:
    """Run and draw the first study."""
    source = open_synthetic("apartment")
    indices = range(0, len(source.timestamps_s), options.stride)[: options.limit or None]
    base = without_time_budget(Config())
    fourier, hashed = (
        replace(base, map="implicit", implicit=replace(base.implicit, encoding=encoding))
        for encoding in ("fourier", "hash")
    )
    configs = {
        "grid (neural)": replace(base, map="neural"),
        "one network (implicit, fourier)": fourier,
        "the same without replay": replace(fourier, implicit=replace(fourier.implicit, window=1)),
        "hash, without replay": replace(hashed, implicit=replace(hashed.implicit, window=1)),
    }
    found = forgetting(configs, source, indices)
    draw_forgetting(found, options.out / "forgetting.png")
    return found


def study_convergence(options: argparse.Namespace) -> Any:
    """Run and draw the second study."""
    source = open_synthetic("room")
    num = options.limit or 120
    frames = [small_frame(source, index) for index in range(0, num, options.stride)]
    surface = true_surface(source, frames)
    T_view = source.ground_truth().Ts_world_camera[frames[-1].index]
    rows, views = {}, []
    for output in options.outputs.split(","):
        for encoding in options.encodings.split(","):
            kind = ImplicitConfig(encoding=encoding, output=output, budget_ms=0.0, first_steps=10)
            map_ = new_map(Config(map="implicit", implicit=kind), source.depth_noise)
            name = encoding if output == "sdf" else f"{encoding}, {output}"
            rows[name] = convergence(map_, source, frames, surface, options.seconds)
            views.append(shaded(map_, frames[-1], T_view))
            print(name, rows[name][-1], flush=True)
    found = {"rows": rows}
    draw_convergence(found, options.out / "convergence.png")
    picture = np.concatenate(views, axis=1)
    write_image(options.out / "encodings.png", picture[..., ::-1], FAST_PNG)
    return found


STUDIES: dict[str, Callable[[argparse.Namespace], Any]] = {
    "forgetting": study_forgetting,
    "convergence": study_convergence,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a study."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("study", choices=STUDIES)
    parser.add_argument("--out", type=Path, default=Path("runs/methods"))
    parser.add_argument("--limit", type=int, default=0, help="frames; 0 = all")
    parser.add_argument("--stride", type=int, default=12)
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="of computing, of each encoding"
    )
    parser.add_argument("--encodings", default="fourier,siren,hash,none")
    parser.add_argument("--outputs", default="sdf")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    numba.set_num_threads(1)
    found = STUDIES[options.study](options)
    (options.out / f"{options.study}.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
