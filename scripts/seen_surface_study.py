#!/usr/bin/env python3
"""How much of a mesh is surface that no reading of the recording shows: curtains, fringes, guesses.

For each finished run, best one at true poses: the share of the area of its `mesh.ply` that lies
farther than 2 cm from every reading of its recording, and the share of the readings that lie within
5 cm of the mesh (so that nothing is won by leaving surface out):

    slam run synthetic:room --use-gt-poses --out runs/room
    scripts/seen_surface_study.py runs/room ...
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import trimesh
from jaxtyping import Float32
from scipy.spatial import cKDTree

from slam.errors import SlamError
from slam.evaluation.recording import read_usable
from slam.geometry import transform_points
from slam.meshio import read_mesh
from slam.runs.finished import Run, load_run
from slam.runs.replay import posed_records
from slam.sources.base import Source
from slam.sources.detect import open_source

NUM_SAMPLES = 200_000
CELL_M = 0.004  # one reading is kept of each: far below what is measured
FAR_M = 0.02
COMPLETE_M = 0.05
MERGED_AT = 10_000_000  # points, so that memory stays bounded


def seen_points(run: Run, source: Source) -> Float32[np.ndarray, "n 3"]:
    """Return the readings of all frames of a run in its world, thinned to one a cell."""
    parts: list[Float32[np.ndarray, "n 3"]] = []
    num_points = 0
    for record, T_world_camera in posed_records(run, run.frames):
        frame = read_usable(source, record.index, run.config.playback)
        if frame is None:
            continue
        v, u = np.nonzero(frame.depth_m)
        here = frame.camera.unproject(u, v, frame.depth_m[v, u])
        parts.append(one_a_cell(transform_points(T_world_camera, here).astype(np.float32)))
        num_points += len(parts[-1])
        if num_points > MERGED_AT:
            parts = [one_a_cell(np.concatenate(parts))]
            num_points = 0
    return one_a_cell(np.concatenate(parts))


def one_a_cell(points: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "m 3"]:
    """Keep the first point of each cell of space."""
    x, y, z = np.floor(points / CELL_M).astype(np.int64).T + (1 << 20)
    _, first = np.unique((x << 42) | (y << 21) | z, return_index=True)
    return points[first]


def shares(run: Run, source: Source) -> tuple[float, float]:
    """Return the share of the mesh's area beyond FAR_M of any reading, and of the readings within
    COMPLETE_M of the mesh.
    """
    if run.mesh_path is None:
        raise SlamError("the run has no mesh")
    mesh = read_mesh(run.mesh_path)
    surface = trimesh.Trimesh(mesh.vertices_m, mesh.triangles, process=False)
    samples = np.asarray(trimesh.sample.sample_surface(surface, NUM_SAMPLES, seed=0)[0])
    seen = seen_points(run, source)
    to_seen_m, _ = cKDTree(seen).query(samples, distance_upper_bound=FAR_M)
    picked = np.random.default_rng(0).choice(len(seen), min(NUM_SAMPLES, len(seen)), replace=False)
    to_mesh_m, _ = cKDTree(samples).query(seen[picked], distance_upper_bound=COMPLETE_M)
    return float(np.isinf(to_seen_m).mean()), float(np.isfinite(to_mesh_m).mean())


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("runs", nargs="+", type=Path)
    options = parser.parse_args(arguments)
    print("| run | mesh beyond 2 cm of any reading, % | readings within 5 cm of the mesh, % |")
    print("| --- | --- | --- |")
    for path in options.runs:
        run = load_run(path)
        source = open_source(str(run.metrics["source"]), run.config)
        unseen, complete = shares(run, source)
        print(f"| {path.name} | {unseen:.2%} | {complete:.2%} |".replace("%", ""))
    return 0


if __name__ == "__main__":
    sys.exit(main())
