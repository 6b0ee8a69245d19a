"""The gradients of the neural field's losses: numba against torch, both against differences."""

import numpy as np
import pytest

from kernels import field as field_ops
from kernels.field import (
    COLOR,
    CURVATURE,
    FINE,
    MIDDLE,
    RayBatch,
    StepWeights,
)

from .conftest import with_both
from .fields import (
    LEVELS,
    assert_like,
    copy_of,
    dense,
    features_of,
    gradients,
    levels_of,
    random_batch,
    random_field,
    set_features,
)

WAY = 0.05
pytestmark = pytest.mark.usefixtures("one_thread_of_torch")


def test_gradients_at_vertices_like_reference():
    """Walls tend to lie on them: weights of zero touch a vertex all the same."""
    field, batch = random_field(17), random_batch(17, 200)
    for axis in range(3):
        batch.points[axis::4, :, axis] = np.round(batch.points[axis::4, :, axis] / 0.12) * 0.12
    reference, cpu = with_both(lambda: gradients(field, batch))
    np.testing.assert_allclose(cpu[1], reference[1], rtol=1e-5)
    for l in range(len(LEVELS)):
        np.testing.assert_array_equal(np.sort(cpu[3][l].rows), reference[3][l].rows)
        assert_like(
            dense(levels_of(field)[l], cpu[3][l]), dense(levels_of(field)[l], reference[3][l]), 1e-4
        )
    bends = (dense(field.color, result[3][COLOR], CURVATURE) for result in (cpu, reference))
    assert_like(*bends, 1e-5)
    assert len(cpu[3][FINE].rows) > cpu[3][FINE].gradient.any(axis=1).sum()


def test_touched_are_the_vertices_with_a_gradient(backend: str):
    """Nothing of them changes yet."""
    field = random_field(3)
    after, _, _, touched = gradients(field, random_batch(3, 200))
    for before, level, (rows, gradient) in zip(
        levels_of(field), levels_of(after), touched, strict=True
    ):
        assert (rows.dtype, gradient.dtype) == (np.int32, np.float32)
        assert len(np.unique(rows)) == len(rows) > 20
        assert gradient.any(axis=1).all()
        np.testing.assert_array_equal(level.features, before.features)
        np.testing.assert_array_equal(level.sums, before.sums)
        assert (gradient[:, CURVATURE] > 0.0).all() == (level is after.color)
        assert gradient[:, CURVATURE].any() == (level is after.color)


@pytest.mark.parametrize("name", LEVELS)
def test_gradients_are_the_slope_of_the_losses(backend: str, name: str):
    """Along the gradient the losses that a level learns from rise by its length."""
    field, batch = random_field(6), random_batch(6, 300)
    weights = StepWeights(near=0.9, free=0.7, depth=1.1, color=0.8)
    learned = {"fine": ["near", "free", "depth", "color"]}
    touched = gradients(field, batch, weights)[3]
    gradient = dense(getattr(field, name), touched[LEVELS.index(name)]).astype(np.float64)
    start = features_of(getattr(field, name)).astype(np.float64)

    def moved_by(way: float) -> tuple[np.ndarray, float]:
        moved = copy_of(field)
        level = getattr(moved, name)
        set_features(level, start + way * gradient / np.linalg.norm(gradient))
        losses, names = gradients(moved, batch, weights)[1], learned.get(name, [name])
        total = sum(getattr(weights, n, 1.0) * getattr(losses, n) for n in names)
        return features_of(level), total

    # over the hundreds of features that are touched: far below their size, but not below rounding
    (far, high), (near, low) = moved_by(WAY), moved_by(-WAY)
    assert high - low == pytest.approx((gradient * (far.astype(np.float64) - near)).sum(), rel=0.02)


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


def test_the_middle_level_learns_from_its_own_loss_only(backend: str):
    field, batch = random_field(8), random_batch(8, 100)
    everything = gradients(field, batch)[3]
    _, _, d_decoder, alone = gradients(field, batch, StepWeights(0.0, 0.0, 0.0, 0.0))
    for a, b in zip(alone[MIDDLE], everything[MIDDLE], strict=True):
        np.testing.assert_array_equal(a, b)
    assert [len(touched.rows) > 0 for touched in alone] == [True, False, False]
    assert not d_decoder.color_w1.any()
    assert not d_decoder.color_w2.any()
    without_color = gradients(field, batch, StepWeights(color=0.0))[3]
    assert without_color[FINE].gradient.any()
    assert not len(without_color[COLOR].rows)


@pytest.mark.parametrize("name", RayBatch._fields)
def test_wrong_batches_are_refused(name: str):
    field, batch = random_field(0), random_batch(0, 6)
    array = getattr(batch, name)
    for wrong in (array.astype(np.float64), array[..., None], array[:-1][::2]):
        with pytest.raises(ValueError, match="must be"):
            field_ops.gradients(field, batch._replace(**{name: wrong}), StepWeights())
