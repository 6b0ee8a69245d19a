"""Rendering the neural field against what the map does on the CPU."""

import numpy as np

from gpu_checks.check import Case, check
from gpu_checks.random_field import SPACINGS_M, UNIT_M, on_device, random_field
from kernels.cuda.arrays import to_device, to_host
from kernels.cuda.field_render import render
from kernels.dispatch import using
from kernels.field import FEATURES, NUM_FEATURES, Field
from slam.camera import Camera
from slam.geometry import se3_exp
from slam.maps.neural.rendering import FAR_M, NEAR_M, render_field

RADIUS_M = 0.2


def ball(random: np.random.Generator) -> Field:
    """Return a field whose mean is a ball round the origin; features move the surface by
    millimetres.
    """
    field = random_field(random, True)
    for level in (field.middle, field.fine):
        level.vertices[..., FEATURES : FEATURES + NUM_FEATURES] *= 0.1
    coords = field.fine.blocks.coords[: field.fine.blocks.num_blocks[0], None]
    vertices = (8 * coords + np.argwhere(np.ones((8, 8, 8)))) * SPACINGS_M["fine"]
    sdf_m = np.linalg.norm(vertices, axis=-1) - RADIUS_M
    field.mean.sdf[: len(coords)] = np.clip(np.round(sdf_m / UNIT_M), -32000, 32000)
    field.mean.weight[field.mean.weight > 0] = 256  # the raycasts' hits differ a little
    return field


@check
def field_render(case: Case) -> None:
    field, wide = ball(case.random), case.pick(32, 640)
    camera = Camera(wide, 3 * wide // 4, wide, wide, 0.49 * wide, 0.38 * wide)
    T_world_camera = se3_exp(np.array([0.02, -0.03, -0.4, 0.1, -0.1, 0.3]))
    with using("cpu"):  # its raycast takes the same steps; the definition's takes others
        wanted = render_field(field, camera, T_world_camera)
    size = (camera.height, camera.width)
    pose = T_world_camera.astype(np.float32)
    inputs = to_device((camera.intrinsics, pose))
    got = to_host(render(on_device(field), size, *inputs, (NEAR_M, FAR_M)))
    is_seen = wanted.depth_m > 0
    case.true("there is a ball", is_seen.mean() > 0.2)
    # by rounding, rays hit or miss beside holes; on the outline they graze
    case.close("hits", got.depth_m > 0, is_seen, 0.0, flips=0.02)
    is_seen &= got.depth_m > 0
    for name, tolerance in (("depth_m", 2e-4), ("normals", 0.02), ("color", 2.0)):
        got_seen, wanted_seen = getattr(got, name)[is_seen], getattr(wanted, name)[is_seen]
        case.close(name, got_seen, wanted_seen, tolerance, flips=0.03)
    case.close("confidence", got.confidence[is_seen], wanted.confidence[is_seen], 0.1, 1e-3, 0.03)
