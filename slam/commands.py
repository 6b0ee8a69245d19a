"""What the command line's commands do; each returns its exit code."""

import argparse
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from slam.config import Config, load_config
from slam.errors import SlamError
from slam.sources.base import Source


def _config(options: argparse.Namespace, overrides: dict[str, str]) -> Config:
    """Load the config files; the options of `run` that are config fields win over them."""
    flags = {
        "map": options.map,
        "neural.field": options.field,
        "deterministic": True if options.deterministic else None,
        "holdout": options.holdout,
        "playback.pace": options.pace,
        "playback.limit": options.limit,
        "playback.stride": options.stride,
    }
    given = {name: str(value) for name, value in flags.items() if value is not None}
    return load_config(options.config, given | overrides)


def run(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.run import RunOptions
    from slam.run import run as run_slam
    from slam.sources.detect import open_source

    if options.device == "cuda":
        raise SlamError("--device cuda: this version has no CUDA kernels; use --device cpu")
    if options.viewer != "none":
        raise SlamError("--viewer rerun: this version has no viewer; look at mesh.ply afterwards")
    config = _config(options, overrides)
    source = open_source(options.source, config)
    run_options = RunOptions(
        options.out, options.source, options.use_gt_poses, options.resume, options.localize_only
    )
    with _interruptible(), tqdm(total=_num_frames(source, config), unit="frame") as bar:

        def show(snapshot):
            states = " ".join(system.result.state.value for system in snapshot.systems)
            bar.set_postfix_str(f"{snapshot.fps:.1f} fps {states}", refresh=False)
            bar.update()

        metrics = run_slam(source, config, run_options, [show])
    _say(summary(metrics))
    _say(f"written to {options.out}")
    return 0


@contextmanager
def _interruptible() -> Iterator[None]:
    """Raise KeyboardInterrupt on Ctrl-C, also where a shell started us with it ignored, and when a
    service manager ends us.
    """
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.default_int_handler) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _num_frames(source: Source, config: Config) -> int:
    num_frames = len(source.timestamps_s[:: max(1, config.playback.stride)])
    return min(num_frames, config.playback.limit or num_frames)


def summary(metrics: dict) -> str:
    """Return the line that ends a run."""
    parts = [
        f"{metrics['frames']} frames, {metrics['fps']:.1f} fps",
        f"tracked {metrics['tracked']}, lost {metrics['lost']}, ends {metrics['final_state']}",
        f"map {metrics['map_mb']:.0f} MB",
    ]
    if metrics.get("ate_rmse_m") is not None:
        parts.append(f"ATE {100 * metrics['ate_rmse_m']:.3f} cm")
    return "; ".join(parts)


def evaluate(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.evaluation.rendering import rendering_scores
    from slam.evaluation.run import evaluate_run
    from slam.meshio import read_mesh
    from slam.output import load_run
    from slam.sources.detect import open_source
    from slam.sources.synthetic import SyntheticSource

    finished = load_run(options.run)
    spec = finished.metrics["source"]
    source = open_source(spec, finished.config)
    clean = open_source(spec, Config())  # noise belongs to the recording, not to its truth
    truth, truth_sdf = None, None
    if options.gt_mesh is not None:
        truth = read_mesh(options.gt_mesh)
    elif isinstance(clean, SyntheticSource):
        truth, truth_sdf = clean.scene.mesh(), clean.scene.sdf
    rendering = rendering_scores(finished, source)
    metrics = evaluate_run(options.run, source, truth, truth_sdf, rendering)
    _say(summary(metrics))
    _say_scores("mesh", metrics.get("mesh") or {})
    _say_scores("rendering", metrics.get("rendering") or {})
    return 0


def extract_mesh(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.maps.factory import load_map
    from slam.maps.neural.map import NeuralMap
    from slam.maps.resample import resample
    from slam.maps.tsdf import TsdfMap
    from slam.meshio import write_ply
    from slam.output import load_run

    finished = load_run(options.run)
    if finished.map_path is None:
        raise SlamError(f"{options.run} has no saved map")
    map_ = load_map(finished.map_path)
    size_m = options.voxel_size_m
    if size_m is not None and not 0.001 <= size_m <= 0.5:
        raise SlamError(f"--voxel-size-m must be in 0.001 .. 0.5, got {size_m:g}")
    if isinstance(map_, NeuralMap):
        mesh = map_.mesh(size_m)
    elif isinstance(map_, TsdfMap) and size_m is not None:
        mesh = resample(map_, size_m).mesh()
    else:
        mesh = map_.mesh()
    mesh = mesh if options.predicted == "yes" else mesh.observed()
    path = options.out or options.run / "mesh.ply"
    write_ply(path, mesh)
    _say(f"{len(mesh.vertices_m)} vertices, {len(mesh.triangles)} triangles: {path}")
    return 0


def export(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.export.run import ExportOptions, export_run

    choices = ExportOptions(options.predicted == "yes", options.every)
    _say(export_run(options.run, options.format, options.out, choices))
    return 0


def synth(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.sources.noise import NoisySource
    from slam.sources.synthetic import open_synthetic
    from slam.synth import write_sequence

    config = load_config(options.config, overrides)
    source = open_synthetic(options.scene, options.frames)
    noisy = source if config.noise.model == "none" else NoisySource(source, config.noise)
    write_sequence(noisy, options.directory, options.format)
    _say(f"{len(source.timestamps_s)} frames of {source.name}: {options.directory}")
    return 0


def bench(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.bench.report import bench as run_bench
    from slam.bench.report import gather, write_report
    from slam.bench.table import table
    from slam.sources.detect import open_source

    frames = {"playback.pace": "max", "playback.limit": str(options.limit)}
    config = load_config(options.config, frames | overrides)
    maps = options.maps.split(",")
    contenders, absent = gather(maps, config, not options.no_open3d, options.open3d_limit)
    source = open_source(options.source, config)
    truth = source.ground_truth()
    with tqdm(total=options.repeats * len(contenders), unit="run") as bar:

        def show(name, run):
            bar.set_postfix_str(f"{name} {run.fps or 0:.1f} fps", refresh=False)
            bar.update()

        report = run_bench(source, truth, config, contenders, absent, options.repeats, show)
    _say(table(report))
    if options.out is not None:
        write_report(options.out, report)
        _say(f"written to {options.out}")
    return 0


def doctor(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.doctor import diagnose

    diagnosis = diagnose()
    _say("\n".join(diagnosis.lines))
    return 0 if diagnosis.is_healthy else 1


def _say_scores(title: str, scores: dict) -> None:
    for name, value in scores.items():
        if value is not None:
            shown = f"{value:.4g}" if isinstance(value, float) else value
            _say(f"{title} {name}: {shown}")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
