"""Mesh files: our binary PLY, and through open3d whatever else it reads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import BinaryIO

import numpy as np

from slam.errors import SlamError
from slam.maps.base import Mesh

_VERTEX = np.dtype([("xyz", "<f4", 3), ("rgb", "u1", 3)])
_MARKED_VERTEX = np.dtype([*_VERTEX.descr, ("predicted", "u1")])
_FACE = np.dtype([("num", "u1"), ("indices", "<i4", 3)])
_PROPERTIES = {  # of a vertex, by the names of its parts here
    "xyz": ("float", ("x", "y", "z")),
    "normal": ("float", ("nx", "ny", "nz")),
    "rgb": ("uchar", ("red", "green", "blue")),
    "predicted": ("uchar", ("predicted",)),  # 1 where a map predicted the surface, unseen
}
_ROWS = 1 << 18  # rows packed at a time, so that a large mesh is not held twice
_GREY = 180  # for files without colours


@contextmanager
def replaced_file(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that becomes `path` if the block succeeds; else `path` stays as it was.

    An `OSError` (full disk, no permission) becomes a `SlamError` of one line.
    """
    part = path.with_name(path.name + ".part")
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a power cut may leave the new name without the content
        os.replace(part, path)
    except OSError as error:
        raise SlamError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        with suppress(OSError):  # a read-only file system refuses even what is not there
            part.unlink(missing_ok=True)


def write_ply(path: str | Path, mesh: Mesh) -> None:
    """Write what of a mesh was observed as binary little-endian PLY with colours, and what a map
    predicted into a file of its own beside it, NAME_predicted.ply: nobody measures or prints a
    guess by accident. Without prediction an older file of that name is removed.
    """
    path = Path(path)
    _write_ply(path, mesh.observed())
    predicted, predicted_path = mesh.predicted(), predicted_path_of(path)
    if len(predicted.triangles):
        _write_ply(predicted_path, predicted)
    else:
        _remove(predicted_path)


def read_with_predicted(path: Path) -> Mesh:
    """Read a mesh, and as a part of it what `write_ply` wrote beside it."""
    mesh, predicted_path = read_mesh(path), predicted_path_of(path)
    return mesh.joined(read_mesh(predicted_path)) if predicted_path.is_file() else mesh


def predicted_path_of(path: Path) -> Path:
    """Return where the predicted part of a mesh file is."""
    return path.with_name(f"{path.stem}_predicted{path.suffix}")


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise SlamError(f"cannot remove {path}: {error.strerror}") from error


def _write_ply(path: Path, mesh: Mesh) -> None:
    num_vertices, num_triangles = len(mesh.vertices_m), len(mesh.triangles)
    dtype = _VERTEX if mesh.is_predicted is None else _MARKED_VERTEX
    with replaced_file(path) as file:
        file.write(ply_header(dtype, num_vertices, num_triangles))
        for first in range(0, num_vertices, _ROWS):
            rows = slice(first, min(first + _ROWS, num_vertices))
            vertices = np.empty(rows.stop - rows.start, dtype=dtype)
            vertices["xyz"] = mesh.vertices_m[rows]
            vertices["rgb"] = mesh.colors[rows]
            if mesh.is_predicted is not None:
                vertices["predicted"] = mesh.is_predicted[rows]
            file.write(vertices.view(np.uint8).data)
        for first in range(0, num_triangles, _ROWS):
            rows = slice(first, min(first + _ROWS, num_triangles))
            faces = np.empty(rows.stop - rows.start, dtype=_FACE)
            faces["num"] = 3
            faces["indices"] = mesh.triangles[rows]
            file.write(faces.view(np.uint8).data)


def read_mesh(path: Path) -> Mesh:
    """Read a mesh: our PLY directly, any other file through open3d; grey if it has no colours."""
    if not path.is_file():
        raise SlamError(f"cannot read mesh {path}: no such file")
    try:
        mesh = _read_our_ply(path)
    except OSError as error:
        raise SlamError(f"cannot read mesh {path}: {error.strerror or error}") from error
    mesh = mesh or _read_with_open3d(path)
    if len(mesh.triangles):
        low, high = int(mesh.triangles.min()), int(mesh.triangles.max())
        if low < 0 or high >= len(mesh.vertices_m):
            wrong = low if low < 0 else high
            raise SlamError(
                f"mesh {path} is damaged: a triangle names vertex {wrong} of {len(mesh.vertices_m)}"
            )
    if not np.isfinite(mesh.vertices_m).all():
        raise SlamError(f"mesh {path} is damaged: it has vertices that are not finite")
    return mesh


def import_open3d() -> ModuleType:
    """Import open3d, or say what is missing: its wheel needs system libraries."""
    try:
        import open3d
    except (ImportError, OSError) as error:
        reason = " ".join(str(error).split())
        raise SlamError(
            f"open3d cannot be loaded ({reason}); "
            "on Debian or Ubuntu: apt install libusb-1.0-0 libgl1 libegl1 libx11-6"
        ) from error
    return open3d


def _read_our_ply(path: Path) -> Mesh | None:
    """Read a file with exactly the header that `write_ply` writes; None for any other."""
    with path.open("rb") as file:
        header = file.read(512).partition(b"end_header\n")[0] + b"end_header\n"
        counts = [int(line.split()[2]) for line in header.splitlines() if _is_element(line)]
        if len(counts) != 2:
            return None
        num_vertices, num_triangles = counts
        dtype = _MARKED_VERTEX if b" predicted\n" in header else _VERTEX
        if header != ply_header(dtype, num_vertices, num_triangles):
            return None
        expected = len(header) + num_vertices * dtype.itemsize + num_triangles * _FACE.itemsize
        size = path.stat().st_size
        if size != expected:
            raise SlamError(f"mesh {path} is damaged: {size} bytes, its header promises {expected}")
        file.seek(len(header))
        vertices = np.fromfile(file, dtype=dtype, count=num_vertices)
        faces = np.fromfile(file, dtype=_FACE, count=num_triangles)
    return Mesh(
        np.ascontiguousarray(vertices["xyz"], dtype=np.float32),
        np.ascontiguousarray(vertices["rgb"]),
        np.ascontiguousarray(faces["indices"], dtype=np.int32),
        vertices["predicted"] != 0 if dtype is _MARKED_VERTEX else None,
    )


def ply_header(vertex: np.dtype, num_vertices: int, num_triangles: int | None = None) -> bytes:
    """Return the header of a binary PLY file of vertices, and of triangles if it is a mesh."""
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {num_vertices}"]
    for part in vertex.names or ():
        kind, names = _PROPERTIES[part]
        lines += [f"property {kind} {name}" for name in names]
    if num_triangles is not None:
        lines += [f"element face {num_triangles}", "property list uchar int vertex_indices"]
    return ("\n".join([*lines, "end_header"]) + "\n").encode("ascii")


def _is_element(line: bytes) -> bool:
    fields = line.split()
    return len(fields) == 3 and fields[0] == b"element" and fields[2].isdigit()


def _read_with_open3d(path: Path) -> Mesh:
    o3d = import_open3d()
    with o3d.utility.VerbosityContextManager(o3d.utility.VerbosityLevel.Error):
        loaded = o3d.io.read_triangle_mesh(str(path))
    triangles = np.asarray(loaded.triangles, dtype=np.int32).reshape(-1, 3)
    if not len(triangles):
        raise SlamError(
            f"cannot read mesh {path}: no triangles found; give a PLY, OBJ, STL, OFF or GLTF mesh"
        )
    vertices_m = np.asarray(loaded.vertices, dtype=np.float32).reshape(-1, 3)
    colors = np.full(vertices_m.shape, _GREY, dtype=np.uint8)
    if loaded.has_vertex_colors():
        colors = np.clip(np.rint(np.asarray(loaded.vertex_colors) * 255.0), 0, 255).astype(np.uint8)
    return Mesh(vertices_m, colors, triangles)
