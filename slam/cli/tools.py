"""What the other commands of the command line do; each returns its exit code."""

import argparse
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tqdm import tqdm

from slam.cli.fields import require_noise
from slam.cli.progress import BatchProgress, Progress, say, say_scores, summary, tell
from slam.cli.signals import ended_by_signals, interruptible
from slam.config_file import load_config
from slam.errors import SlamError

if TYPE_CHECKING:
    from slam.batch.runner import Runner

BENCH_LIMIT = "300"  # frames, which are kept in memory


def batch(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    from slam.batch.batch import batch as run_batch
    from slam.batch.plan import plan, sweeps_of

    config = load_config(options.config, given)
    sweeps = sweeps_of(options.sweeps)
    if not any(name.startswith("noise.") for name in sweeps):
        require_noise(config, given)
    jobs = plan(options.sources, options.maps, sweeps, options.repeat, config, options.device)
    with ExitStack() as stack:
        runner = _runner(options, stack)
        progress = stack.enter_context(closing(BatchProgress(len(jobs))))
        try:
            state = run_batch(jobs, options.out.absolute(), runner, progress)
        except KeyboardInterrupt:
            tell(f"interrupted: the same command goes on from what is in {options.out}")
            raise
    for outcome in state.failures:
        say(f"failed: {outcome.job}: {outcome.error}")
    num_done = len(jobs) - len(state.failures)
    say(f"{num_done} of {len(jobs)} runs done: {options.out / 'report.html'}, batch.csv, batch.tex")
    return 0 if num_done else 1


def _runner(options: argparse.Namespace, stack: ExitStack) -> "Runner":
    for name in ("workers", "cpus", "gpus"):
        number = getattr(options, name)
        if number is not None and number < (name != "gpus"):
            raise SlamError(f"--{name} {number:g}: at least {1 if name != 'gpus' else 0}")
    if options.workers != 1:
        from slam.batch.ray_runner import ray_runner

        stack.enter_context(ended_by_signals(is_restored=not options.is_own_process))
        return stack.enter_context(
            ray_runner(options.ray, options.cpus, options.gpus, options.workers, options.device)
        )
    for name in ("ray", "cpus", "gpus"):
        if getattr(options, name) is not None:
            raise SlamError(f"--{name} has no effect with --workers 1, which does without Ray")
    from slam.batch.runner import InTurn
    from slam.control.controls import Controls

    ending = stack.enter_context(ended_by_signals(is_restored=not options.is_own_process))
    ending.controls = Controls()
    return InTurn(ending.controls)


def evaluate(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    from slam.report.results import evaluate_results

    systems, report_path = evaluate_results(
        options.runs, options.source, options.gt_mesh, options.out
    )
    for system in systems:
        name = f"{system.name}: " if len(systems) > 1 else ""
        say(name + summary(system.metrics))
        for title in ("mesh", "recording", "rendering"):
            say_scores(name + title, system.metrics.get(title) or {})
    say(f"written to {report_path}")
    return 0


def extract_mesh(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    from slam.maps.factory import load_map
    from slam.meshio import predicted_path_of, write_ply
    from slam.runs.finished import load_run
    from slam.runs.pieces import in_main_piece

    finished = load_run(options.run)
    if finished.map_path is None:
        raise SlamError(f"{options.run} has no saved map")
    map_ = load_map(finished.map_path)
    mesh = in_main_piece(map_.mesh(options.voxel_size_m), finished.trajectory)
    mesh = mesh if options.predicted == "yes" else mesh.observed()
    path = options.out or options.run / "mesh.ply"
    if not len(mesh.observed().triangles):
        size = options.voxel_size_m
        where = "" if size is None else f" at --voxel-size-m {size:g}: give a smaller one"
        raise SlamError(f"the map of {options.run} has no surface{where}; {path} is not written")
    write_ply(path, mesh)
    for part, written in ((mesh.observed(), path), (mesh.predicted(), predicted_path_of(path))):
        if written.is_file():
            say(f"{len(part.vertices_m)} vertices, {len(part.triangles)} triangles: {written}")
    return 0


def rebuild(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    from slam.device import resolve
    from slam.runs.finished import load_run
    from slam.runs.rebuild import rebuild as rebuild_run

    config = load_run(options.run).config
    device = resolve(options.device, config, [config.map])
    with _shown_progress() as begin:
        metrics = rebuild_run(options.run, options.source, device, begin)
    say(f"{metrics['map']} map of {metrics['map_mb']:.0f} MB: {options.run}")
    return 0


def merge(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    from slam.device import resolve
    from slam.runs.finished import load_run
    from slam.runs.merge import merge as merge_runs

    config = load_run(options.runs[0]).config
    device = resolve(options.device, config, [config.map])
    with _shown_progress() as begin:
        metrics = merge_runs(options.runs, options.out, device, begin)
    say(
        f"{len(options.runs)} runs, joined by {metrics['joined_by']} places; "
        f"{metrics['map']} map of {metrics['map_mb']:.0f} MB: {options.out}"
    )
    return 0


@contextmanager
def _shown_progress() -> Iterator[Callable[[int], Callable[[], None]]]:
    """Return what begins a progress bar once the number of frames is known, and returns what counts
    one.
    """
    with ExitStack() as stack:

        def begin(num_frames: int) -> Callable[[], None]:
            progress = stack.enter_context(closing(Progress(num_frames)))
            return lambda: progress.step("")

        yield begin


def export(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    from slam.export.run import ExportOptions, export_run

    choices = ExportOptions(options.predicted == "yes", options.every)
    say(export_run(options.run, options.format, options.out, choices))
    return 0


def synth(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    from slam.sources.detect import open_source
    from slam.sources.sequence_writer import write_sequence

    config = load_config(options.config, given)
    require_noise(config, given)
    source = open_source(f"synthetic:{options.scene}", config)
    with closing(Progress(len(source.timestamps_s))) as progress:
        write_sequence(
            source, options.directory, options.format, on_frame=lambda: progress.step("")
        )
    say(f"{len(source.timestamps_s)} frames of {source.name}: {options.directory}")
    return 0


def record(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    from slam.sources.realsense.open import record_camera

    config = load_config(options.config, given).realsense
    with interruptible(), closing(Progress(options.num_frames or None)) as progress:

        def show(recorded) -> None:
            progress.step(f"{recorded.dropped} dropped")

        recorded = record_camera(config, options.target, options.num_frames, show)
    say(f"{recorded.frames} frames, {recorded.dropped} dropped: {options.target}")
    return 0


def bench(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    from slam.bench.benchmark import bench as run_bench
    from slam.bench.benchmark import gather, write_report
    from slam.bench.table import table
    from slam.device import resolve
    from slam.sources.detect import open_source

    config = load_config(options.config, {"playback.limit": BENCH_LIMIT, **given})
    config = replace(config, playback=replace(config.playback, pace="max"))
    require_noise(config, given)
    maps = options.maps.split(",")
    device = resolve(options.device, config, maps)
    contenders, absent = gather(maps, config, not options.no_open3d, options.open3d_limit, device)
    source = open_source(options.source, config)
    truth = source.ground_truth()
    with tqdm(total=options.repeats * len(contenders), unit="run") as bar:

        def show(name, run):
            bar.set_postfix_str(f"{name} {run.fps or 0:.1f} fps", refresh=False)
            bar.update()

        report = run_bench(source, truth, config, contenders, absent, options.repeats, show, device)
    say(table(report))
    if options.out is not None:
        write_report(options.out, report)
        say(f"written to {options.out}")
    return 0


def doctor(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    from slam.doctor import diagnose

    diagnosis = diagnose()
    say("\n".join(diagnosis.lines))
    return 0 if diagnosis.is_healthy else 1
