"""Rendering scores: the final map against frames that it was not made of."""

import logging
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from slam.exposure import Gain, color_gain, exposed, sparse_colors, sparse_pixels
from slam.frame import Frame
from slam.journal import FrameRecord
from slam.maps.base import Map, Rendering
from slam.maps.factory import load_map
from slam.runs.finished import Run
from slam.runs.replay import replay
from slam.sources.base import Source
from slam.sources.holdout import HeldOut

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RenderingScores:
    """How held-out frames differ from the map; NaN where there is nothing to compare."""

    num_frames: int
    psnr_db: float  # mean over frames, of the pixels where the map shows something
    psnr_exposed_db: float  # the same at the exposure of the mapped frames before and after
    psnr_all_db: float  # mean over frames, of all pixels; black where the map shows nothing
    hole_ratio: float  # share of pixels where it shows nothing
    depth_l1_cm: float  # mean over the pixels where frame and map both have depth


@dataclass(frozen=True)
class FrameScores:
    """The same of one frame, its depth as a sum."""

    psnr_db: float
    psnr_exposed_db: float
    psnr_all_db: float
    hole_ratio: float
    depth_difference_m: float
    num_depths: int


def rendering_scores(run: Run, source: Source) -> RenderingScores | None:
    """Score a run's saved map at the final poses of its held-out frames; None if it has none.

    `source` is the recording as the run read it: with its noise.
    """
    if not run.config.holdout:
        return None
    if run.map_path is None:
        logger.warning("no rendering scores: the run has no saved map")
        return None
    map_ = load_map(run.map_path)
    held_out = HeldOut(run.config.holdout, run.config.playback.stride)
    records = [record for record in run.frames if record.index in held_out]
    mapped = [record for record in run.frames if record.index not in held_out]
    scores = []
    for frame, T_world_camera in replay(run, source, records):
        rendering = map_.render(source.camera, T_world_camera)
        gain = _gain(run, source, map_, _beside(mapped, frame.index))
        scores.append(compare(frame, rendering, gain))
    if not scores:
        logger.warning("no rendering scores: no held-out frame was tracked")
        return None
    return summary(scores)


def _beside(records: Sequence[FrameRecord], index: int) -> Sequence[FrameRecord]:
    """Return the records before and after a frame."""
    after = bisect(records, index, key=lambda record: record.index)
    return records[max(0, after - 1) : after + 1]


def _gain(run: Run, source: Source, map_: Map, records: Sequence[FrameRecord]) -> Gain:
    """Return the exposure of frames against the map: their geometric mean."""
    logs = []
    for frame, T_world_camera in replay(run, source, records):
        if frame.color is None:
            continue
        rendering = map_.render(frame.camera, T_world_camera)
        has_both = (sparse_pixels(frame.depth_m) > 0.0) & (sparse_pixels(rendering.depth_m) > 0.0)
        shown, seen = sparse_colors(rendering.color), sparse_colors(frame.color)
        gain = color_gain(shown[has_both], seen[has_both])
        if gain is not None:
            logs.append(np.log(gain))
    return np.exp(np.mean(logs, axis=0)) if logs else np.ones(3)


def compare(frame: Frame, rendering: Rendering, gain: Gain | None = None) -> FrameScores:
    """Compare a frame with what the map shows at its pose, and at its exposure if that is known."""
    is_shown = rendering.depth_m > 0.0
    has_both = is_shown & (frame.depth_m > 0.0)
    difference_m = rendering.depth_m[has_both].astype(np.float64) - frame.depth_m[has_both]
    shown = np.where(is_shown[..., None], rendering.color, np.uint8(0))
    color = frame.color
    return FrameScores(
        psnr_db=float("nan") if color is None else psnr_db(shown[is_shown], color[is_shown]),
        psnr_exposed_db=float("nan")
        if color is None or gain is None
        else psnr_db(exposed(shown[is_shown], gain), color[is_shown]),
        psnr_all_db=float("nan") if color is None else psnr_db(shown, color),
        hole_ratio=1.0 - float(np.mean(is_shown)),
        depth_difference_m=float(np.abs(difference_m).sum()),
        num_depths=len(difference_m),
    )


def psnr_db(a: UInt8[np.ndarray, "*pixels 3"], b: UInt8[np.ndarray, "*pixels 3"]) -> float:
    """Return the peak signal-to-noise ratio of RGB values; NaN without any."""
    if not a.size:
        return float("nan")
    squared_error = float(np.mean((a.astype(np.float64) - b) ** 2))
    return float(10.0 * np.log10(255.0**2 / squared_error)) if squared_error else float("inf")


def summary(scores: Sequence[FrameScores]) -> RenderingScores:
    """Return the scores of several frames as one."""
    num_depths = sum(frame.num_depths for frame in scores)
    difference_m = sum(frame.depth_difference_m for frame in scores)
    return RenderingScores(
        num_frames=len(scores),
        psnr_db=_mean([frame.psnr_db for frame in scores]),
        psnr_exposed_db=_mean([frame.psnr_exposed_db for frame in scores]),
        psnr_all_db=_mean([frame.psnr_all_db for frame in scores]),
        hole_ratio=_mean([frame.hole_ratio for frame in scores]),
        depth_l1_cm=100.0 * difference_m / num_depths if num_depths else float("nan"),
    )


def _mean(values: Sequence[float]) -> float:
    """Return the mean of the values that are not NaN; NaN if all are."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
