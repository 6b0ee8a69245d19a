"""The neural field at points: numba against torch, both against mathematics."""

import numpy as np
import pytest

from kernels import blocks as block_ops
from kernels import field as field_ops
from kernels import tsdf as tsdf_ops
from kernels.bfloat16 import narrowed, widened
from kernels.field import (
    COLOR,
    NUM_FEATURES,
    NUM_LEVELS,
)

from .fields import (
    BASE_M,
    GRAY,
    NORMAL,
    TRUNCATION_M,
    UNIT_M,
    as_float32,
    copy_of,
    levels_of,
    plane_field,
    random_field,
    random_points,
    set_features,
)

pytestmark = pytest.mark.usefixtures("one_thread_of_torch")


def test_query_gradient_is_that_of_the_distance(backend: str):
    field = random_field(5, share=1.0)
    middle_of_cells = np.random.default_rng(0).integers(-28, 28, (800, 3)) + 0.5
    points = middle_of_cells * BASE_M
    _, gradient, is_valid = field_ops.query(field, as_float32(points))
    apart_m = 0.01 * BASE_M
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


def test_without_fine_features_the_distance_is_that_of_the_base(backend: str):
    """Whatever the middle features are: the residual is zero, and so is its gradient."""
    field = random_field(1)
    points = random_points(1, (3000,))
    base = tsdf_ops.query(field.base.blocks, field.base.voxels, points, BASE_M, UNIT_M)
    gone = field.fine._replace(blocks=block_ops.new_index(1))
    zero = copy_of(field).fine
    zero.features[:] = 0
    for fine in (gone, zero):
        sdf_m, gradient, is_valid = field_ops.query(field._replace(fine=fine), points)
        np.testing.assert_array_equal(is_valid, base[2])
        np.testing.assert_allclose(sdf_m, base[0], atol=3e-6)
        np.testing.assert_allclose(gradient, base[1], atol=2e-4)  # of slopes up to 16
    assert (field_ops.query(field, points)[0] != base[0])[base[2]].mean() > 0.5


def test_zero_features_add_nothing(backend: str):
    field = plane_field(NORMAL, 0.05)
    points = random_points(1, (500,))
    rgb, is_known = field_ops.color(field, points)
    assert is_known.mean() > 0.9
    assert (rgb[is_known] == GRAY).all()


def test_features_decode_as_the_contract_says(backend: str):
    """Features that are the same everywhere interpolate to themselves."""
    field = random_field(2, share=1.0)
    base_m, base_color = 0.25 * TRUNCATION_M, np.array([0.2, 0.4, 0.6])
    field.base.voxels.sdf[:] = 8000
    field.base.voxels.color[:, :3] = np.array([51, 102, 153])[:, None]
    phi = np.random.default_rng(0).normal(size=(NUM_LEVELS, NUM_FEATURES)).astype(np.float32)
    phi[COLOR] *= 0.05
    phi = widened(narrowed(phi))
    for level, features in zip(levels_of(field), phi, strict=True):
        set_features(level, features)
    points = random_points(3, (100,))
    d = field.decoders

    def hidden(w1: np.ndarray, *features: np.ndarray) -> np.ndarray:
        return np.maximum(np.concatenate(features) @ w1, 0.0)

    zero = np.zeros(NUM_FEATURES, np.float32)
    middle, fine, color = phi
    change = hidden(d.fine_w1, fine, middle) - hidden(d.fine_w1, zero, middle)
    sdf_m = base_m + TRUNCATION_M * (fine[0] + d.fine_w2 @ change)
    rgb = base_color + color[:3] + hidden(d.color_w1, color) @ d.color_w2

    values_m, gradient, is_valid = field_ops.query(field, points)
    np.testing.assert_allclose(values_m[is_valid], sdf_m, atol=1e-6)
    np.testing.assert_allclose(gradient[is_valid], 0.0, atol=1e-4)  # 33 / m times 1e-6
    values, is_known = field_ops.color(field, points)
    assert is_known.mean() > 0.9
    seen = np.tile(255 * rgb, (is_known.sum(), 1))
    np.testing.assert_allclose(values[is_known], seen, atol=0.51)


@pytest.mark.parametrize("op", [field_ops.query, field_ops.color])
def test_wrong_points_are_refused(op):
    field, points = random_field(0), random_points(0, (4,))
    wrong = [points.astype(np.float64), points[:, :2].copy(), points[0], points[::2]]
    for array in wrong:
        with pytest.raises(ValueError, match="points must be"):
            op(field, array)
