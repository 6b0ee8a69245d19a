"""What `slam run` and `slam compare` do; each returns its exit code."""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

from slam.cli.progress import Progress, interruptible, say, summary, tell
from slam.config import Config, load_config
from slam.sources.base import Source, Stream
from slam.sources.playback import num_selected

if TYPE_CHECKING:
    from slam.runs.loop import Onlookers


def run(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.device import resolve
    from slam.maps.factory import kind_of
    from slam.runs.single import RunOptions
    from slam.runs.single import run as run_slam

    config = _config(options, overrides)
    kind = config.map if options.resume is None else kind_of(options.resume)
    run_options = RunOptions(
        options.out,
        options.source,
        options.use_gt_poses,
        options.resume,
        options.localize_only,
        resolve(options.device, config, [kind]),
    )
    with _session(options, config, [kind]) as (source, onlookers):
        metrics = run_slam(source, config, run_options, onlookers)
    say(summary(metrics))
    say(f"written to {options.out}")
    return 0


def compare(options: argparse.Namespace, overrides: dict[str, str]) -> int:
    from slam.device import resolve
    from slam.maps.factory import MAPS
    from slam.runs.compare import compare as compare_maps
    from slam.runs.single import RunOptions

    config = _config(options, overrides)
    run_options = RunOptions(
        options.out,
        options.source,
        resume=options.resume,
        localize_only=options.localize_only,
        device=resolve(options.device, config, list(MAPS)),
    )
    with _session(options, config, list(MAPS)) as (source, onlookers):
        comparison = compare_maps(source, config, run_options, onlookers)
    say(f"{comparison['frames']} frames, {comparison['fps']:.1f} fps for both")
    for name, metrics in comparison["maps"].items():
        say(f"{name}: {summary(metrics)}")
    say(f"written to {options.out}")
    return 0


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


@contextmanager
def _session(
    options: argparse.Namespace, config: Config, maps: Sequence[str]
) -> Iterator[tuple[Source | Stream, "Onlookers"]]:
    """Open the source, and who looks on while it goes through the systems."""
    from slam.control.hands import controlled
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
        stack.callback(viewer.close)
        controls = stack.enter_context(controlled(tell, port=port, host=options.host))
        progress = stack.enter_context(closing(Progress(num_selected(source, config.playback))))
        yield source, Onlookers([progress], viewer, controls)
