"""The gradients of the neural field's losses: numba against torch, both against differences."""

import numpy as np
import pytest

from kernels import field as field_ops
from kernels.field import (
    CURVATURE,
    FEATURES,
    FINE,
    GRADIENT,
    NUM_FEATURES,
    RECORD,
    RayBatch,
    StepWeights,
)

from .conftest import with_both
from .fields import (
    LEVELS,
    assert_like,
    copy_of,
    gradients,
    levels_of,
    part,
    random_batch,
    random_field,
)

pytestmark = pytest.mark.usefixtures("one_thread_of_torch")


def test_gradients_at_vertices_like_reference():
    """Walls tend to lie on them: weights of zero touch a vertex all the same."""
    field, batch = random_field(17), random_batch(17, 200)
    for axis in range(3):
        batch.points[axis::4, :, axis] = np.round(batch.points[axis::4, :, axis] / 0.12) * 0.12
    reference, cpu = with_both(lambda: gradients(field, batch))
    np.testing.assert_allclose(cpu[1], reference[1], rtol=1e-5)
    for l in range(len(LEVELS)):
        np.testing.assert_array_equal(np.sort(cpu[3][l]), reference[3][l])
        assert_like(
            part(levels_of(cpu[0])[l], GRADIENT), part(levels_of(reference[0])[l], GRADIENT), 1e-4
        )
    assert_like(part(cpu[0].color, CURVATURE), part(reference[0].color, CURVATURE), 1e-5)
    assert len(cpu[3][FINE]) > part(cpu[0].fine, GRADIENT).any(axis=1).sum()


def test_touched_are_the_vertices_with_a_gradient(backend: str):
    field = random_field(3)
    after, _, _, touched = gradients(field, random_batch(3, 200))
    for before, level, rows in zip(levels_of(field), levels_of(after), touched, strict=True):
        assert rows.dtype == np.int32
        assert len(rows) > 20
        np.testing.assert_array_equal(
            np.sort(rows), np.flatnonzero(part(level, GRADIENT).any(axis=1))
        )
        others = np.delete(np.arange(RECORD), np.s_[GRADIENT : GRADIENT + NUM_FEATURES])
        if level is after.color:
            grew = part(level, CURVATURE)[:, 0] > part(before, CURVATURE)[:, 0]
            assert grew[rows].mean() > 0.99  # the others' share is beneath rounding
            others = others[others != CURVATURE]
        np.testing.assert_array_equal(level.vertices[..., others], before.vertices[..., others])


def test_gradients_are_added(backend: str):
    """Two batches one after the other: the sum of both. So are curvatures."""
    field = random_field(4)
    before = part(field.color, CURVATURE)[:, 0]
    both, total, curvature = copy_of(field), [0.0] * len(LEVELS), before
    for seed in (0, 1):
        batch = random_batch(seed, 40)
        once, *_ = gradients(field, batch)
        field_ops.gradients(both, batch, StepWeights())
        total = [t + part(level, GRADIENT) for t, level in zip(total, levels_of(once), strict=True)]
        curvature = curvature + (part(once.color, CURVATURE)[:, 0] - before)
    assert_like(part(both.color, CURVATURE)[:, 0], curvature, 1e-6)
    for level, expected in zip(levels_of(both), total, strict=True):
        assert_like(part(level, GRADIENT), np.asarray(expected), 1e-6)


@pytest.mark.parametrize("name", LEVELS)
def test_gradients_are_the_slope_of_the_losses(backend: str, name: str):
    """Along the gradient the losses that a level learns from rise by its length."""
    field, batch = random_field(6), random_batch(6, 300)
    weights = StepWeights(near=0.9, free=0.7, depth=1.1, color=0.8, coarse=1.3)
    learned = {"fine": ["near", "free", "depth", "color"]}
    after, *_ = gradients(field, batch, weights)
    gradient = part(getattr(after, name), GRADIENT).astype(np.float64)
    length = np.linalg.norm(gradient)

    def loss(way: float) -> float:
        moved = copy_of(field)
        part(getattr(moved, name), FEATURES)[:] += way * gradient / length
        losses = gradients(moved, batch, weights)[1]
        return sum(getattr(weights, n, 1.0) * getattr(losses, n) for n in learned.get(name, [name]))

    way = 0.02  # over the hundreds of features that are touched: far below their size
    slope = (loss(way) - loss(-way)) / (2 * way)
    assert slope == pytest.approx(length, rel=0.01)


def test_color_decoder_gradient_is_the_slope_of_its_loss(backend: str):
    field, batch = random_field(7), random_batch(7, 300)
    weights = StepWeights(color=0.8)
    _, _, gradient, _ = gradients(field, batch, weights)
    for name, by_weight in gradient._asdict().items():
        length = np.linalg.norm(by_weight)

        def loss(way: float, name: str = name, by_weight: np.ndarray = by_weight) -> float:
            moved = getattr(field.decoders, name) + way * by_weight / np.linalg.norm(by_weight)
            decoders = field.decoders._replace(**{name: moved.astype(np.float32)})
            return weights.color * gradients(field._replace(decoders=decoders), batch)[1].color

        slope = (loss(0.02) - loss(-0.02)) / 0.04
        assert slope == pytest.approx(length, rel=0.01)


def test_coarser_levels_learn_from_their_own_losses_only(backend: str):
    field, batch = random_field(8), random_batch(8, 100)
    everything, *_ = gradients(field, batch)
    alone, _, d_decoder, touched = gradients(field, batch, StepWeights(0.0, 0.0, 0.0, 0.0))
    for a, b in zip(levels_of(alone)[:FINE], levels_of(everything)[:FINE], strict=True):
        np.testing.assert_array_equal(part(a, GRADIENT), part(b, GRADIENT))
    assert not part(alone.fine, GRADIENT).any()
    assert not part(alone.color, GRADIENT).any()
    assert [len(rows) > 0 for rows in touched] == [True, True, False, False]
    assert not d_decoder.color_w1.any()
    assert not d_decoder.color_w2.any()
    without_color, *_ = gradients(field, batch, StepWeights(color=0.0))
    assert part(without_color.fine, GRADIENT).any()
    assert not part(without_color.color, GRADIENT).any()


@pytest.mark.parametrize("name", RayBatch._fields)
def test_wrong_batches_are_refused(name: str):
    field, batch = random_field(0), random_batch(0, 6)
    array = getattr(batch, name)
    for wrong in (array.astype(np.float64), array[..., None], array[:-1][::2]):
        with pytest.raises(ValueError, match="must be"):
            field_ops.gradients(field, batch._replace(**{name: wrong}), StepWeights())
