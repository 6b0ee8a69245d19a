"""The neural field's losses, against mathematics."""

import numpy as np
import pytest

from kernels import blocks as block_ops
from kernels import field as field_ops
from kernels.field import (
    COLOR,
    FINE,
    MIDDLE,
    NUM_BAND,
    NUM_SAMPLES,
    RayBatch,
)

from .fields import (
    GRAY,
    LEVELS,
    NORMAL,
    TRUNCATION_M,
    gradients,
    levels_of,
    plane_batch,
    plane_field,
    random_batch,
    random_field,
    random_points,
    set_features,
)

pytestmark = pytest.mark.usefixtures("one_thread_of_torch")


def test_rays_without_weight_are_left_out(backend: str):
    field, batch = random_field(9), random_batch(9, 65)
    batch.weight[::3] = 0.0
    expected = gradients(field, batch)
    batch.points[::3] = random_points(1, (22, NUM_SAMPLES))
    batch.distance_m[::3] = 1.0
    batch.rgb[::3] = 0.5
    actual = gradients(field, batch)
    assert actual[1] == expected[1]
    for a, b in zip(levels_of(actual[0]), levels_of(expected[0]), strict=True):
        np.testing.assert_array_equal(a.features, b.features)


def test_losses_are_means_over_all_rays(backend: str):
    """Rays twice in a batch count as once; half the weights give half the losses."""
    field, batch = random_field(10), random_batch(10, 40)
    losses = np.array(gradients(field, batch)[1])
    twice = RayBatch(*(np.concatenate([array, array]) for array in batch))
    np.testing.assert_allclose(gradients(field, twice)[1], losses, rtol=1e-5)
    half = batch._replace(weight=batch.weight / 2)
    np.testing.assert_allclose(gradients(field, half)[1], losses / 2, rtol=1e-5)


def test_no_rays(backend: str):
    field = random_field(11)
    _, losses, d_decoder, touched = gradients(field, random_batch(0, 0))
    assert losses == field_ops.Losses(0.0, 0.0, 0.0, 0.0, 0.0)
    assert [len(part.rows) for part in touched] == [0, 0, 0]
    assert not d_decoder.color_w1.any()


@pytest.mark.parametrize("name", LEVELS)
def test_a_level_without_blocks_takes_no_part(backend: str, name: str):
    field, batch = random_field(12), random_batch(12, 50)
    empty = getattr(field, name)._replace(blocks=block_ops.new_index(1))
    _, losses, _, touched = gradients(field._replace(**{name: empty}), batch)
    is_gone = [name]  # without the fine level the base alone is measured
    for loss, value in losses._asdict().items():
        assert (value == 0.0) == (loss in is_gone)
    assert len(touched[LEVELS.index(name)].rows) == 0
    assert np.isfinite(touched[FINE].gradient).all()


def test_where_the_base_is_not_known_only_the_middle_level_learns(backend: str):
    field, batch = random_field(12), random_batch(12, 50)
    base = field.base._replace(blocks=block_ops.new_index(1))
    _, losses, _, touched = gradients(field._replace(base=base), batch)
    for loss, value in losses._asdict().items():
        assert (value == 0.0) == (loss != "middle")
    num_touched = [len(part.rows) for part in touched]
    assert num_touched[COLOR] == num_touched[FINE] == 0 < num_touched[MIDDLE]


def test_the_true_field_has_no_loss(backend: str):
    """Symmetric samples render the depth that was measured, whatever the width of the weight."""
    field, batch = plane_field(NORMAL, 0.05), plane_batch(NORMAL, 0.05, 100, seed=0)
    _, losses, _, _ = gradients(field, batch)
    # 16 bits: half a unit of 1 / 32000 truncations; free space is clamped there and rounds by as
    # much
    assert losses.near < NUM_BAND * (0.5 / 32000 + 1e-6) ** 2
    assert losses.depth < (1.0 / 32000) ** 2
    assert losses.free < 1e-3
    shifted = batch._replace(distance_m=batch.distance_m + np.float32(0.01))
    _, losses, _, _ = gradients(field, shifted)
    assert losses.near == pytest.approx(NUM_BAND * (0.01 / TRUNCATION_M) ** 2, rel=0.01)
    assert losses.depth == pytest.approx((0.01 / TRUNCATION_M) ** 2, rel=0.01)


def test_one_color_everywhere_has_no_color_loss(backend: str):
    field, batch = plane_field(NORMAL, 0.05), plane_batch(NORMAL, 0.05, 100, seed=1)
    field.decoders.color_w2[:] = 0.0
    batch.rgb[:] = [0.2, 0.5, 0.9]
    set_features(field.color, np.append(batch.rgb[0] - GRAY / 255, 0.0))
    assert gradients(field, batch)[1].color < 3 * 2**-20  # of features rounded by 2^-10
    batch.rgb[:] += 0.1
    assert gradients(field, batch)[1].color == pytest.approx(3 * 0.01, rel=0.02)
    batch.rgb[:] = -1.0
    assert gradients(field, batch)[1].color == 0.0


def test_the_middle_level_without_features(backend: str):
    """It says zero: the band misses its distances, and free space one truncation."""
    field, batch = plane_field(NORMAL, 0.05), plane_batch(NORMAL, 0.05, 50, seed=2)
    losses = gradients(field, batch)[1]
    assert losses.middle == pytest.approx(
        ((batch.distance_m[:, :NUM_BAND] / TRUNCATION_M) ** 2).sum(axis=1).mean() + 1.0, rel=1e-4
    )
