"""Colour of the neural field: the base's, and what is learned on it."""

from itertools import count

import numpy as np
import pytest

from kernels import blocks as block_ops
from kernels import field as field_ops
from kernels import field_update
from kernels.field import (
    COLOR,
    CURVATURE,
    NUM_BAND,
    Field,
    Level,
    RayBatch,
    StepWeights,
)

from .conftest import with_both
from .fields import (
    BASE_M,
    GRAY,
    NORMAL,
    SIZES,
    SPACINGS_M,
    as_float32,
    dense,
    gradients,
    plane_batch,
    plane_field,
    random_field,
    random_points,
    sums_of,
)

pytestmark = pytest.mark.usefixtures("one_thread_of_torch")

SPACING_M = SPACINGS_M["color"]
SEEDS = count()
ULP = 2**-8  # of numbers below 1: what a colour that is kept differs by
FLAT = np.array([51, 128, 230], np.float32) / 255  # a colour that uint8 holds


def flat_field() -> Field:
    """Return a grey plane, with a decoder that adds nothing."""
    field = plane_field(NORMAL, 0.05)
    field.decoders.color_w2[:] = 0.0
    return field


def flat_batch(num_rays: int = 100) -> RayBatch:
    """Return rays that meet the plane and see one colour."""
    batch = plane_batch(NORMAL, 0.05, num_rays, seed=1)
    batch.rgb[:] = FLAT
    return batch


def field_at_origin(coords: list[list[int]]) -> Field:
    """Return a flat field on the plane x = 0.01 m, its colour level of given blocks only."""
    normal = np.array([1.0, 0.0, 0.0])
    field = plane_field(normal, 0.01)
    field.decoders.color_w2[:] = 0.0
    index = block_ops.new_index(len(coords) + 1)
    assert block_ops.insert_blocks(index, np.array(coords, np.int32))
    level = Level(index, *field_ops.new_vertices(len(coords) + 1), field.color.spacing_m)
    return field._replace(color=level)


def rays_at(positions: np.ndarray, rgb: np.ndarray) -> RayBatch:
    """Return rays whose band lies at one position each, in colour spacings."""
    points = np.repeat(SPACING_M * np.asarray(positions)[:, None], NUM_BAND + 1, axis=1)
    distance_m = 0.01 - points[:, :, 0]
    return RayBatch(*map(as_float32, (points, distance_m, rgb, np.ones(len(rgb)))))


def row(x: int, y: int, z: int) -> int:
    return x * 64 + y * 8 + z


def step(field: Field, batch: RayBatch, limit: float = 1.0, prior: float = 0.0) -> field_ops.Losses:
    losses, _, touched = field_ops.gradients(field, batch, StepWeights())
    field_update.relax(field.color, touched[COLOR], limit, prior, np.array([next(SEEDS)]))
    return losses


# Relaxation


def test_without_a_prior_the_first_step_takes_on_the_seen_color(backend: str):
    field, batch = flat_field(), flat_batch()
    points = batch.points[:, :NUM_BAND].reshape(-1, 3)
    rgb, is_known = field_ops.color(field, points)
    assert is_known.all()
    assert (rgb == GRAY).all()
    first = step(field, batch)
    assert first.color == pytest.approx(((FLAT - GRAY / 255) ** 2).sum(), rel=1e-5)
    rgb, is_known = field_ops.color(field, points)
    assert is_known.all()
    np.testing.assert_allclose(rgb, np.tile(255 * FLAT, (len(points), 1)), atol=0.5 + 255 * ULP)
    assert step(field, batch).color < 3 * ULP**2


@pytest.mark.parametrize("num_seen", [2, 5])
def test_vertices_average_what_they_have_seen(backend: str, num_seen: int):
    """The n-th reading has a share of 1 / n."""
    field, batch = flat_field(), flat_batch()
    seen = np.random.default_rng(0).random((num_seen, 3))
    for rgb in seen:
        batch.rgb[:] = rgb
        step(field, batch)
    batch.rgb[:] = seen.mean(axis=0)
    assert gradients(field, batch)[1].color < 3 * ULP**2


@pytest.mark.parametrize("memory", [0.1, 1.0, 3.0])
def test_what_is_new_outweighs_an_old_memory(backend: str, memory: float):
    """However much one batch says of a vertex, it moves towards that and never beyond."""
    field, batch = flat_field(), rays_at(np.tile([[0.5, 0.5, 0.5]], (8, 1)), np.tile(FLAT, (8, 1)))
    # each of eight rays is an eighth of the batch, and each corner an eighth of its cell
    limit = memory * 2 * StepWeights().color / 8
    for _ in range(20):
        step(field, batch, limit)
    batch.rgb[:] = 1.0 - FLAT
    before = gradients(field, batch)[1].color
    after = [step(field, batch, limit).color for _ in range(30)]
    assert after[0] == pytest.approx(before)
    assert (np.diff(after) <= 2 * ULP * np.sqrt(after[:-1]) + ULP**2).all()
    # of curvatures limit and one: limit / (limit + one) of the error is left, squared in the loss
    assert after[1] <= ((memory / (memory + 1) + ULP) * np.sqrt(before) + ULP) ** 2


@pytest.mark.parametrize("prior", [1.0, 3.0])
def test_the_base_counts_as_some_readings(backend: str, prior: float):
    """Of so many as are seen once, a step leaves prior / (prior + 1) of the error."""
    field, batch = flat_field(), rays_at(np.tile([[0.5, 0.5, 0.5]], (8, 1)), np.tile(FLAT, (8, 1)))
    before = gradients(field, batch)[1].color
    step(field, batch, prior=prior * 2 * StepWeights().color / 8)
    after = gradients(field, batch)[1].color
    assert np.sqrt(after / before) == pytest.approx(prior / (prior + 1), abs=ULP)


# The base


def test_color_is_interpolated_between_the_voxels_that_have_one(backend: str):
    field = flat_field()
    voxels, random = field.base.voxels, np.random.default_rng(0)
    has_color = random.random(voxels.sdf.shape) < 0.3
    voxels.color[:, :3] = 255  # of those without a colour it counts for nothing
    voxels.color[:, :3] = np.where(has_color[:, None], 40, voxels.color[:, :3])
    voxels.color[:, 3] = has_color
    rgb, is_known = field_ops.color(field, random_points(0, (2000,)))
    assert 0.85 < is_known.mean() < 0.98  # 1 - 0.7 ** 8
    assert (rgb[is_known] == 40).all()
    assert not rgb[~is_known].any()
    voxels.color[:, :3] = np.arange(8)[None, None, :].repeat(64, axis=2).reshape(1, 1, 512)
    voxels.color[:, 3] = 1
    inside = random.uniform(0.0, 6.99, (200, 3))
    rgb, is_known = field_ops.color(field, as_float32((8 + inside) * BASE_M))
    assert is_known.all()
    np.testing.assert_allclose(rgb[:, 0], inside[:, 0], atol=0.51)


def test_where_the_base_has_no_color_nothing_is_learned(backend: str):
    field, batch = flat_field(), flat_batch()
    field.base.voxels.color[:, 3] = 0
    after, losses, _, touched = gradients(field, batch)
    assert losses.color == 0.0
    assert len(touched[COLOR].rows) == 0
    assert not sums_of(after.color).any()


def test_a_color_that_is_right_adds_to_the_curvature(backend: str):
    """A ray's is shared among the corners by their trilinear weights; nothing moves."""
    field = field_at_origin([[0, 0, 0]])
    grey = np.full((1, 3), GRAY / 255)
    after, losses, _, touched = gradients(field, rays_at(np.array([[0.5, 1.25, 1.5]]), grey))
    assert losses.color < 1e-12
    corners = [row(x, y, z) for x in (0, 1) for y in (1, 2) for z in (1, 2)]
    np.testing.assert_array_equal(np.sort(touched[COLOR].rows), corners)
    np.testing.assert_allclose(dense(after.color, touched[COLOR]), 0.0, atol=1e-7)
    share = np.array([0.1875, 0.1875, 0.0625, 0.0625] * 2)
    added = dense(after.color, touched[COLOR], CURVATURE)[corners]
    np.testing.assert_allclose(added, 2 * StepWeights().color * share, atol=2e-7)


@pytest.mark.parametrize("num_points", SIZES)
def test_color_of_scattered_blocks_like_reference(num_points: int):
    """Half of the blocks are missing: most cells at their borders lack a corner."""
    field = random_field(num_points, share=0.5)
    points = random_points(num_points, (num_points,))
    reference, cpu = with_both(lambda: field_ops.color(field, points))
    np.testing.assert_array_equal(cpu[1], reference[1])
    np.testing.assert_allclose(cpu[0].astype(int), reference[0].astype(int), atol=1)
    if num_points > 100:
        assert 0.2 < cpu[1].mean() < 0.6
