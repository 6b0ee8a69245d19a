#!/usr/bin/env python3
"""Both maps side by side: the tables of README.md and docs/neural_map.md, but for speeds.

Every row is of `slam run SOURCE ... --deterministic` (no limits of time, so that other jobs on the
machine change nothing) and `slam eval`; a run that was scored in an earlier call is not repeated:

    scripts/map_study.py [PART ...] [--maps tsdf,neural] [--data FOLDER] [--out FOLDER]

Parts: room, color, bedroom, unseen, thin, moving, apartment; noise is `noise_study.py` on
`synthetic:room`, forgetting `forgetting_study.py` with either map. The folder of data holds
`replica_bedroom` and `redkitchen`, default $SLAM_TEST_DATA.
"""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import forgetting_study
import noise_study
import numpy as np
import seen_surface_study
from scipy.spatial import cKDTree
from study_runs import ROOT, StudyError, measured

from slam.evaluation.surface import Surface
from slam.evaluation.trajectory import align_worlds
from slam.evaluation.world import moved_mesh
from slam.geometry import transform_points
from slam.meshio import read_mesh
from slam.runs.finished import load_run
from slam.sources.detect import open_source
from slam.sources.synthetic import SyntheticSource

NUM_POINTS = 200_000
THIN_M, WITHIN_M = 0.04, 0.005
OFF_FACE_M = 0.001  # so that a ray does not begin on the face

Cell = Callable[[Path, dict[str, Any]], str]


@dataclass(frozen=True)
class Row:
    """A row of the table: the run that it is of, and what its cell says."""

    title: str
    source: str
    words: tuple[str, ...]
    cell: Cell


def ate(_: Path, metrics: dict[str, Any]) -> str:
    return f"{100 * metrics['ate_rmse_m']:.3f} cm"


def observed(_: Path, metrics: dict[str, Any]) -> str:
    mesh = metrics["mesh"]
    within = f"{mesh['completion_ratio']:.2%}".replace("%", " %")
    return f"{mesh['accuracy_cm']:.3f} cm, {within}, {mesh['depth_l1_cm']:.3f} cm"


def whole(_: Path, metrics: dict[str, Any]) -> str:
    mesh = metrics["mesh"]
    said = f"{100 * mesh['whole_completion_ratio']:.1f} %"
    if mesh["whole_completion_ratio_predicted"] is not None:
        with_it = 100 * mesh["whole_completion_ratio_predicted"]
        said = f"{with_it:.1f} % ({said} without prediction)"
    return said


def predicted(_: Path, metrics: dict[str, Any]) -> str:
    error_cm = metrics["mesh"]["predicted_accuracy_cm"]
    return "-" if error_cm is None else f"{error_cm:.1f} cm"


def color(_: Path, metrics: dict[str, Any]) -> str:
    scores = metrics["rendering"]
    both = f"{scores['psnr_exposed_db']:.2f} ({scores['psnr_db']:.2f})"
    return f"{both} dB, {100 * scores['hole_ratio']:.2f} %"


def memory(_: Path, metrics: dict[str, Any]) -> str:
    return f"{metrics['map_mb']:.0f} MB"


def unseen(path: Path, _: dict[str, Any]) -> str:
    run = load_run(path)
    source = open_source(str(run.metrics["source"]), run.config)
    beyond, complete = seen_surface_study.shares(run, source)
    return f"{100 * beyond:.2f} %, {100 * complete:.2f} %"


def thin(path: Path, _: dict[str, Any]) -> str:
    """Tell how much of the faces of thin things that readings show has a mesh that faces the same
    way, and how far the mesh near them is off.
    """
    run = load_run(path)
    source = open_source(str(run.metrics["source"]), run.config)
    assert isinstance(source, SyntheticSource)
    T_scene_run = align_worlds(run.trajectory, source.ground_truth())
    mesh = Surface(moved_mesh(read_mesh(path / "mesh.ply"), T_scene_run))
    truth = Surface(source.scene.mesh())
    points, normals = truth.sample_with_normals(NUM_POINTS, seed=0)
    is_face = source.scene.sdf(points + np.float32(OFF_FACE_M) * normals) > 0
    below = points - np.float32(OFF_FACE_M) * normals
    is_face &= truth.is_between(below, points - np.float32(OFF_FACE_M + THIN_M) * normals)
    readings = transform_points(T_scene_run, seen_surface_study.seen_points(run, source))
    to_reading_m, _ = cKDTree(readings).query(points, distance_upper_bound=WITHIN_M)
    is_face &= np.isfinite(to_reading_m)
    faces, facing = points[is_face], normals[is_face]
    start = faces + np.float32(WITHIN_M) * facing
    hits = mesh.cast_to_front(np.concatenate([start, -facing], axis=1))
    complete = np.mean(hits.t < 2 * WITHIN_M)
    samples = mesh.sample(NUM_POINTS, seed=1)
    to_face_m, _ = cKDTree(faces).query(samples, distance_upper_bound=THIN_M)
    accuracy_cm = 100 * np.mean(truth.distances_m(samples[np.isfinite(to_face_m)]))
    return f"{100 * complete:.1f} %, {accuracy_cm:.3f} cm"


ROOM, APARTMENT = "synthetic:room", "synthetic:apartment"
BEDROOM, KITCHEN = "replica_bedroom", "redkitchen"
TRUE_POSES, HELD_OUT, KINECT = ("--use-gt-poses",), ("--holdout", "10"), ("--noise", "kinect")
PARTS = {
    "room": [
        Row(f"`{ROOM}`: ATE", ROOM, (), ate),
        Row("observed surface: accuracy, completed within 5 cm, depth L1", ROOM, (), observed),
        Row("the whole room, seen or not, within 5 cm", ROOM, (), whole),
        Row("error of the predicted surface", ROOM, (), predicted),
    ],
    "bedroom": [
        Row("bedroom: ATE", BEDROOM, (), ate),
        Row("the same with a Kinect's noise", BEDROOM, KINECT, ate),
    ],
    "color": [
        Row("colour of held-out frames, and their holes: bedroom", BEDROOM, HELD_OUT, color),
        Row("RedKitchen", KITCHEN, HELD_OUT, color),
    ],
    "unseen": [
        Row(
            "true poses: mesh farther than 2 cm from every reading, readings within 5 cm of the "
            "mesh: room", ROOM, TRUE_POSES, unseen,
        ),
        Row("bedroom", BEDROOM, TRUE_POSES, unseen),
    ],
    "thin": [
        Row(
            "`synthetic:thin`, true poses, what is at most 4 cm thick: completed within 5 mm, "
            "accuracy", "synthetic:thin", TRUE_POSES, thin,
        ),
    ],
    "moving": [
        Row("`synthetic:moving`: ATE", "synthetic:moving", (), ate),
        Row("with true poses: accuracy, completed within 5 cm, depth L1", "synthetic:moving",
            TRUE_POSES, observed),
    ],
    "apartment": [
        Row(f"`{APARTMENT}`: ATE", APARTMENT, (), ate),
        Row("map and keyframes", APARTMENT, (), memory),
    ],
}  # fmt: skip


def cell(row: Row, map_name: str, data: Path, out: Path) -> str:
    """Return what a row says of a map, or why it says nothing."""
    is_scene = row.source.startswith("synthetic:")
    name = "-".join([row.source.rpartition(":")[2], *row.words, map_name]).replace("--", "")
    words = ["--map", map_name, "--deterministic", *row.words]
    try:
        source = row.source if is_scene else str(data / row.source)
        return row.cell(out / name, measured(out / name, source, words))
    except StudyError as error:
        return f"failed: {error}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables; 1 if something failed."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    everything = [*PARTS, "noise", "forgetting"]
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(everything))
    parser.add_argument("--maps", default="tsdf,neural", help="separated by commas")
    data = Path(os.environ.get("SLAM_TEST_DATA", ROOT / ".." / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=data)
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "map_study")
    options = parser.parse_args(arguments)
    parts, maps = options.parts or everything, options.maps.split(",")
    if unknown := set(parts) - set(everything):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(everything)}")
    print(f"|  | {' | '.join(maps)} |\n| --- {'| --- ' * len(maps)}|")
    failed = False
    for row in [row for part in parts if part in PARTS for row in PARTS[part]]:
        cells = [cell(row, map_name, options.data, options.out) for map_name in maps]
        failed |= any(said.startswith("failed") for said in cells)
        print(f"| {row.title} | {' | '.join(cells)} |", flush=True)
    if "noise" in parts:
        print()
        failed |= bool(noise_study.main(["--maps", options.maps, "--out", str(options.out)]))
    for map_name in maps if "forgetting" in parts else []:
        print()
        forgetting_study.main(["--map", map_name, "--deterministic"])
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
