"""Options that several commands share, and the many of one."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from slam.cli.fields import add_fields


def add_session_options(
    parser: argparse.ArgumentParser, uses: Sequence[str], default_out: Path
) -> None:
    """Add what `run` and `compare` share."""
    parser.set_defaults(default_out=default_out)
    parser.add_argument("--out", type=Path, help=f"default: {default_out}")
    add_config(parser, uses)
    add_device(parser)
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


def add_batch_options(parser: argparse.ArgumentParser, uses: Sequence[str]) -> None:
    """Add what `batch` takes beside its sources."""
    add_maps(parser)
    parser.add_argument(
        "--set",
        dest="sweeps",
        action="append",
        default=[],
        metavar="SECTION.FIELD=VALUE,VALUE",
        help="run with each of these values; of several --set, with every combination",
    )
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="runs of each")
    add_config(parser, uses)
    add_device(parser)
    parser.add_argument("--out", type=Path, default=Path("runs/batch"), help="default: runs/batch")
    parser.add_argument(
        "--workers", type=int, metavar="N", help="jobs at once; 1: in this process, without Ray"
    )
    parser.add_argument(
        "--ray", metavar="ADDRESS", help="of a Ray cluster; without, one is started on this machine"
    )
    parser.add_argument("--cpus", type=int, metavar="N", help="of a job; default: all of a node")
    parser.add_argument(
        "--gpus", type=float, metavar="N", help="of a job; default: 1 where nodes have any"
    )


def add_maps(parser: argparse.ArgumentParser) -> None:
    """Add the maps of `compare` and `batch`."""
    parser.add_argument(
        "--maps",
        default="tsdf,neural",
        metavar="MAP,MAP",
        help="also with settings of their own: tsdf,neural,neural:neural.rays=512:neural.steps=2",
    )


def add_config(parser: argparse.ArgumentParser, uses: Sequence[str]) -> None:
    """Add the config's files and fields."""
    parser.add_argument(
        "--config", type=Path, action="append", default=[], help="YAML; merged left to right"
    )
    add_fields(parser, uses)


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the choice between CPU and GPU."""
    parser.add_argument(
        "--device",
        choices=("auto", "cpu", "cuda"),
        default="auto",
        help="auto: a GPU where there is one",
    )
