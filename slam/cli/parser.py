"""The command line: its commands, and what each of them takes beside fields of the config."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from slam.cli import run as sessions
from slam.cli import tools
from slam.cli.fields import described, given_fields, with_known_fields
from slam.cli.options import (
    add_batch_options,
    add_config,
    add_device,
    add_maps,
    add_session_options,
)
from slam.cli.progress import tell
from slam.errors import SlamError

SOURCE = "a recording, realsense (a camera), or synthetic[:NAME]"
MAPPING = (
    "deterministic", "fusion", "loops", "noise", "synthetic", "tsdf", "neural", "implicit",
    "tracking",
)  # fmt: skip
SESSION = (*MAPPING, "checkpoint_s", "holdout", "places", "playback", "realsense", "ros")
FRAMES_IN_MEMORY = tuple(  # all of playback but its pace
    f"playback.{name}" for name in ("start", "stride", "limit", "max_depth_m", "min_depth_m")
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; a mistake of the user is one line on stderr and exit code 2."""
    _log_to_terminal()
    try:
        words = with_known_fields(sys.argv[1:] if arguments is None else arguments)
        options, rest = _parser().parse_known_args(words)
        options.is_own_process = arguments is None
        for word in rest:
            kind = "option" if word.startswith("-") else "argument"
            raise SlamError(f"unknown {kind} {word}; see slam {options.name} --help")
        return options.command(options, given_fields(options, options.name, options.uses))
    except SlamError as error:
        sys.stderr.write(f"slam: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("slam: interrupted\n")
        return 130


class _BesideProgressBar(logging.Handler):
    """Writes to stderr without breaking a progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        tell(self.format(record))


def _log_to_terminal() -> None:
    """Show warnings; the run's own log file takes everything from INFO on."""
    handler = _BesideProgressBar(logging.WARNING)
    handler.setFormatter(logging.Formatter("%(levelname)s: %(message)s"))
    logging.getLogger().handlers = [handler]
    logging.getLogger("slam").setLevel(logging.INFO)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are of one line."""

    def error(self, message: str) -> NoReturn:
        raise SlamError(f"{message}; see {self.prog} --help")


class _Help(argparse.Action):
    """Shows what most people need, or, with the word `all`, every field of the config, too."""

    def __call__(self, parser, namespace, values, option_string=None) -> None:
        parser.print_help()
        uses = parser.get_default("uses")
        if uses and values == "all":
            sys.stdout.write(f"\n{described(uses)}\n")
        elif uses:
            sys.stdout.write("\nEvery field of the config is an option: --help all\n")
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="slam", description="Real-time RGB-D SLAM.", allow_abbrev=False)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, help: str, command: Callable[..., int], uses: Sequence[str] = ()
    ) -> argparse.ArgumentParser:
        added = subparsers.add_parser(name, help=help, allow_abbrev=False, add_help=False)
        added.add_argument("-h", "--help", nargs="?", metavar="all", action=_Help, help="show this")
        added.set_defaults(name=name, command=command, uses=uses)
        return added

    run = add("run", "run SLAM over a recording", sessions.run, ("map", *SESSION))
    run.add_argument("source", nargs="?", help=SOURCE)
    add_session_options(run, ("map", *SESSION), Path("runs/latest"))
    run.add_argument("--use-gt-poses", action="store_true", help="map with the true poses")
    run.add_argument(
        "--resume",
        type=Path,
        metavar="MAP|RUN",
        help="go on with a saved map; without a source, with a run that was ended early or killed",
    )

    compared = (*SESSION, "compare")
    compare = add(
        "compare", "run SLAM with several maps over a recording, side by side", sessions.compare,
        compared,
    )  # fmt: skip
    compare.add_argument("source", help=SOURCE)
    add_maps(compare)
    add_session_options(compare, compared, Path("runs/comparison"))
    compare.add_argument(
        "--resume", type=Path, metavar="DIR", help="go on with the maps of a comparison"
    )

    batch = add(
        "batch", "run every recording with every map and setting, into one table", tools.batch,
        SESSION,
    )  # fmt: skip
    batch.add_argument("sources", nargs="+", metavar="SOURCE", help=SOURCE)
    add_batch_options(batch, SESSION)

    evaluate = add("eval", "score finished runs, and compare several", tools.evaluate)
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

    mesh = add("mesh", "extract a run's mesh again", tools.extract_mesh)
    mesh.add_argument("run", type=Path)
    mesh.add_argument("--voxel-size-m", type=float, help="another resolution than the map's")
    mesh.add_argument(
        "--predicted",
        choices=("yes", "no"),
        default="yes",
        help="also the surface that no camera has seen, where the map predicts it, in a file of "
        "its own beside it: mesh_predicted.ply",
    )
    mesh.add_argument("--out", type=Path, help="default: mesh.ply in the run folder")

    rebuild = add("rebuild", "fuse a run's recording again at its final poses", tools.rebuild)
    rebuild.add_argument("run", type=Path, help="its map, mesh and report are replaced")
    rebuild.add_argument("--source", help="where the recording is now; default: where it was")
    add_device(rebuild)

    merge = add("merge", "make one map of runs that overlap", tools.merge)
    merge.add_argument(
        "runs", type=Path, nargs="+", metavar="RUN", help="the map is in the world of the first"
    )
    merge.add_argument("--out", type=Path, required=True, metavar="DIR", help="a new run folder")
    add_device(merge)

    export = add("export", "write a run for other tools", tools.export)
    export.add_argument("run", type=Path)
    export.add_argument(
        "--format", required=True, help="ply, glb, points (a PLY), tum, kitti or nerfstudio"
    )
    export.add_argument("--out", type=Path, help="default: into the folder export of the run")
    export.add_argument(
        "--predicted",
        choices=("yes", "no"),
        default="no",
        help="with the surface that no camera has seen: ply in a second file; nerfstudio: no",
    )
    export.add_argument(
        "--every", type=int, metavar="N", help="nerfstudio: every n-th frame, not keyframes"
    )

    synth = add("synth", "write a synthetic recording", tools.synth, ("noise", "synthetic"))
    synth.add_argument("directory", type=Path)
    synth.add_argument("--scene", default="room")
    synth.add_argument("--format", choices=("tum", "replica"), default="tum")
    add_config(synth, ("noise", "synthetic"))

    record = add("record", "record a RealSense camera", tools.record, ("realsense",))
    record.add_argument(
        "target", type=Path, help="a FILE.db3 of the vendor's SDK, or a new folder of images"
    )
    record.add_argument("--limit", dest="num_frames", type=int, default=0, help="0 = until Ctrl-C")
    add_config(record, ("realsense",))

    bench = add(
        "bench", "speed and accuracy beside Open3D's dense SLAM", tools.bench,
        (*FRAMES_IN_MEMORY, *MAPPING),
    )  # fmt: skip
    bench.epilog = "It keeps its frames in memory: the first 300, unless --limit says how many."
    bench.add_argument("source", nargs="?", default="synthetic:room", help="as for run")
    bench.add_argument("--maps", default="tsdf", help="separated by commas")
    add_config(bench, (*FRAMES_IN_MEMORY, *MAPPING))
    add_device(bench)
    bench.add_argument("--repeats", type=int, default=3)
    bench.add_argument("--out", type=Path, metavar="FILE.json", help="write everything measured")
    bench.add_argument("--no-open3d", action="store_true", help="without Open3D")
    bench.add_argument("--open3d-limit", type=int, metavar="N", help="frames that Open3D runs")

    add("doctor", "check the installation", tools.doctor)
    return parser
