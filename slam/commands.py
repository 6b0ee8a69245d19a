"""What the command line's commands do; each returns its exit code."""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

from slam.config import Config, load_config
from slam.errors import SlamError
from slam.sources.base import Source, Stream
from slam.sources.playback import num_selected
from slam.viewer.base import Snapshot

if TYPE_CHECKING:
    from slam.session import Onlookers


def _config(options: argparse.Namespace, overrides: dict[str, str]) -> Config:
    """Load the config files; the options of a session that are config fields win over them."""
    flags = {
        "map": getattr(options, "map", None),
        "compare.track_against": getattr(options, "track_against", None),
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
    from slam.maps.factory import kind_of
    from slam.run import RunOptions
    from slam.run import run as run_slam

    run_options = RunOptions(
        options.out, options.source, options.use_gt_poses, options.resume, options.localize_only
    )
    config = _config(options, overrides)
    kind = config.map if options.resume is None else kind_of(options.resume)
    with _session(options, config, [kind]) as (source, onlookers):
        metrics = run_slam(source, config, run_options, onlookers)
    _say(summary(metrics))
    _say(f"written to {options.out}")
    return 0


def compare(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.compare import compare as compare_maps
    from slam.maps.factory import MAPS
    from slam.run import RunOptions

    run_options = RunOptions(
        options.out,
        options.source,
        resume=options.resume,
        localize_only=options.localize_only,
    )
    config = _config(options, overrides)
    with _session(options, config, list(MAPS)) as (source, onlookers):
        comparison = compare_maps(source, config, run_options, onlookers)
    _say(f"{comparison['frames']} frames, {comparison['fps']:.1f} fps for both")
    for name, metrics in comparison["maps"].items():
        _say(f"{name}: {summary(metrics)}")
    _say(f"written to {options.out}")
    return 0


@contextmanager
def _session(
    options: argparse.Namespace, config: Config, maps: Sequence[str]
) -> Iterator[tuple[Source | Stream, "Onlookers"]]:
    """Open the source, and who looks on while it goes through the systems."""
    from slam.control.hands import controlled
    from slam.evaluation.live import live_truth
    from slam.session import Onlookers
    from slam.sources.detect import open_source_or_stream
    from slam.viewer.open import open_viewer

    if options.device == "cuda":
        raise SlamError("--device cuda: this version has no CUDA kernels; use --device cpu")
    source = open_source_or_stream(options.source, config)
    port = options.control_port
    if port is None and options.viewer in ("rerun", "web"):
        port = 0
    with _interruptible(), ExitStack() as stack:
        viewer = open_viewer(options.viewer, maps, live_truth(source), _tell, options.host)
        stack.callback(viewer.close)
        controls = stack.enter_context(controlled(_tell, port=port, host=options.host))
        progress = stack.enter_context(closing(_Progress(num_selected(source, config.playback))))
        yield source, Onlookers([progress], viewer, controls)


class _Progress:
    """A bar on the terminal from the first frame on, so that an error before stands alone."""

    def __init__(self, num_frames: int | None) -> None:
        self._num_frames = num_frames
        self._bar: tqdm | None = None

    def __call__(self, snapshot: Snapshot) -> None:
        """Show a finished frame."""
        states = " ".join(system.result.state.value for system in snapshot.systems)
        self.step(f"{snapshot.fps:.1f} fps {states}")

    def step(self, text: str) -> None:
        """Go on by a frame, of which this is to be said."""
        if self._bar is None:
            self._bar = tqdm(total=self._num_frames, unit="frame")
        self._bar.set_postfix_str(text, refresh=False)
        self._bar.update()

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()


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


def summary(metrics: dict) -> str:
    """Return the line that ends a run."""
    if "fps" in metrics:
        parts = [
            f"{metrics['frames']} frames, {metrics['fps']:.1f} fps",
            f"tracked {metrics['tracked']}, lost {metrics['lost']}, ends {metrics['final_state']}",
            f"map {metrics['map_mb']:.0f} MB",
        ]
    else:  # another system's
        parts = [f"tracked {metrics['tracked']}"]
    if metrics.get("ate_rmse_m") is not None:
        parts.append(f"ATE {100 * metrics['ate_rmse_m']:.3f} cm")
    return "; ".join(parts)


def evaluate(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.evaluation.results import evaluate_results

    systems, report_path = evaluate_results(
        options.runs, options.source, options.gt_mesh, options.out
    )
    for system in systems:
        name = f"{system.name}: " if len(systems) > 1 else ""
        _say(name + summary(system.metrics))
        for title in ("mesh", "recording", "rendering"):
            _say_scores(name + title, system.metrics.get(title) or {})
    _say(f"written to {report_path}")
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


def record(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.sources.realsense.open import record_camera

    config = load_config(options.config, overrides).realsense
    with _interruptible(), closing(_Progress(options.limit or None)) as progress:

        def show(recorded) -> None:
            progress.step(f"{recorded.dropped} dropped")

        recorded = record_camera(config, options.target, options.limit, show)
    _say(f"{recorded.frames} frames, {recorded.dropped} dropped: {options.target}")
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


def _tell(text: str) -> None:
    """Write a line beside the progress bar."""
    tqdm.write(text, file=sys.stderr)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
