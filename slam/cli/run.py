"""What `slam run` and `slam compare` do; each returns its exit code."""

import argparse
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from slam.cli.fields import require_noise
from slam.cli.progress import Progress, interruptible, say, summary, tell
from slam.config import Config
from slam.config_file import load_config
from slam.sources.base import Source, Stream
from slam.sources.playback import num_selected

if TYPE_CHECKING:
    from slam.runs.loop import Onlookers
    from slam.viewer.base import Viewer

logger = logging.getLogger(__name__)


def run(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    from slam.device import resolve
    from slam.maps.factory import kind_of
    from slam.runs.single import RunOptions
    from slam.runs.single import run as run_slam

    config = _config(options, given)
    kind = config.map if options.resume is None else kind_of(options.resume)
    run_options = RunOptions(
        options.out,
        options.source,
        options.use_gt_poses,
        options.resume,
        options.localize_only,
        resolve(options.device, config, [kind]),
    )
    with ExitStack() as viewing:
        with _session(options, config, [kind], viewing) as (source, onlookers):
            metrics = run_slam(source, config, run_options, onlookers)
        say(summary(metrics))
        say(f"written to {options.out}")
        _wait_while_watched(onlookers.viewer)
    return 0


def compare(options: argparse.Namespace, given: Mapping[str, str]) -> int:
    from slam.device import resolve
    from slam.maps.factory import MAPS
    from slam.runs.compare import compare as compare_maps
    from slam.runs.single import RunOptions

    config = _config(options, given)
    run_options = RunOptions(
        options.out,
        options.source,
        resume=options.resume,
        localize_only=options.localize_only,
        device=resolve(options.device, config, list(MAPS)),
    )
    with ExitStack() as viewing:
        with _session(options, config, list(MAPS), viewing) as (source, onlookers):
            comparison = compare_maps(source, config, run_options, onlookers)
        say(f"{comparison['frames']} frames, {comparison['fps']:.1f} fps for both")
        for name, metrics in comparison["maps"].items():
            say(f"{name}: {summary(metrics)}")
        say(f"written to {options.out}")
        _wait_while_watched(onlookers.viewer)
    return 0


def _wait_while_watched(viewer: "Viewer") -> None:
    """Serve the viewer's page until no browser shows it, or until Ctrl-C."""
    if viewer.is_watched:
        tell("the viewer's page is served until it is closed; Ctrl-C ends it now")
    with suppress(KeyboardInterrupt):
        while viewer.is_watched:
            time.sleep(0.2)


def _config(options: argparse.Namespace, given: Mapping[str, str]) -> Config:
    from slam.sources.detect import is_stream
    from slam.sources.files import ROS_SUFFIXES, is_ros2_folder

    config = load_config(options.config, given)
    require_noise(config, given)
    path = Path(options.source)
    for section, is_used in (
        ("realsense", is_stream(options.source)),
        ("ros", path.suffix in ROS_SUFFIXES or is_ros2_folder(path)),
        ("synthetic", options.source.partition(":")[0] == "synthetic"),
        ("tsdf", config.map == "tsdf" or options.name == "compare"),
        ("neural", config.map == "neural" or options.name == "compare"),
    ):
        idle = [name for name in given if name.startswith(f"{section}.")]
        if idle and not is_used:
            logger.warning("--%s has no effect on this run", idle[0].replace("_", "-"))
    return config


@contextmanager
def _session(
    options: argparse.Namespace, config: Config, maps: Sequence[str], viewing: ExitStack
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
    with interruptible(), ExitStack() as stack:
        viewer = open_viewer(options.viewer, maps, live_truth(source), tell, options.host)
        viewing.callback(viewer.close)
        controls = stack.enter_context(controlled(tell, port=port, host=options.host))
        progress = stack.enter_context(closing(Progress(num_selected(source, config.playback))))
        yield source, Onlookers([progress], viewer, controls, tell)
