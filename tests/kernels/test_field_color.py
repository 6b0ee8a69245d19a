"""Colour of the neural field: what teaches it, and what it makes of that."""

import numpy as np
import pytest

from kernels import blocks as block_ops
from kernels import field as field_ops
from kernels.field import (
    COLOR,
    CURVATURE,
    FEATURES,
    GRADIENT,
    NUM_BAND,
    RECORD,
    Field,
    Level,
    RayBatch,
    StepWeights,
)

from .conftest import with_both
from .fields import (
    NORMAL,
    SIZES,
    SPACINGS_M,
    as_float32,
    copy_of,
    gradients,
    new_level,
    part,
    plane_batch,
    plane_field,
    random_batch,
    random_field,
    random_points,
)

pytestmark = pytest.mark.usefixtures("one_thread_of_torch")

SPACING_M = SPACINGS_M["color"]
FLAT = np.array([51, 128, 230], np.float32) / 255  # a colour that uint8 holds


def flat_field() -> Field:
    """Return a plane whose colour nothing has taught, with a decoder that adds nothing."""
    field = plane_field(NORMAL, 0.05)
    part(field.color, FEATURES)[:] = 7.0  # what is not taught counts for nothing
    part(field.color, CURVATURE)[:] = 0.0
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


def step(field: Field, batch: RayBatch, limit: float = 1.0) -> field_ops.Losses:
    losses, _, touched = field_ops.gradients(field, batch, StepWeights())
    field_ops.relax(field.color, touched[COLOR], limit)
    return losses


# Relaxation


def test_the_first_step_takes_on_the_seen_color(backend: str):
    field, batch = flat_field(), flat_batch()
    points = batch.points[:, :NUM_BAND].reshape(-1, 3)
    assert not field_ops.color(field, points)[1].any()
    first = step(field, batch)
    assert first.color == pytest.approx(((FLAT - 0.5) ** 2).sum(), rel=1e-5)
    rgb, is_known = field_ops.color(field, points)
    assert is_known.all()
    np.testing.assert_array_equal(rgb, np.tile(np.round(255 * FLAT), (len(points), 1)))
    assert step(field, batch).color < 1e-10


@pytest.mark.parametrize("num_seen", [2, 5])
def test_vertices_average_what_they_have_seen(backend: str, num_seen: int):
    """The n-th reading has a share of 1 / n."""
    field, batch = flat_field(), flat_batch()
    seen = np.random.default_rng(0).random((num_seen, 3))
    for rgb in seen:
        batch.rgb[:] = rgb
        step(field, batch)
    batch.rgb[:] = seen.mean(axis=0)
    assert gradients(field, batch)[1].color < 1e-9


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
    assert (np.diff(after) <= 1e-9).all()
    # of curvatures limit and one: limit / (limit + one) of the error is left, squared in the loss
    assert after[1] <= (memory / (memory + 1)) ** 2 * before * (1 + 1e-4)


# Vertices that nothing has taught


def test_untaught_vertices_do_not_darken_the_color(backend: str):
    """Every other vertex at random is taught; where one of a cell's is, the colour is theirs."""
    field = random_field(3)
    field.decoders.color_w2[:] = 0.0
    is_taught = part(field.color, CURVATURE)[:, 0] > 0
    part(field.color, FEATURES)[:] = -9.0
    part(field.color, FEATURES)[is_taught, :3] = FLAT - 0.5
    rgb, is_known = field_ops.color(field, random_points(0, (2000,)))
    assert 0.8 < is_known.mean() < 0.95  # some blocks are missing
    np.testing.assert_array_equal(rgb[is_known], np.tile(np.round(255 * FLAT), (is_known.sum(), 1)))
    assert not rgb[~is_known].any()


def test_untaught_vertices_take_no_part_in_the_losses(backend: str):
    """Whatever their features are."""
    field, batch = random_field(3), random_batch(3, 100)
    other = copy_of(field)
    part(other.color, FEATURES)[part(other.color, CURVATURE)[:, 0] == 0] = 100.0
    a, b = gradients(field, batch), gradients(other, batch)
    assert a[1] == b[1]
    np.testing.assert_array_equal(part(a[0].color, GRADIENT), part(b[0].color, GRADIENT))
    rows = a[3][COLOR]
    np.testing.assert_array_equal(a[0].color.vertices.reshape(-1, RECORD)[rows],
                                  b[0].color.vertices.reshape(-1, RECORD)[rows])  # fmt: skip


def test_a_color_that_is_right_still_teaches(backend: str):
    """Without a gradient the corners are touched, and keep what they counted as."""
    field = field_at_origin([[0, 0, 0]])
    part(field.color, CURVATURE)[row(0, 1, 1), 0] = 1.0
    part(field.color, FEATURES)[row(0, 1, 1), :3] = [0.25, -0.25, 0.125]
    rgb = 0.5 + np.array([[0.25, -0.25, 0.125]])
    after, losses, _, touched = gradients(field, rays_at(np.array([[0.5, 1.25, 1.5]]), rgb))
    assert losses.color < 1e-12
    corners = [row(x, y, z) for x in (0, 1) for y in (1, 2) for z in (1, 2)]
    np.testing.assert_array_equal(np.sort(touched[COLOR]), corners)
    features = part(after.color, FEATURES)[corners]
    np.testing.assert_allclose(features[:, :3], np.tile([0.25, -0.25, 0.125], (8, 1)), atol=1e-7)
    # a ray's curvature is shared among the corners by their trilinear weights
    added = part(after.color, CURVATURE)[corners, 0] - np.eye(8)[0]
    share = np.array([0.1875, 0.1875, 0.0625, 0.0625] * 2)
    np.testing.assert_allclose(added, 2 * StepWeights().color * share, atol=2e-7)


@pytest.mark.parametrize("y", [1.0, 1.5])
def test_a_vertex_starts_from_the_first_sample_that_touches_it(backend: str, y: float):
    """Two cells side by side see others; at y = 1 what they share has a weight of zero."""
    field = field_at_origin([[0, 0, 0]])
    for taught, value in ((1, 0.25), (3, -0.125)):
        part(field.color, CURVATURE)[row(0, taught, 1), 0] = 1.0
        part(field.color, FEATURES)[row(0, taught, 1), :3] = value
    grey = np.full((2, 3), 0.5)
    near = np.array([[0.5, y, 1.5], [0.5, 2.5, 1.5]])
    for order in (near, near[::-1]):
        after = gradients(field, rays_at(order, grey))[0]
        kept = part(after.color, FEATURES)[row(1, 2, 2), :3]
        np.testing.assert_allclose(kept, 0.25 if order is near else -0.125, atol=1e-6)


# The border of what has blocks


@pytest.mark.parametrize("axis", range(3))
def test_partial_cells_at_the_border_decode(backend: str, axis: int):
    """Beyond the last vertex of a block without a neighbour the colour stays as it is there."""
    level = new_level("color", np.random.default_rng(0), share=0.5)
    index = block_ops.new_index(2)
    assert block_ops.insert_blocks(index, np.zeros((1, 3), np.int32))
    level = Level(index, level.vertices[:2].copy(), level.marks[:2].copy(), level.spacing_m)
    part(level, CURVATURE)[:] = 1.0
    field = random_field(0)._replace(color=level)
    inside = np.random.default_rng(1).uniform(0.0, 7.0, (200, 3))
    inside[:, axis] = 7.0
    beyond = inside + np.eye(3)[axis] * np.linspace(0.0, 0.99, 200)[:, None]
    # half a spacing more keeps float32 from rounding to the vertices before the last
    at_last, is_known = field_ops.color(field, as_float32(SPACING_M * (inside + 1e-4)))
    assert is_known.all()
    rgb, is_known = field_ops.color(field, as_float32(SPACING_M * (beyond + 1e-4)))
    assert is_known.all()
    np.testing.assert_allclose(rgb.astype(int), at_last.astype(int), atol=1)
    outside = as_float32(SPACING_M * (beyond + 1.01 * np.eye(3)[axis]))
    assert not field_ops.color(field, outside)[1].any()


def test_partial_cells_at_the_border_learn(backend: str):
    """A wall in the last layer of a block is taught though nothing is behind it."""
    field = field_at_origin([[-1, 0, 0], [0, 0, 0]])
    after, _, _, touched = gradients(field, rays_at(np.array([[0.5, 7.5, 7.25]]), FLAT[None]))
    slot = int(block_ops.find_blocks(field.color.blocks, np.zeros((1, 3), np.int32))[0])
    rows = [512 * slot + row(x, 7, 7) for x in (0, 1)]
    np.testing.assert_array_equal(np.sort(touched[COLOR]), rows)
    np.testing.assert_allclose(
        part(after.color, CURVATURE)[rows, 0], StepWeights().color, rtol=1e-5
    )
    field_ops.relax(after.color, touched[COLOR], 1.0)
    rgb, _ = field_ops.color(after, as_float32(SPACING_M * np.array([[0.1, 7.9, 7.9]])))
    np.testing.assert_array_equal(rgb[0], np.round(255 * FLAT))


@pytest.mark.parametrize("num_points", SIZES)
def test_color_of_scattered_blocks_like_reference(num_points: int):
    """Half of the blocks are missing: most cells at their borders lack a corner."""
    field = random_field(num_points, share=0.5)
    points = random_points(num_points, (num_points,))
    reference, cpu = with_both(lambda: field_ops.color(field, points))
    np.testing.assert_array_equal(cpu[1], reference[1])
    np.testing.assert_allclose(cpu[0].astype(int), reference[0].astype(int), atol=1)
    slots = block_ops.find_blocks(
        field.color.blocks, np.floor(points / (8 * field.color.spacing_m)).astype(np.int32)
    )
    assert (cpu[1] <= (slots >= 0)).all()
    if num_points > 100:
        assert cpu[1].sum() > 0.9 * (slots >= 0).sum()
