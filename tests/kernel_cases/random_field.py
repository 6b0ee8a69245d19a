"""Random neural fields with holes, and points in them."""

import numpy as np

from kernel_cases.check import to_device, to_host
from kernels import blocks as block_ops
from kernels import field as field_ops
from kernels import tsdf as tsdf_ops
from kernels.field import (
    CURVATURE,
    FEATURES,
    NUM_FEATURES,
    NUM_SAMPLES,
    Decoders,
    Field,
    Level,
    RayBatch,
)

# powers of two: dividing by them is exact, so that all backends find the same cells
SPACINGS_M = {"coarse": 1 / 2, "middle": 1 / 8, "fine": 1 / 32, "color": 1 / 64}
TRUNCATION_M = 0.12
UNIT_M = TRUNCATION_M / 32000.0
HALF_M = 0.3  # random points lie in a cube of twice this size, round the origin


def random_field(random: np.random.Generator, is_seeded: bool) -> Field:
    """Return a field of random features where a tenth of the blocks is missing, one vertex in a
    hundred has no mean, and a third of the colour vertices is not taught.
    """
    coarse, middle, fine, color = (_random_level(name, random) for name in SPACINGS_M)
    mean = tsdf_ops.new_blocks(len(fine.vertices))
    mean.sdf[:] = random.integers(-32000, 32001, mean.sdf.shape)
    mean.weight[:] = random.choice([0, 1, 40000], mean.sdf.shape, p=[0.01, 0.5, 0.49])
    shapes = ((4, 32), (32,), (4, 32), (32,), (8, 32), (32,), (4, 16), (16, 3))
    scales = (0.5, 0.2) * 4
    weights = [
        (scale * random.normal(size=shape)).astype(np.float32)
        for scale, shape in zip(scales, shapes, strict=True)
    ]
    return Field(
        coarse, middle, fine, color, mean, Decoders(*weights), np.float32(TRUNCATION_M),
        np.float32(SPACINGS_M["coarse"]), np.float32(UNIT_M), is_seeded,
    )  # fmt: skip


def _random_level(name: str, random: np.random.Generator) -> Level:
    reach = int(np.ceil(HALF_M / (8 * SPACINGS_M[name])))
    coords = random.permutation(np.argwhere(np.ones((2 * reach,) * 3)) - reach)
    is_kept = np.arange(len(coords)) < int(0.9 * len(coords))
    is_kept |= (coords == 0).all(axis=1)  # most coarse cells have a corner there
    coords = coords[is_kept].astype(np.int32)
    index = block_ops.new_index(len(coords) + 1)
    assert block_ops.insert_blocks(index, coords)
    vertices, marks = field_ops.new_vertices(len(coords) + 1)
    features = random.normal(scale=0.3, size=(*marks.shape, NUM_FEATURES))
    vertices[..., FEATURES : FEATURES + NUM_FEATURES] = features
    if name == "color":
        curvature = 1e-3 * random.random(marks.shape)  # of the order of that of a batch
        vertices[..., CURVATURE] = curvature * (random.random(marks.shape) > 0.33)
    return Level(index, vertices, marks, np.float32(SPACINGS_M[name]))


def on_device(field: Field) -> Field:
    """Return a copy of a field where the op runs."""
    levels = dict(zip(SPACINGS_M, map(level_on_device, field[:4]), strict=True))
    return to_device(field._replace(coarse=0, middle=0, fine=0, color=0))._replace(**levels)


def level_on_device(level: Level) -> Level:
    """Return a copy of a level where the op runs; on a GPU marks are int32."""
    device = to_device(level)
    if isinstance(device.marks, np.ndarray):
        return device
    return device._replace(marks=to_device(level.marks.astype(np.int32)))


def on_host(field: Field) -> Field:
    """Return a copy of such a field as the definition takes it."""
    levels = {
        name: level._replace(marks=level.marks.astype(np.uint8))
        for name, level in zip(SPACINGS_M, to_host(field)[:4], strict=True)
    }
    return to_host(field)._replace(**levels)


def random_points(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return points in the field, some of them on its vertices."""
    points = random.uniform(-HALF_M, HALF_M, (*shape, 3))
    on_vertex = random.random((*shape, 1)) < 0.05
    return np.where(on_vertex, np.round(8.0 * points) / 8.0, points).astype(np.float32)


def random_batch(random: np.random.Generator, num_rays: int) -> RayBatch:
    """Return rays whose samples lie anywhere; some have no colour, some no weight."""
    distance_m = random.uniform(-2.5, 2.5, (num_rays, NUM_SAMPLES)) * TRUNCATION_M
    rgb = random.random((num_rays, 3)) - 2.0 * (random.random((num_rays, 1)) < 0.2)
    weight = random.uniform(0.1, 1.0, num_rays) * (random.random(num_rays) < 0.9)
    points = random_points(random, (num_rays, NUM_SAMPLES))
    return RayBatch(points, *(values.astype(np.float32) for values in (distance_m, rgb, weight)))
