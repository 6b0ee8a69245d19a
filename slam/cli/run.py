"""What `slam run` and `slam compare` do; each returns its exit code."""

import argparse
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slam.cli.fields import require_noise
from slam.cli.progress import Progress, say, summary, tell
from slam.cli.signals import Ending, ended_by_signals
from slam.config import Config
from slam.config_file import load_config
from slam.errors import SlamError
from slam.sources.base import Source, Stream
from slam.sources.playback import num_selected

if TYPE_CHECKING:
    from slam.device import Device
    from slam.runs.finished import Run
    from slam.runs.loop import Onlookers
    from slam.runs.single import RunOptions
    from slam.viewer.base import Viewer

logger = logging.getLogger(__name__)


def run(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    with ended_by_signals(is_restored=not options.is_own_process) as ending:
        return _run(options, given, ending)


def compare(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    with ended_by_signals(is_restored=not options.is_own_process) as ending:
        return _compare(options, given, ending)


def _run(options: argparse.Namespace, given: Mapping[str, str], ending: Ending) -> int:
    from slam.device import resolve
    from slam.maps.factory import kind_of
    from slam.runs.checkpoint import earlier_of
    from slam.runs.single import run as run_slam

    options, finished = _resumed(options)
    config = load_config(options.config, given)
    _check(options, config, given, [config.map])
    kind = config.map if options.resume is None else kind_of(options.resume)
    run_options = replace(
        _run_options(options, resolve(options.device, config, [kind])),
        use_gt_poses=options.use_gt_poses,
        earlier=None if finished is None else earlier_of(finished),
        begun_with=None if finished is None else finished.metrics.get("begun_with"),
        notes=[] if options.resume is None else _overridden(given, kind, options.resume),
    )
    with ExitStack() as viewing:
        with _session(options, config, [kind], ending, viewing) as (source, onlookers):
            metrics = run_slam(source, config, run_options, onlookers)
        _say_result(metrics)
        say(f"written to {run_options.out}")
        _wait_while_watched(onlookers.viewer, ending)
    return 0 if metrics["tracked"] else 1


def _compare(options: argparse.Namespace, given: Mapping[str, str], ending: Ending) -> int:
    from slam.runs.compare import compare as compare_maps
    from slam.runs.variants import shared_device, variants_of

    config = load_config(options.config, given)
    variants = variants_of(options.maps, config)
    if len(variants) < 2:
        raise SlamError(f"--maps {options.maps}: a comparison needs two maps; slam run takes one")
    _check(options, config, given, [variant.config.map for variant in variants])
    run_options = _run_options(options, shared_device(options.device, variants))
    names = [variant.name for variant in variants]
    with ExitStack() as viewing:
        with _session(options, config, names, ending, viewing) as (source, onlookers):
            comparison = compare_maps(source, variants, run_options, onlookers)
        together = "both" if len(variants) == 2 else f"all {len(variants)}"
        say(f"{comparison['frames']} frames, {comparison['fps']:.1f} fps for {together}")
        for name, metrics in comparison["maps"].items():
            _say_result(metrics, f"{name}: ")
        say(f"written to {run_options.out}")
        _wait_while_watched(onlookers.viewer, ending)
    return 0 if any(metrics["tracked"] for metrics in comparison["maps"].values()) else 1


def _say_result(metrics: dict[str, Any], prefix: str = "") -> None:
    for line in [summary(metrics), *metrics.get("notes", [])]:
        say(prefix + line)


def _run_options(options: argparse.Namespace, device: "Device") -> "RunOptions":
    from slam.runs.single import RunOptions
    from slam.sources.detect import absolute

    return RunOptions(
        options.out or options.default_out,
        absolute(options.source),
        resume=options.resume,
        localize_only=options.localize_only,
        device=device,
    )


def _resumed(options: argparse.Namespace) -> tuple[argparse.Namespace, "Run | None"]:
    """Return the options with the map of a run to resume in place of the run; without a source,
    those that go on with the run itself, and that run.
    """
    if options.resume is None or not options.resume.is_dir():
        if options.source is None:
            raise SlamError("the following arguments are required: source; see slam run --help")
        return options, None
    from slam.runs.checkpoint import resumable
    from slam.runs.finished import load_run

    path = options.resume
    finished = load_run(path)
    changed = argparse.Namespace(**vars(options))
    changed.resume = resumable(finished, path)
    if options.source is not None:
        return changed, None
    changed.source = str(finished.metrics.get("source"))
    if changed.source == "realsense":
        raise SlamError(
            f"{path} is of a live camera, whose run is over: "
            f"give its map, slam run realsense --resume {changed.resume}"
        )
    changed.config = [path / "config.yaml", *options.config]
    changed.out = options.out or path
    is_same = changed.out.resolve() == path.resolve()
    if not is_same:
        raise SlamError(f"a run goes on in its own folder: leave out --out {options.out}")
    return changed, finished


def _overridden(given: Mapping[str, str], kind: str, path: Path) -> list[str]:
    """Return a line for each option that a saved map has decided already."""
    from slam.maps.factory import SET_ANEW

    names = [
        name
        for name, text in given.items()
        if (name == "map" and text != kind)
        or (name.startswith(f"{kind}.") and name.removeprefix(f"{kind}.") not in SET_ANEW[kind])
    ]
    return [
        f"--{name.replace('_', '-')} {given[name]} has no effect: {path} decides it"
        for name in names
    ]


def _wait_while_watched(viewer: "Viewer", ending: Ending) -> None:
    """Serve the viewer's page until no browser shows it, or until Ctrl-C; a run that a signal has
    ended waits for nobody.
    """
    if ending.is_asked or not viewer.is_watched:
        return
    tell("the viewer's page is served until it is closed; Ctrl-C ends it now")
    with suppress(KeyboardInterrupt):
        ending.controls = None  # all is written: Ctrl-C is an interrupt again
        while viewer.is_watched:
            time.sleep(0.2)


def _check(
    options: argparse.Namespace, config: Config, given: Mapping[str, str], kinds: Sequence[str]
) -> None:
    """Refuse noise that would not be added, and warn of other options that have no effect on a run
    with these kinds of maps.
    """
    from slam.maps.factory import KINDS
    from slam.sources.detect import is_stream
    from slam.sources.files import ROS_SUFFIXES, is_ros2_folder

    require_noise(config, given)
    path = Path(options.source)
    for section, is_used in (
        ("realsense", is_stream(options.source)),
        ("ros", path.suffix in ROS_SUFFIXES or is_ros2_folder(path)),
        ("synthetic", options.source.partition(":")[0] == "synthetic"),
        *((kind, kind in kinds) for kind in KINDS),
    ):
        idle = [name for name in given if name.startswith(f"{section}.")]
        if idle and not is_used and not options.resume:
            logger.warning("--%s has no effect on this run", idle[0].replace("_", "-"))


@contextmanager
def _session(
    options: argparse.Namespace,
    config: Config,
    names: Sequence[str],
    ending: Ending,
    viewing: ExitStack,
) -> Iterator[tuple[Source | Stream, "Onlookers"]]:
    """Open the source, and who looks on while it goes through the systems."""
    from slam.control.remote import controlled
    from slam.evaluation.live import live_truth
    from slam.runs.loop import Onlookers
    from slam.sources.detect import open_source_or_stream
    from slam.viewer.open import open_viewer

    source = open_source_or_stream(options.source, config)
    port = options.control_port
    if port is None and options.viewer in ("rerun", "web"):
        port = 0
    with ExitStack() as stack:
        viewer = open_viewer(options.viewer, names, live_truth(source), tell, options.host)
        viewing.callback(viewer.close)
        controls = stack.enter_context(controlled(tell, port=port, host=options.host))
        ending.controls = controls
        progress = stack.enter_context(closing(Progress(num_selected(source, config.playback))))
        yield source, Onlookers([progress], viewer, controls, tell)
