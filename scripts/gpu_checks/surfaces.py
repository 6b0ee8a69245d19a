"""How far apart the surfaces of two maps lie, and whether a part of one is missing."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gpu_checks.report import Row
from slam.maps.base import Map

SHARE = 0.999  # of the vertices; a few lie at edges, where another pixel is the nearest to a voxel
EDGE = 10  # vertices of a small mesh that may be such: a view has edges, however large its voxels
MORE = 1.0  # %, of vertices and triangles: their distances say nothing of a part that is missing


@dataclass(frozen=True)
class Surface:
    """A map, and its mesh of what has been observed."""

    map: Map
    vertices_m: np.ndarray  # (n, 3)
    num_triangles: int


def surface_of(map_: Map) -> Surface:
    """Extract the mesh of a map."""
    mesh = map_.mesh().observed()
    return Surface(map_, mesh.vertices_m, len(mesh.triangles))


def save_mesh(path: Path, surface: Surface) -> None:
    """Keep the mesh of a surface."""
    np.savez(path, vertices_m=surface.vertices_m, num_triangles=surface.num_triangles)


def load_surface(path: Path, map_: Map) -> Surface:
    """Return a map with the mesh that `save_mesh` kept."""
    with np.load(path) as kept:
        return Surface(map_, kept["vertices_m"], int(kept["num_triangles"]))


def compare_surfaces(section: str, cpu: Surface, gpu: Surface, limit_mm: float) -> Iterator[Row]:
    """Yield how the sizes of the meshes differ, and how far the vertices of each lie from the other
    map's surface.
    """
    yield _more(section, "vertices", len(cpu.vertices_m), len(gpu.vertices_m))
    yield _more(section, "triangles", cpu.num_triangles, gpu.num_triangles)
    for name, own, other_name, other in (("GPU", gpu, "CPU", cpu), ("CPU", cpu, "GPU", gpu)):
        apart_m, share_known = distances(other.map, own.vertices_m)
        what = f"{name}'s vertices to the {other_name}'s surface"
        if len(apart_m) == 0:
            yield Row(section, what, note="no vertex to compare", is_failure=True)
            continue
        share = max(min(SHARE, 1.0 - EDGE / len(apart_m)), 0.9)
        at_share, worst = 1e3 * np.quantile(apart_m, [share, 1.0])
        note = f"{share:.1%} of {len(own.vertices_m)}; the worst {worst:.2g} mm"
        yield Row(section, what, at_share, "mm", limit=limit_mm, note=note)
        # at the border of what is known a vertex has no cell of known voxels, on its own map too
        missing = 100.0 * (distances(own.map, own.vertices_m)[1] - share_known)
        yield Row(section, f"{name}'s vertices unknown there", missing, "%", limit=0.5)


def _more(section: str, what: str, on_cpu: int, on_gpu: int) -> Row:
    more = 100.0 * abs(on_gpu / max(on_cpu, 1) - 1.0)
    note = f"{on_gpu}, on the CPU {on_cpu}"
    return Row(section, f"{what} more or fewer", more, "%", limit=MORE, note=note)


def distances(map_: Map, vertices_m: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the distances of points (n, 3) to a map's surface, to first order, where it is known,
    and the share of the points where it is.
    """
    samples = map_.query(np.ascontiguousarray(vertices_m, dtype=np.float32))
    is_known = samples.is_valid
    slope = np.linalg.norm(samples.gradient[is_known], axis=1)
    apart_m = np.abs(samples.sdf_m[is_known]) / np.maximum(slope, 0.1)
    return apart_m, float(is_known.mean()) if len(vertices_m) else 0.0
