"""Rendering the neural field against what the map does on the CPU."""

import numpy as np

from kernel_cases.check import Case, gpu_check, to_device, to_host
from kernel_cases.random_field import BASE_M, UNIT_M, random_field
from kernels.bfloat16 import narrowed, widened
from kernels.dispatch import using
from kernels.field import Field
from kernels.field_render import render
from kernels.tsdf import RenderedArrays
from slam.geometry import se3_exp

RADIUS_M = 0.2


def ball(random: np.random.Generator) -> Field:
    """Return a field whose base is a ball round the origin; features move the surface by
    millimetres.
    """
    field = random_field(random)
    for level in (field.middle, field.fine):
        level.features[:] = narrowed(0.1 * widened(level.features))
    index, voxels = field.base.blocks, field.base.voxels
    coords = index.coords[: index.num_blocks[0], None]
    centers = (8 * coords + np.argwhere(np.ones((8, 8, 8)))) * BASE_M
    sdf_m = np.linalg.norm(centers, axis=-1) - RADIUS_M
    voxels.sdf[: len(coords)] = np.clip(np.round(sdf_m / UNIT_M), -32000, 32000)
    voxels.weight[voxels.weight > 0] = 256  # the raycasts' hits differ a little
    voxels.color[:] = voxels.color[:1, :, :1]  # and colours change from voxel to voxel
    return field


@gpu_check
def field_render(case: Case) -> None:
    field, wide = ball(case.random), case.pick(32, 640)
    T_world_camera = se3_exp(np.array([0.02, -0.03, -0.4, 0.1, -0.1, 0.3])).astype(np.float32)
    for h, w in ((0, 0), (1, 1), (5, 7), (3 * wide // 4, wide)):
        intrinsics = np.array([w + 1.0, w + 1.0, 0.49 * w, 0.51 * h], np.float32)
        view = (h, w), intrinsics, T_world_camera, (0.1, 8.0)
        with using("cpu"):  # its raycast takes the same steps; the definition's takes others
            wanted = render(field, *view)
        got = to_host(render(to_device(field), *to_device(view)))
        case.true(f"there is a ball in {h} x {w}", h < 2 or (wanted.depth_m > 0).mean() > 0.2)
        compare(case, f"{h} x {w}", got, wanted)


def compare(case: Case, what: str, got: RenderedArrays, wanted: RenderedArrays) -> None:
    """Compare what both see. By rounding, rays hit or miss beside holes, and one is a large share
    of few; on the outline they graze.
    """
    is_seen, one = wanted.depth_m > 0, 1.0 / max(wanted.depth_m.size, 1)
    case.close(f"hits of {what}", got.depth_m > 0, is_seen, 0.0, flips=0.02 + one, cap=1.0)
    both = is_seen & (got.depth_m > 0)
    for name, tolerance, relative, cap in (
        ("depth_m", 2e-4, 0.0, 2.0 * RADIUS_M),
        ("normals", 0.02, 0.0, 2.0),
        ("color", 2.0, 0.0, 255.0),
        ("confidence", 0.1, 1e-3, 1.0),
    ):
        ours, theirs = getattr(got, name)[both], getattr(wanted, name)[both]
        case.close(f"{name} of {what}", ours, theirs, tolerance, relative, 0.03 + one, cap)
    is_missed = ~(got.depth_m > 0)
    for name in ("normals", "color", "confidence"):
        case.true(f"{name} of {what} where nothing is", not getattr(got, name)[is_missed].any())
