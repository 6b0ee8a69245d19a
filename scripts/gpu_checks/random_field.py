"""Random neural fields with holes, and points in them."""

import numpy as np

from kernels import blocks as block_ops
from kernels import field as field_ops
from kernels import tsdf as tsdf_ops
from kernels.cuda.arrays import to_device
from kernels.field import CURVATURE, FEATURES, NUM_FEATURES, Decoders, Field, Level

SPACINGS_M = {"coarse": 0.48, "middle": 0.12, "fine": 0.03, "color": 0.02}
TRUNCATION_M = 0.12
UNIT_M = TRUNCATION_M / 32000.0
HALF_M = 0.3  # random points lie in a cube of twice this size, round the origin


def random_field(random: np.random.Generator, is_seeded: bool) -> Field:
    """Return a field of random features where one block in ten is missing, one vertex in a hundred
    has no mean, and a third of the colour vertices is not taught.
    """
    levels = [_random_level(name, random) for name in SPACINGS_M]
    mean = tsdf_ops.new_blocks(len(levels[field_ops.FINE].vertices))
    mean.sdf[:] = random.integers(-32000, 32001, mean.sdf.shape)
    mean.weight[:] = random.choice([0, 1, 40000], mean.sdf.shape, p=[0.01, 0.5, 0.49])
    shapes = ((4, 32), (32,), (4, 32), (32,), (8, 32), (32,), (4, 16), (16, 3))
    scales = (0.5, 0.2) * 4
    weights = [
        (scale * random.normal(size=shape)).astype(np.float32)
        for scale, shape in zip(scales, shapes, strict=True)
    ]
    lengths_m = map(np.float32, (TRUNCATION_M, SPACINGS_M["coarse"], UNIT_M))
    return Field(*levels, mean, Decoders(*weights), *lengths_m, is_seeded)


def _random_level(name: str, random: np.random.Generator) -> Level:
    reach = int(np.ceil(HALF_M / (8 * SPACINGS_M[name])))
    coords = np.stack(np.indices((2 * reach,) * 3), axis=-1).reshape(-1, 3) - reach
    coords = random.permutation(coords)[: int(np.ceil(0.9 * len(coords)))].astype(np.int32)
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
    """Return a copy of a field on the device, where marks are int32."""
    levels = {
        name: level._replace(marks=level.marks.astype(np.int32))
        for name, level in zip(SPACINGS_M, field[:4], strict=True)
    }
    return to_device(field._replace(**levels))


def random_points(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return random.uniform(-HALF_M, HALF_M, (*shape, 3)).astype(np.float32)
