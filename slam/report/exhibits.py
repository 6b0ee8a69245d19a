"""What a report shows of meshes: its pictures, and the scores that need no ground truth."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from slam.config import PlaybackConfig
from slam.errors import SlamError
from slam.evaluation.disagreement import mesh_differences, worst_views
from slam.evaluation.recording import (
    RecordingErrors,
    RecordingScores,
    compare_with_recording,
    read_samples,
    read_usable,
)
from slam.evaluation.surface import Surface
from slam.evaluation.systems import SystemRun
from slam.maps.base import Mesh
from slam.meshio import import_open3d
from slam.report.gallery import (
    Place,
    disagreement_section,
    renders_section,
    truth_section,
)
from slam.report.html import plot, section
from slam.report.plots import plot_depth_errors
from slam.report.stage import Shown, Stage, set_stage
from slam.report.views import apart
from slam.sources.base import Source
from slam.trajectory import Trajectory

logger = logging.getLogger(__name__)
_NUM_SAMPLES = 24
_NUM_PLACES = 3
_NUM_WORST = 3
_NUM_CANDIDATES = 60


@dataclass(frozen=True)
class Exhibits:
    """Sections of a report, and what was measured for them; `scores` by the system's name."""

    html: str = ""
    scores: dict[str, RecordingScores] = field(default_factory=dict)
    mesh_difference: dict[str, Any] | None = None


def exhibit(
    systems: Sequence[SystemRun],
    source: Source | None,
    truth: Trajectory | None,
    gt_mesh: Mesh | None = None,
) -> Exhibits:
    """Measure and draw the meshes of systems; those without a mesh or without poses are left out.

    Without open3d, which casts the rays, there is nothing but a warning.
    """
    try:
        import_open3d()
    except SlamError as error:
        logger.warning("the report shows no meshes: %s", error)
        return Exhibits()
    stage = set_stage(systems, source, truth)
    if stage is None:
        return Exhibits()
    playback = _playback(systems)
    errors = {} if source is None else _recording_errors(stage, source, playback)
    html = renders_section(
        stage.shown,
        stage.camera,
        _places(stage, source, playback, _far_apart(stage)),
        stage.overviews,
    )
    difference = None
    if len(stage.shown) > 1:
        found = mesh_differences(
            [shown.observed.surface for shown in stage.shown],
            stage.camera,
            stage.Ts_world_camera[_spread(len(stage.frames), _NUM_CANDIDATES)],
        )
        names = [shown.name for shown in stage.shown]
        pairs = {f"{names[k]} - {names[j]}": pair for (k, j), pair in found.pairs.items()}
        difference = asdict(found.whole) | {
            "of": dict(zip(names, map(asdict, found.each), strict=True)),
            "pairs": {pair: asdict(between) for pair, between in pairs.items()},
        }
        worst = _places(stage, source, playback, _worst(stage))
        html += disagreement_section(
            stage.shown, stage.camera, worst, stage.overviews, found.whole, pairs
        )
    if gt_mesh is not None:
        html += truth_section(stage.shown, stage.overviews, Surface(gt_mesh))
    html += _depth_section(stage.shown, errors)
    return Exhibits(html, {name: found.scores for name, found in errors.items()}, difference)


def _recording_errors(
    stage: Stage, source: Source, playback: PlaybackConfig
) -> dict[str, RecordingErrors]:
    chosen = stage.frames[_spread(len(stage.frames), _NUM_SAMPLES)]
    samples = read_samples(source, chosen.tolist(), playback)
    if not samples:
        return {}
    return {
        shown.name: compare_with_recording(
            shown.observed.mesh, shown.observed.surface, shown.trajectory, samples
        )
        for shown in stage.shown
    }


def _far_apart(stage: Stage) -> list[int]:
    candidates = _spread(len(stage.frames), _NUM_SAMPLES)
    return [candidates[k] for k in apart(stage.Ts_world_camera[candidates], _NUM_PLACES)]


def _worst(stage: Stage) -> list[int]:
    candidates = _spread(len(stage.frames), _NUM_CANDIDATES)
    surfaces = [shown.observed.surface for shown in stage.shown]
    poses = stage.Ts_world_camera[candidates]
    return [candidates[k] for k in worst_views(surfaces, stage.camera, poses, _NUM_WORST)]


def _places(
    stage: Stage, source: Source | None, playback: PlaybackConfig, chosen: Sequence[int]
) -> list[Place]:
    places = []
    for k in chosen:
        frame = None if source is None else read_usable(source, int(stage.frames[k]), playback)
        places.append(Place(stage.Ts_world_camera[k], float(stage.times_s[k]), frame))
    return places


def _depth_section(shown: Sequence[Shown], errors: dict[str, RecordingErrors]) -> str:
    drawn = [
        (each.name, each.color, errors[each.name].errors_m)
        for each in shown
        if each.name in errors and len(errors[each.name].errors_m)
    ]
    if not drawn:
        return ""
    num_frames = max(found.scores.num_frames for found in errors.values())
    note = f"""Each mesh as seen from its system's own poses in {num_frames} frames, spread over
    those that all systems tracked, every 4th pixel in both directions where frame and mesh have
    depth."""
    png = plot_depth_errors(drawn)
    return section("Depth errors against the recording", plot("depth errors", png), note)


def _playback(systems: Sequence[SystemRun]) -> PlaybackConfig:
    """Return how the first run of ours read the recording."""
    runs = [system.run for system in systems if system.run is not None]
    return runs[0].config.playback if runs else PlaybackConfig()


def _spread(num: int, num_chosen: int) -> list[int]:
    """Choose places evenly spread over so many."""
    return np.linspace(0, num - 1, min(num, num_chosen)).round().astype(np.int64).tolist()
