"""Random neural fields with holes, and points in them."""

import numpy as np

from kernels import blocks as block_ops
from kernels import field as field_ops
from kernels import tsdf as tsdf_ops
from kernels.bfloat16 import narrowed
from kernels.blocks import BlockIndex
from kernels.field import (
    NUM_SAMPLES,
    Decoders,
    Field,
    Level,
    RayBatch,
)
from kernels.tsdf import TsdfGrid

# powers of two: dividing by them is exact, so that all backends find the same cells
SPACINGS_M = {"middle": 1 / 8, "fine": 1 / 32, "color": 1 / 64}
BASE_M = 1 / 64
TRUNCATION_M = 0.12
UNIT_M = TRUNCATION_M / 32000.0
REACH_M = 0.5  # of all levels and the base
HALF_M = 0.3  # random points lie in a cube of twice this size, round the origin


def random_field(random: np.random.Generator) -> Field:
    """Return a field of random features where a tenth of the blocks is missing; of the base's
    voxels one in a hundred is not known, and a third has no colour.
    """
    levels = (random_level(name, random) for name in SPACINGS_M)
    index = _random_index(BASE_M, random)
    voxels = tsdf_ops.new_blocks(len(index.coords))
    voxels.sdf[:] = random.integers(-32000, 32001, voxels.sdf.shape)
    voxels.weight[:] = random.choice([0, 1, 40000], voxels.sdf.shape, p=[0.01, 0.5, 0.49])
    voxels.color[:] = random.integers(0, 256, voxels.color.shape)
    voxels.color[:, 3] = random.choice([0, 1, 32], voxels.sdf.shape, p=[0.33, 0.33, 0.34])
    base = TsdfGrid(index, voxels, np.float32(BASE_M), np.float32(UNIT_M))
    return Field(*levels, base, random_decoders(random), np.float32(TRUNCATION_M))


def random_decoders(random: np.random.Generator) -> Decoders:
    """Return random weights."""
    shapes = ((4, 32), (32,), (8, 32), (32,), (4, 16), (16, 3))
    scales = (0.5, 0.2) * 3
    weights = [
        (scale * random.normal(size=shape)).astype(np.float32)
        for scale, shape in zip(scales, shapes, strict=True)
    ]
    return Decoders(*weights)


def _random_index(spacing_m: float, random: np.random.Generator) -> BlockIndex:
    reach = int(np.ceil(REACH_M / (8 * spacing_m)))
    coords = random.permutation(np.argwhere(np.ones((2 * reach,) * 3)) - reach)
    is_kept = np.arange(len(coords)) < int(0.9 * len(coords))
    is_kept |= (coords == 0).all(axis=1)  # most cells of a large spacing have a corner there
    coords = coords[is_kept].astype(np.int32)
    index = block_ops.new_index(len(coords) + 1)
    assert block_ops.insert_blocks(index, coords)
    return index


def random_level(name: str, random: np.random.Generator) -> Level:
    """Return a level of random features where a tenth of the blocks is missing."""
    index = _random_index(SPACINGS_M[name], random)
    features, sums = field_ops.new_vertices(len(index.coords))
    features[:] = narrowed(random.normal(scale=0.3, size=features.shape))
    if name == "color":
        sums[:] = narrowed(1e-3 * random.random(sums.shape))  # as much as of a batch
    return Level(index, features, sums, np.float32(SPACINGS_M[name]))


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
