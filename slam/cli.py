"""The command line."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from slam.config import Config, load_config
from slam.errors import SlamError

logger = logging.getLogger("slam")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a mistake of the user is one line on stderr and exit code 2."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    parser = _parser()
    words = sys.argv[1:] if arguments is None else arguments
    options, rest = parser.parse_known_args(_joined(words))
    try:
        overrides = _overrides(rest, allowed=hasattr(options, "config"))
        return options.command(options, overrides)
    except SlamError as error:
        sys.stderr.write(f"slam: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("slam: interrupted\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slam", description="Real-time RGB-D SLAM.", allow_abbrev=False
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run SLAM over a recording", allow_abbrev=False)
    _add_run_options(run)
    run.set_defaults(command=_run)

    evaluate = commands.add_parser("eval", help="score a finished run", allow_abbrev=False)
    evaluate.add_argument("run", type=Path)
    evaluate.add_argument(
        "--gt-mesh", type=Path, help="true surface, in the world of the true poses"
    )
    evaluate.set_defaults(command=_eval)

    mesh = commands.add_parser("mesh", help="extract a run's mesh again", allow_abbrev=False)
    mesh.add_argument("run", type=Path)
    mesh.add_argument("--out", type=Path, help="default: mesh.ply in the run folder")
    mesh.set_defaults(command=_mesh)

    synth = commands.add_parser("synth", help="write a synthetic recording", allow_abbrev=False)
    synth.add_argument("directory", type=Path)
    synth.add_argument("--scene", default="room")
    synth.add_argument("--format", choices=("tum", "replica"), default="tum")
    synth.add_argument("--frames", type=int)
    synth.add_argument("--config", type=Path, action="append", default=[])
    synth.set_defaults(command=_synth)

    bench = commands.add_parser(
        "bench", help="speed and accuracy beside Open3D's dense SLAM", allow_abbrev=False
    )
    _add_bench_options(bench)
    bench.set_defaults(command=_bench)

    doctor = commands.add_parser("doctor", help="check the installation", allow_abbrev=False)
    doctor.set_defaults(command=_doctor)
    return parser


def _add_run_options(run: argparse.ArgumentParser) -> None:
    run.add_argument("source", help="a recording's folder, or synthetic[:NAME]")
    run.add_argument("--map", choices=("tsdf",))
    run.add_argument(
        "--config", type=Path, action="append", default=[], help="merged left to right"
    )
    run.add_argument("--out", type=Path, default=Path("runs/latest"))
    run.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    run.add_argument("--pace", choices=("max", "realtime"))
    run.add_argument("--deterministic", action="store_true", help="same input, same bits")
    run.add_argument("--limit", type=int, help="stop after so many frames")
    run.add_argument("--stride", type=int, help="use every n-th frame")
    run.add_argument("--viewer", choices=("none", "rerun"), default="none")
    run.add_argument("--use-gt-poses", action="store_true", help="map with the true poses")
    run.add_argument("--resume", type=Path, metavar="MAP", help="go on with a saved map")
    run.epilog = "Any field of the config can be set as --section.field VALUE."


def _add_bench_options(bench: argparse.ArgumentParser) -> None:
    bench.add_argument("source", nargs="?", default="synthetic:room", help="as for run")
    bench.add_argument("--maps", default="tsdf", help="separated by commas")
    bench.add_argument("--config", type=Path, action="append", default=[], help="as for run")
    bench.add_argument("--repeats", type=int, default=3)
    bench.add_argument("--limit", type=int, default=300, help="frames, kept in memory; 0 = all")
    bench.add_argument("--out", type=Path, metavar="FILE.json", help="write everything measured")
    bench.add_argument("--no-open3d", action="store_true", help="without Open3D")
    bench.add_argument("--open3d-limit", type=int, metavar="N", help="frames that Open3D runs")
    bench.epilog = "Any field of the config can be set as --section.field VALUE."


def _joined(arguments: Sequence[str]) -> list[str]:
    """Write `--section.field VALUE` as one word, or argparse would take VALUE for the source."""
    joined: list[str] = []
    words = iter(arguments)
    for word in words:
        is_override = word.startswith("--") and ("." in word or word == "--noise")
        value = next(words, None) if is_override and "=" not in word else None
        joined.append(word if value is None else f"{word}={value}")
    return joined


def _overrides(rest: list[str], allowed: bool) -> dict[str, str]:
    """Read `--section.field VALUE` and `--section.field=VALUE`; `--noise X` is short for
    `--noise.model X`.
    """
    overrides = {}
    words = iter(rest)
    for word in words:
        name, has_value, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not allowed:
            raise SlamError(f"unknown argument {word}; see slam --help")
        if name == "noise":
            name = "noise.model"
        if "." not in name:
            raise SlamError(f"unknown option --{name}; see slam --help")
        if not has_value:
            value = next(words, None)
            if value is None:
                raise SlamError(f"--{name} needs a value")
        overrides[name] = value
    return overrides


def _config(options: argparse.Namespace, overrides: dict[str, str]) -> Config:
    """Load the config files; the options of `run` that are config fields win over them."""
    flags = {
        "map": options.map,
        "deterministic": True if options.deterministic else None,
        "playback.pace": options.pace,
        "playback.limit": options.limit,
        "playback.stride": options.stride,
    }
    given = {name: str(value) for name, value in flags.items() if value is not None}
    return load_config(options.config, given | overrides)


def _run(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.run import RunOptions, run
    from slam.sources.detect import open_source

    if options.device == "cuda":
        raise SlamError("--device cuda: this version has no CUDA kernels; use --device cpu")
    if options.viewer != "none":
        raise SlamError("--viewer rerun: this version has no viewer; look at mesh.ply afterwards")
    config = _config(options, overrides)
    source = open_source(options.source, config)
    run_options = RunOptions(options.out, options.source, options.use_gt_poses, options.resume)
    with (
        tqdm(total=len(source.timestamps_s[:: config.playback.stride]), unit="frame") as bar,
        logging_redirect_tqdm(),
    ):

        def show(result, fps):
            bar.set_postfix_str(f"{fps:.1f} fps {result.state.value}", refresh=False)
            bar.update()

        metrics = run(source, config, run_options, show)
    _say(summary(metrics))
    _say(f"written to {options.out}")
    return 0


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


def _eval(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.evaluation.run import evaluate_run
    from slam.meshio import read_mesh
    from slam.output import load_run
    from slam.sources.detect import open_source
    from slam.sources.synthetic import SyntheticSource

    finished = load_run(options.run)
    # noise belongs to the recording that was read, not to its truth
    source = open_source(finished.metrics["source"], Config())
    if options.gt_mesh is not None:
        truth = read_mesh(options.gt_mesh)
    elif isinstance(source, SyntheticSource):
        truth = source.scene.mesh()
    else:
        truth = None
    metrics = evaluate_run(options.run, source, truth)
    _say(summary(metrics))
    for name, value in (metrics.get("mesh") or {}).items():
        _say(f"mesh {name}: {value:.4g}" if isinstance(value, float) else f"mesh {name}: {value}")
    return 0


def _mesh(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.maps.tsdf import TsdfMap
    from slam.meshio import write_ply
    from slam.output import load_run

    finished = load_run(options.run)
    if finished.map_path is None:
        raise SlamError(f"{options.run} has no saved map")
    mesh = TsdfMap.load(finished.map_path).mesh()
    path = options.out or options.run / "mesh.ply"
    write_ply(path, mesh)
    _say(f"{len(mesh.vertices_m)} vertices, {len(mesh.triangles)} triangles: {path}")
    return 0


def _synth(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.sources.noise import NoisySource
    from slam.sources.synthetic import open_synthetic
    from slam.synth import write_sequence

    config = load_config(options.config, overrides)
    source = open_synthetic(options.scene, options.frames)
    noisy = source if config.noise.model == "none" else NoisySource(source, config.noise)
    write_sequence(noisy, options.directory, options.format)
    _say(f"{len(source.timestamps_s)} frames of {source.name}: {options.directory}")
    return 0


def _bench(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.bench.report import bench, gather, write_report
    from slam.bench.table import table
    from slam.sources.detect import open_source

    frames = {"playback.pace": "max", "playback.limit": str(options.limit)}
    config = load_config(options.config, frames | overrides)
    maps = options.maps.split(",")
    contenders, absent = gather(maps, config, not options.no_open3d, options.open3d_limit)
    source = open_source(options.source, config)
    truth = source.ground_truth()
    with logging_redirect_tqdm(), tqdm(total=options.repeats * len(contenders), unit="run") as bar:

        def show(name, run):
            bar.set_postfix_str(f"{name} {run.fps or 0:.1f} fps", refresh=False)
            bar.update()

        report = bench(source, truth, config, contenders, absent, options.repeats, show)
    _say(table(report))
    if options.out is not None:
        write_report(options.out, report)
        _say(f"written to {options.out}")
    return 0


def _doctor(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.doctor import diagnose

    diagnosis = diagnose()
    _say("\n".join(diagnosis.lines))
    return 0 if diagnosis.is_healthy else 1


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
