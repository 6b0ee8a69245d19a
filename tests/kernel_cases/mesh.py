"""Marching cubes against its definition, and in the CPU's order."""

import numpy as np
from scipy.spatial import cKDTree

from kernel_cases.check import Case, check, to_device, to_host
from kernels import blocks as block_ops
from kernels import mesh as mesh_ops
from kernels import tsdf as tsdf_ops
from kernels.dispatch import using

VOXEL_SIZE_M = 0.02
MIN_WEIGHT = 3
Volume = tuple[block_ops.BlockIndex, tsdf_ops.TsdfBlocks]


def random_volume(case: Case, size: int) -> Volume:
    """Return size^3 blocks about the origin, one of them missing, with a wavy surface and unknown
    voxels. No voxel lies on the surface: so no two vertices lie at one place.
    """
    offsets = np.stack(np.unravel_index(np.arange(size**3), (size,) * 3), axis=-1)
    coords = (offsets - size // 2).astype(np.int32)[: max(1, size**3 - 1)]
    num = len(coords)
    index, blocks = block_ops.new_index(num + 3), tsdf_ops.new_blocks(num + 3)
    with using("cpu"):
        block_ops.insert_blocks(index, coords)
    inside = np.stack(np.unravel_index(np.arange(512), (8, 8, 8)), axis=-1)
    directions = case.random.uniform(-0.6, 0.6, (3, 3))
    phases = case.random.uniform(0.0, 6.3, 3)
    voxels = 8 * coords[:, None] + inside  # (num, 512, 3)
    sdf = 3000.0 + 9000.0 * np.sin(voxels @ directions + phases).sum(axis=-1)
    blocks.sdf[:num] = np.where(np.rint(sdf) == 0, 1, np.rint(sdf)).clip(-32000, 32000)
    is_known = case.random.random((num, 512)) < 0.97
    blocks.weight[:num] = np.where(is_known, case.random.integers(2, 65536, (num, 512)), 0)
    blocks.color[:num] = case.random.integers(0, 256, (num, 4, 512))
    blocks.color[:num, 3] = case.random.choice([0, 5], (num, 512))
    return index, blocks


def as_bag(triangles: np.ndarray) -> np.ndarray:
    """Return triangles (n, 3) in an order of their own, each from its lowest vertex on."""
    first = triangles.argmin(axis=1)[:, None] if len(triangles) else np.zeros((0, 1), int)
    turned = np.take_along_axis(triangles, (first + np.arange(3)) % 3, axis=1)
    return turned[np.lexsort(turned.T)]


@check
def mesh(case: Case) -> None:
    for size in (1, case.pick(2, 6)):
        index, blocks = random_volume(case, size)
        slots = case.random.permutation(int(index.num_blocks[0])).astype(np.int32)
        for num in sorted({0, 1, len(slots) // 2, len(slots)}):
            what = f"mesh of {num} of {len(slots)} blocks"
            arguments = (index, blocks, slots[:num], VOXEL_SIZE_M, MIN_WEIGHT)
            with using("reference"):
                defined = mesh_ops.extract_mesh(*arguments)
            with using("cpu"):
                ordered = mesh_ops.extract_mesh(*arguments)
            got = to_host(mesh_ops.extract_mesh(*to_device(arguments)))
            case.close(f"{what}: vertices", got.vertices_m, ordered.vertices_m, 1e-6)
            case.close(f"{what}: colors", got.colors, ordered.colors, 1.0)
            case.equal(f"{what}: triangles", got.triangles, ordered.triangles)
            compare_unordered(case, what, got, defined)
            case.true(
                f"{what}: no triangles", len(got.triangles) > 0 or num < len(slots) or size == 1
            )


def compare_unordered(
    case: Case, what: str, got: mesh_ops.MeshArrays, wanted: mesh_ops.MeshArrays
) -> None:
    """Compare with a mesh whose vertices and triangles come in any order."""
    num_got, num_wanted = len(got.vertices_m), len(wanted.vertices_m)
    case.true(f"{what}: {num_got} vertices, not {num_wanted}", num_got == num_wanted)
    if num_got == num_wanted > 0:
        apart_m, number = cKDTree(got.vertices_m).query(wanted.vertices_m)
        case.close(f"{what}: places", apart_m, np.zeros(len(apart_m)), 2e-6)
        case.close(f"{what}: defined colors", got.colors[number], wanted.colors, 1.0)
        case.equal(
            f"{what}: defined triangles",
            as_bag(got.triangles),
            as_bag(number[wanted.triangles].astype(np.int32)),
        )
