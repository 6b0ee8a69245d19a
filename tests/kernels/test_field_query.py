"""The neural field at points: numba against torch, both against mathematics."""

import numpy as np
import pytest

from kernels import field as field_ops
from kernels import tsdf as tsdf_ops
from kernels.field import (
    COLOR,
    FEATURES,
    NUM_FEATURES,
)

from .fields import (
    SPACINGS_M,
    TRUNCATION_M,
    UNIT_M,
    as_float32,
    levels_of,
    part,
    random_field,
    random_points,
)

pytestmark = pytest.mark.usefixtures("one_thread_of_torch")


@pytest.mark.parametrize("is_seeded", [True, False])
def test_query_gradient_is_that_of_the_distance(backend: str, is_seeded: bool):
    field = random_field(5, is_seeded, share=1.0)
    middle_of_cells = np.random.default_rng(0).integers(-14, 14, (800, 3)) + 0.5
    points = middle_of_cells * SPACINGS_M["fine"]
    _, gradient, is_valid = field_ops.query(field, as_float32(points))
    apart_m = 0.01 * SPACINGS_M["fine"]
    for axis in range(3):
        offset = apart_m * np.eye(3)[axis]
        after, _, _ = field_ops.query(field, as_float32(points + offset))
        before, _, _ = field_ops.query(field, as_float32(points - offset))
        slope = (after.astype(np.float64) - before) / (2 * apart_m)
        error = np.abs(slope - gradient[:, axis])[is_valid]
        # a distance is good to 1e-7 m or so, on 0.6 mm; some have the kink of a ReLU in between
        assert np.median(error) < 1e-3
        assert error.mean() < 0.01 * np.abs(slope[is_valid]).mean()
    assert is_valid.mean() > 0.8


def test_without_fine_features_the_distance_is_the_fused_mean(backend: str):
    """Whatever the middle features are: the residual is zero, and so is its gradient."""
    field = random_field(1)
    part(field.fine, FEATURES)[:] = 0.0
    points = random_points(1, (3000,))
    sdf_m, gradient, is_valid = field_ops.query(field, points)
    mean = tsdf_ops.query(field.fine.blocks, field.mean, points, SPACINGS_M["fine"], UNIT_M)
    np.testing.assert_array_equal(is_valid, mean[2])
    np.testing.assert_allclose(sdf_m, mean[0], atol=1e-6)
    np.testing.assert_allclose(gradient, mean[1], atol=1e-4)  # of slopes up to 8


def test_zero_features_decode_to_zero_distance_and_grey(backend: str):
    field = random_field(1, is_seeded=False)
    for level in levels_of(field):
        part(level, FEATURES)[:] = 0.0
    points = random_points(1, (500,))
    sdf_m, gradient, is_valid = field_ops.query(field, points)
    assert is_valid.any()
    assert not sdf_m.any()
    assert not gradient.any()
    predicted_m, _ = field_ops.predict(field, points)
    assert not predicted_m.any()
    rgb, is_known = field_ops.color(field, points)
    assert (rgb[is_known] == 128).all()


def test_features_decode_as_the_contract_says(backend: str):
    """Features that are the same everywhere interpolate to themselves."""
    field = random_field(2, is_seeded=False, share=1.0)
    phi = np.random.default_rng(0).normal(size=(4, NUM_FEATURES)).astype(np.float32)
    phi[COLOR] *= 0.1
    for level, features in zip(levels_of(field), phi, strict=True):
        part(level, FEATURES)[:] = features
    points = random_points(3, (100,))
    d = field.decoders

    def hidden(w1: np.ndarray, *features: np.ndarray) -> np.ndarray:
        return np.maximum(np.concatenate(features) @ w1, 0.0)

    zero = np.zeros(NUM_FEATURES, np.float32)
    coarse, middle, fine, color = phi
    coarse_m = SPACINGS_M["coarse"] * (coarse[0] + d.coarse_w2 @ hidden(d.coarse_w1, coarse))
    base = middle[0] + d.middle_w2 @ hidden(d.middle_w1, middle)
    change = hidden(d.fine_w1, fine, middle) - hidden(d.fine_w1, zero, middle)
    sdf_m = TRUNCATION_M * (base + fine[0] + d.fine_w2 @ change)
    rgb = 0.5 + color[:3] + hidden(d.color_w1, color) @ d.color_w2

    values_m, gradient, is_valid = field_ops.query(field, points)
    np.testing.assert_allclose(values_m[is_valid], sdf_m, atol=1e-6)
    np.testing.assert_allclose(gradient[is_valid], 0.0, atol=1e-4)  # 33 / m times 1e-6
    predicted_m, is_known = field_ops.predict(field, points)
    np.testing.assert_allclose(predicted_m[is_known], coarse_m, atol=1e-6)
    values, is_known = field_ops.color(field, points)
    np.testing.assert_allclose(values[is_known], np.tile(255 * rgb, (is_known.sum(), 1)), atol=0.51)


@pytest.mark.parametrize("op", [field_ops.query, field_ops.predict, field_ops.color])
def test_wrong_points_are_refused(op):
    field, points = random_field(0), random_points(0, (4,))
    wrong = [points.astype(np.float64), points[:, :2].copy(), points[0], points[::2]]
    for array in wrong:
        with pytest.raises(ValueError, match="points must be"):
            op(field, array)
