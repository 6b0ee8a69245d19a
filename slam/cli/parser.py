"""The command line."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from slam.cli import run as sessions
from slam.cli import tools
from slam.errors import SlamError

SHORT_FOR = {"noise": "noise.model", "motion": "synthetic.motion"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a mistake of the user is one line on stderr and exit code 2."""
    _log_to_terminal()
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


class _BesideProgressBar(logging.Handler):
    """Writes to stderr without breaking a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        tqdm.write(self.format(record), file=sys.stderr)


def _log_to_terminal() -> None:
    """Show warnings; the run's own log file takes everything from INFO on."""
    handler = _BesideProgressBar(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.getLogger().handlers = [handler]
    logging.getLogger("slam").setLevel(logging.INFO)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="slam", description="Real-time RGB-D SLAM.", allow_abbrev=False
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    run = subparsers.add_parser("run", help="run SLAM over a recording", allow_abbrev=False)
    _add_run_options(run)
    run.set_defaults(command=sessions.run)

    compare = subparsers.add_parser(
        "compare", help="run SLAM with both maps over a recording, side by side", allow_abbrev=False
    )
    _add_compare_options(compare)
    compare.set_defaults(command=sessions.compare)

    evaluate = subparsers.add_parser(
        "eval", help="score finished runs, and compare several", allow_abbrev=False
    )
    evaluate.add_argument(
        "runs",
        type=Path,
        nargs="+",
        metavar="RUN",
        help="a run folder, or another system's: trajectory.txt (TUM format), mesh.ply",
    )
    evaluate.add_argument(
        "--gt-mesh", type=Path, help="true surface, in the world of the true poses"
    )
    evaluate.add_argument("--source", help="the recording; default: that of our runs")
    evaluate.add_argument(
        "--out",
        type=Path,
        metavar="FILE.html",
        help="where the report goes; of several runs: default comparison.html",
    )
    evaluate.set_defaults(command=tools.evaluate)

    mesh = subparsers.add_parser("mesh", help="extract a run's mesh again", allow_abbrev=False)
    mesh.add_argument("run", type=Path)
    mesh.add_argument("--voxel-size-m", type=float, help="another resolution than the map's")
    mesh.add_argument(
        "--predicted",
        choices=("yes", "no"),
        default="yes",
        help="with the surface that no camera has seen, where the map predicts it",
    )
    mesh.add_argument("--out", type=Path, help="default: mesh.ply in the run folder")
    mesh.set_defaults(command=tools.extract_mesh)

    export = subparsers.add_parser("export", help="write a run for other tools", allow_abbrev=False)
    export.add_argument("run", type=Path)
    export.add_argument(
        "--format", required=True, help="ply, glb, points (a PLY), tum, kitti or nerfstudio"
    )
    export.add_argument("--out", type=Path, help="default: into the folder export of the run")
    export.add_argument(
        "--predicted", choices=("yes", "no"), default="yes", help="as for mesh; nerfstudio: no"
    )
    export.add_argument(
        "--every", type=int, metavar="N", help="nerfstudio: every n-th frame, not keyframes"
    )
    export.set_defaults(command=tools.export)

    synth = subparsers.add_parser("synth", help="write a synthetic recording", allow_abbrev=False)
    synth.add_argument("directory", type=Path)
    synth.add_argument("--scene", default="room")
    synth.add_argument("--format", choices=("tum", "replica"), default="tum")
    synth.add_argument("--frames", type=int)
    synth.add_argument("--config", type=Path, action="append", default=[])
    synth.set_defaults(command=tools.synth)

    record = subparsers.add_parser("record", help="record a RealSense camera", allow_abbrev=False)
    record.add_argument(
        "target", type=Path, help="a FILE.db3 of the vendor's SDK, or a new folder of images"
    )
    record.add_argument("--limit", type=int, default=0, help="frames; 0 = until Ctrl-C")
    record.add_argument("--config", type=Path, action="append", default=[], help="as for run")
    record.epilog = "The camera's settings are fields of the config: --realsense.fps 60."
    record.set_defaults(command=tools.record)

    bench = subparsers.add_parser(
        "bench", help="speed and accuracy beside Open3D's dense SLAM", allow_abbrev=False
    )
    _add_bench_options(bench)
    bench.set_defaults(command=tools.bench)

    doctor = subparsers.add_parser("doctor", help="check the installation", allow_abbrev=False)
    doctor.set_defaults(command=tools.doctor)
    return parser


def _add_run_options(run: argparse.ArgumentParser) -> None:
    _add_session_options(run, default_out=Path("runs/latest"))
    run.add_argument("--map", choices=("tsdf", "neural"))
    run.add_argument("--use-gt-poses", action="store_true", help="map with the true poses")
    run.add_argument("--resume", type=Path, metavar="MAP", help="go on with a saved map")


def _add_compare_options(compare: argparse.ArgumentParser) -> None:
    _add_session_options(compare, default_out=Path("runs/comparison"))
    compare.add_argument(
        "--track-against",
        choices=("own", "tsdf", "neural", "gt"),
        help="whose poses both maps get; own: each its own tracker's, the default",
    )
    compare.add_argument(
        "--resume", type=Path, metavar="DIR", help="go on with the maps of a comparison"
    )


def _add_session_options(parser: argparse.ArgumentParser, default_out: Path) -> None:
    """Add what `run` and `compare` share."""
    parser.add_argument("source", help="a recording, realsense (a camera), or synthetic[:NAME]")
    parser.add_argument(
        "--field",
        choices=("fused", "reference"),
        help="who trains the neural map; reference: torch",
    )
    parser.add_argument(
        "--config", type=Path, action="append", default=[], help="merged left to right"
    )
    parser.add_argument("--out", type=Path, default=default_out, help=f"default: {default_out}")
    _add_device(parser)
    parser.add_argument("--pace", choices=("max", "realtime"))
    parser.add_argument("--deterministic", action="store_true", help="same input, same bits")
    parser.add_argument("--limit", type=int, help="stop after so many frames")
    parser.add_argument("--stride", type=int, help="use every n-th frame")
    parser.add_argument(
        "--holdout", type=int, metavar="N", help="track but do not map every n-th frame"
    )
    parser.add_argument(
        "--viewer",
        default="none",
        metavar="none|rerun|web|FILE.rrd",
        help="a window, a page for a browser, or a recording for later",
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address that serves pages")
    parser.add_argument(
        "--control-port",
        type=int,
        metavar="PORT",
        help="of a page to pause, step, reset and save; 0: a free one, as with a viewer",
    )
    parser.add_argument(
        "--localize-only", action="store_true", help="leave the map of --resume as it is"
    )
    parser.epilog = "Any field of the config can be set as --section.field VALUE."


def _add_device(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="auto: a GPU where there is one",
    )


def _add_bench_options(bench: argparse.ArgumentParser) -> None:
    bench.add_argument("source", nargs="?", default="synthetic:room", help="as for run")
    bench.add_argument("--maps", default="tsdf", help="separated by commas")
    bench.add_argument("--config", type=Path, action="append", default=[], help="as for run")
    _add_device(bench)
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
        is_override = word.startswith("--") and ("." in word or word[2:] in SHORT_FOR)
        value = next(words, None) if is_override and "=" not in word else None
        joined.append(word if value is None else f"{word}={value}")
    return joined


def _overrides(rest: list[str], allowed: bool) -> dict[str, str]:
    """Read `--section.field VALUE` and `--section.field=VALUE`; `--noise X` is short for
    `--noise.model X`, `--motion X` for `--synthetic.motion X`.
    """
    overrides = {}
    words = iter(rest)
    for word in words:
        name, has_value, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not allowed:
            raise SlamError(f"unknown argument {word}; see slam --help")
        name = SHORT_FOR.get(name, name)
        if "." not in name:
            raise SlamError(f"unknown option --{name}; see slam --help")
        if not has_value:
            value = next(words, None)
            if value is None:
                raise SlamError(f"--{name} needs a value")
        overrides[name] = value
    return overrides
