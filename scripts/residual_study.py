#!/usr/bin/env python3
"""What the neural map's learned residuals add to its base, and the TSDF map beside them.

At true poses and without limits of time, so that nothing but the maps differs; scores are those of
`slam eval` on held-out frames:

    scripts/residual_study.py synthetic:room --stride 8
    scripts/residual_study.py FOLDER --stride 4
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from slam.camera import DepthNoise
from slam.config import Config, NeuralConfig, PlaybackConfig, TsdfConfig
from slam.errors import SlamError
from slam.evaluation.rendering import RenderingScores, compare, summary
from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map
from slam.maps.neural.map import NeuralMap
from slam.maps.tsdf.map import TsdfMap
from slam.sources.detect import open_source
from slam.sources.holdout import HeldOut
from slam.sources.playback import playback
from slam.tracking.base import TrackState
from slam.tracking.given import GivenPoses

HOLDOUT = 10
NOTHING = TsdfMap(TsdfConfig(budget_mb=1), DepthNoise.rendered())  # tracked against by no one
POLISH_S = 600.0  # as long as it is of use
TIMELESS = NeuralConfig(budget_ms=0.0, polish_s=POLISH_S, adjust_poses=False)
VARIANTS = {
    "base alone": replace(TIMELESS, steps=0, first_steps=0),
    "and what is learned of colour": replace(TIMELESS, fine_rate=0.0),
    "and of distance": TIMELESS,
}


def posed_frames(spec: str, playing: PlaybackConfig) -> list[tuple[Frame, Transform]]:
    """Return the usable frames of a recording that have a true pose."""
    source = open_source(spec, Config(playback=playing))
    truth = source.ground_truth()
    if truth is None or not len(truth):
        raise SlamError(f"{spec} has no true poses")
    given, frames = GivenPoses(truth), list(playback(source, playing))
    results = [given.track(frame, NOTHING) for frame in frames]
    return [
        (frame, result.T_world_camera)
        for frame, result in zip(frames, results, strict=True)
        if result.state is TrackState.OK
    ]


def mapped(map_: Map, frames: Sequence[tuple[Frame, Transform]], held_out: HeldOut) -> Map:
    """Integrate all frames that are not held out."""
    for frame, T_world_camera in frames:
        if frame.index not in held_out:
            map_.integrate(frame, T_world_camera)
    return map_


def scores(
    map_: Map, frames: Sequence[tuple[Frame, Transform]], held_out: HeldOut
) -> RenderingScores:
    """Score a map on the held-out frames."""
    return summary([compare(f, map_.render(f.camera, T)) for f, T in frames if f.index in held_out])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("source", help="as for slam run")
    parser.add_argument("--limit", type=int, default=0, help="frames read; 0 = all")
    parser.add_argument("--stride", type=int, default=1)
    options = parser.parse_args(arguments)
    playing = PlaybackConfig(limit=options.limit, stride=options.stride)
    frames = posed_frames(options.source, playing)
    held_out = HeldOut(HOLDOUT, options.stride)
    noise = frames[0][0].depth_noise
    print("| map | colour, dB | depth L1, cm | holes, % | MB |\n| --- | --- | --- | --- | --- |")

    def tell(name: str, map_: Map) -> None:
        s = scores(map_, frames, held_out)
        cells = f"{s.psnr_db:.2f} | {s.depth_l1_cm:.3f} | {100 * s.hole_ratio:.2f}"
        print(f"| {name} | {cells} | {map_.nbytes / 1e6:.0f} |", flush=True)

    tell("TSDF", mapped(TsdfMap(Config().tsdf, noise), frames, held_out))
    for name, config in VARIANTS.items():
        map_ = NeuralMap(config, noise)
        tell(name, mapped(map_, frames, held_out))
        if config is TIMELESS:
            map_.polish(lambda: False)
            tell("and polished", map_)
    return 0


if __name__ == "__main__":
    sys.exit(main())
