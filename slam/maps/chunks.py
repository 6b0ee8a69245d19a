"""A map's mesh in cubes of space, each of which can be made anew by itself."""

import numpy as np
from jaxtyping import Bool, Float32, Int64

from slam.maps.base import Map, Mesh
from slam.maps.extraction import VOXELS, extract, voxel_points

Chunk = tuple[int, int, int]  # integer coordinates of a cube
BLOCKS = 4  # of 8 voxels, along the side of a chunk
RANGE_M = 0.2  # no map is sure of distances beyond
MARGIN_VOXELS = 2.0  # a reading near a face of a chunk changes both sides
_HALF = 1 << 20  # chunks are counted from -_HALF to _HALF
_CORNERS = list(np.ndindex(2, 2, 2))

# the blocks of a chunk, then those above it that its last cells reach into
_ALL = np.stack(np.unravel_index(np.arange((BLOCKS + 1) ** 3), (BLOCKS + 1,) * 3), axis=-1)
_IS_OWN = (_ALL < BLOCKS).all(axis=1)
_OFFSETS = np.concatenate([_ALL[_IS_OWN], _ALL[~_IS_OWN]]).astype(np.int32)
_PROBES = VOXELS[(VOXELS % 2 == 0).all(axis=1)]  # a block without a known one has no surface


def chunk_size_m(voxel_size_m: float) -> float:
    """Return the side of a chunk."""
    return BLOCKS * 8 * voxel_size_m


def chunks_of(
    points: Float32[np.ndarray, "n 3"], voxel_size_m: float, margin_m: float | None = None
) -> set[Chunk]:
    """Return the chunks whose mesh a change of the surface at some points may change, or within a
    margin of up to half a chunk round them.
    """
    size_m = chunk_size_m(voxel_size_m)
    margin_m = MARGIN_VOXELS * voxel_size_m if margin_m is None else margin_m
    low = np.floor((points - margin_m) / size_m).astype(np.int64)
    is_up = np.floor((points + margin_m) / size_m).astype(np.int64) - low  # 0 or 1 along each axis
    found = np.unique(np.concatenate([_packed(low + is_up * corner) for corner in _CORNERS]))
    return {_unpacked(int(key)) for key in found}


def _packed(coords: Int64[np.ndarray, "n 3"]) -> Int64[np.ndarray, "n"]:
    """Write coordinates as one number; NumPy finds equal numbers 20 times as fast as equal rows."""
    x, y, z = (coords + _HALF).T
    return (x * (2 * _HALF) + y) * (2 * _HALF) + z


def _unpacked(key: int) -> Chunk:
    rest, z = divmod(key, 2 * _HALF)
    x, y = divmod(rest, 2 * _HALF)
    return x - _HALF, y - _HALF, z - _HALF


def chunk_mesh(map_: Map, chunk: Chunk, voxel_size_m: float) -> Mesh:
    """Extract the observed surface of a map within a chunk, with the map's colours.

    Meshes of neighbouring chunks meet at identical vertices if the map does not change in between.
    """

    def evaluate(
        points: Float32[np.ndarray, "n 3"],
    ) -> tuple[Float32[np.ndarray, "n"], Bool[np.ndarray, "n"]]:
        samples = map_.query(points)
        return samples.sdf_m, samples.is_valid

    coords = np.array(chunk, np.int32) * np.int32(BLOCKS) + _OFFSETS
    _, has_probe = evaluate(voxel_points(coords, voxel_size_m, _PROBES))
    is_known = np.any(has_probe.reshape(len(coords), -1), axis=1)
    num_own = int(np.count_nonzero(is_known[: BLOCKS**3]))
    mesh = extract(coords[is_known], voxel_size_m, RANGE_M, evaluate, num_own)
    return Mesh(mesh.vertices_m, map_.color(mesh.vertices_m), mesh.triangles)
