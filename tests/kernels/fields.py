"""Random neural fields and batches, fields that know a plane, and how to compare them."""

import numpy as np

from kernels import blocks as block_ops
from kernels import field as field_ops
from kernels import tsdf as tsdf_ops
from kernels.bfloat16 import narrowed, widened
from kernels.blocks import BlockIndex
from kernels.field import (
    NUM_BAND,
    NUM_FEATURES,
    NUM_SAMPLES,
    Decoders,
    Field,
    Level,
    Losses,
    RayBatch,
    StepWeights,
    Touched,
)
from kernels.tsdf import TsdfGrid

LEVELS = ("middle", "fine", "color")
SPACINGS_M = {"middle": 0.12, "fine": 0.03, "color": 0.02}
TRUNCATION_M = 0.12
BASE_M = 0.015
UNIT_M = TRUNCATION_M / 32000.0
HALF_M = 0.45  # random points lie in a cube of twice this size, round the origin
GRAY = 102  # of 255: 0.4
SIZES = [1, 3, 33, 129, 500]  # chunks are 32 rays and 128 points
NORMAL = np.array([0.5, -0.35, 0.79]) / np.linalg.norm([0.5, -0.35, 0.79])


def new_index(spacing_m: float, random: np.random.Generator, share: float) -> BlockIndex:
    """Return an index of a share of the blocks round the origin."""
    reach = int(np.ceil(HALF_M / (8 * spacing_m)))
    coords = np.stack(np.indices((2 * reach,) * 3), axis=-1).reshape(-1, 3) - reach
    coords = random.permutation(coords)[: int(share * len(coords))].astype(np.int32)
    index = block_ops.new_index(len(coords) + 1)
    assert block_ops.insert_blocks(index, coords)
    return index


def new_level(name: str, random: np.random.Generator, share: float) -> Level:
    """Return a level of random features on a share of the blocks round the origin."""
    spacing_m = SPACINGS_M[name]
    index = new_index(spacing_m, random, share)
    features, sums = field_ops.new_vertices(len(index.coords))
    features[:] = narrowed(random.normal(scale=0.3, size=features.shape))
    if name == "color":  # of the order of that of a batch
        sums[:] = narrowed(0.1 / SIZES[-1] * random.spawn(1)[0].random(sums.shape))
    return Level(index, features, sums, np.float32(spacing_m))


def new_base(random: np.random.Generator, share: float) -> TsdfGrid:
    """Return random distances and colours; of the voxels one in a hundred is not known, and a third
    has no colour.
    """
    index = new_index(BASE_M, random, share)
    voxels = tsdf_ops.new_blocks(len(index.coords))
    voxels.sdf[:] = random.integers(-32000, 32001, voxels.sdf.shape)
    voxels.weight[:] = random.choice([0, 1, 40000], voxels.sdf.shape, p=[0.01, 0.5, 0.49])
    voxels.color[:] = random.integers(0, 256, voxels.color.shape)
    voxels.color[:, 3] = random.choice([0, 1, 32], voxels.sdf.shape, p=[0.33, 0.33, 0.34])
    return TsdfGrid(index, voxels, np.float32(BASE_M), np.float32(UNIT_M))


def random_field(seed: int, share: float = 0.9) -> Field:
    """Return a field with holes: missing blocks, and voxels that the base does not know."""
    random = np.random.default_rng(seed)
    levels = [new_level(name, random, share) for name in LEVELS]
    base = new_base(random.spawn(1)[0], share)

    def layer(*shape: int, scale: float) -> np.ndarray:
        return (scale * random.normal(size=shape)).astype(np.float32)

    decoders = Decoders(
        layer(4, 32, scale=0.5),
        layer(32, scale=0.2),
        layer(8, 32, scale=0.5),
        layer(32, scale=0.2),
        layer(4, 16, scale=0.5),
        layer(16, 3, scale=0.2),
    )
    return Field(*levels, base, decoders, np.float32(TRUNCATION_M))


def random_batch(seed: int, num_rays: int) -> RayBatch:
    """Return rays whose samples lie anywhere; some have no colour, some no weight."""
    random = np.random.default_rng(seed)
    distance_m = random.uniform(-2.5, 2.5, (num_rays, NUM_SAMPLES)) * TRUNCATION_M
    rgb = random.random((num_rays, 3)) - 2.0 * (random.random((num_rays, 1)) < 0.2)
    weight = np.where(random.random(num_rays) < 0.1, 0.0, random.uniform(0.1, 1.0, num_rays))
    return RayBatch(
        random_points(seed, (num_rays, NUM_SAMPLES)), *map(as_float32, (distance_m, rgb, weight))
    )


def random_points(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    random = np.random.default_rng(seed)
    return as_float32(random.uniform(-HALF_M, HALF_M, (*shape, 3)))


def as_float32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)


def levels_of(field: Field) -> tuple[Level, ...]:
    return field.middle, field.fine, field.color


def copy_of(field: Field) -> Field:
    """Return a field with vertices of its own."""
    return field._replace(
        **{
            name: level._replace(features=level.features.copy(), sums=level.sums.copy())
            for name, level in zip(LEVELS, levels_of(field), strict=True)
        }
    )


def features_of(level: Level) -> np.ndarray:
    """Return the features (m, NUM_FEATURES) of all vertices of a level."""
    return widened(level.features.reshape(-1, NUM_FEATURES))


def set_features(level: Level, features: np.ndarray) -> None:
    """Store features (m, NUM_FEATURES), or the same of all vertices, rounded."""
    level.features.reshape(-1, NUM_FEATURES)[:] = narrowed(features)


def sums_of(level: Level) -> np.ndarray:
    """Return the sums or curvatures (m,) of all vertices of a level."""
    return widened(level.sums.reshape(-1))


def dense(level: Level, touched: Touched, which: int | slice = slice(NUM_FEATURES)) -> np.ndarray:
    """Return the gradient by the features (m, NUM_FEATURES) of all vertices of a level, or the
    curvature (m,).
    """
    gradient = np.zeros((level.sums.size, NUM_FEATURES + 1), np.float32)
    gradient[touched.rows] = touched.gradient
    return gradient[:, which]


def assert_like(actual: np.ndarray, expected: np.ndarray, tolerance: float, jumps: float = 0.0):
    """Compare by the largest entry; a share of entries may jump, where a ReLU's input rounds to
    its other side.
    """
    assert actual.shape == expected.shape
    if expected.size:
        error = np.abs(actual.astype(np.float64) - expected)
        is_off = error > tolerance * max(np.abs(expected).max(), 1e-30)
        assert is_off.mean() <= jumps
        assert np.linalg.norm(error) <= 1e-3 * np.linalg.norm(expected)


def gradients(
    field: Field, batch: RayBatch, weights: StepWeights | None = None
) -> tuple[Field, Losses, field_ops.DecoderGradient, list[Touched]]:
    """Compute gradients with a copy of a field; return it with what `gradients` returns."""
    field = copy_of(field)
    return field, *field_ops.gradients(field, batch, weights or StepWeights())


def plane_field(normal: np.ndarray, offset_m: float) -> Field:
    """Return a field whose base is the grey plane normal . p = offset_m, without features."""
    field = random_field(13, share=1.0)
    for level in levels_of(field):
        level.features[:], level.sums[:] = 0, 0
    index, voxels = field.base.blocks, field.base.voxels
    inside = np.stack(np.unravel_index(np.arange(512), (8, 8, 8)), axis=-1)
    coords = index.coords[: index.num_blocks[0], None]
    sdf_m = offset_m - (8 * coords + inside) * BASE_M @ normal
    voxels.sdf[: len(coords)] = np.round(np.clip(sdf_m / UNIT_M, -32767, 32767))
    voxels.weight[:] = 1
    voxels.color[:] = GRAY
    return field


def plane_batch(normal: np.ndarray, offset_m: float, num_rays: int, seed: int) -> RayBatch:
    """Return rays that meet a plane, with samples as `kernels.rays` draws them."""
    random = np.random.default_rng(seed)
    tangents = np.linalg.svd(normal[None])[2][1:]
    on_plane = offset_m * normal + random.uniform(-0.2, 0.2, (num_rays, 2)) @ tangents
    # beyond 0.9 truncations a cell may hold vertices that are clamped
    apart_m = random.uniform(0.0, 0.5 * TRUNCATION_M, (num_rays, NUM_BAND // 2))
    pairs = np.stack([apart_m, -apart_m], axis=2).reshape(num_rays, -1)
    middle, free = np.zeros((num_rays, NUM_BAND % 2)), np.full((num_rays, 1), 0.15)
    distance_m = np.concatenate([middle, pairs, free], axis=1)
    slant = normal + 0.3 * tangents[0]  # of slope 1
    points = on_plane[:, None] - distance_m[:, :, None] * slant
    rgb, weight = random.random((num_rays, 3)), np.ones(num_rays)
    return RayBatch(*map(as_float32, (points, distance_m, rgb, weight)))
