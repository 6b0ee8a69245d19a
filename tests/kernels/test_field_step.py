"""Steps of the neural field's training: numba against torch, and both against what they promise."""

import numba
import numpy as np
import pytest

from kernels import field as field_ops
from kernels.dispatch import using
from kernels.field import (
    COLOR,
    FEATURES,
    GRADIENT,
    NUM_FEATURES,
    SUM,
    Field,
    Level,
    StepWeights,
)

from .conftest import BACKENDS
from .fields import (
    assert_like,
    gradients,
    levels_of,
    new_level,
    part,
    random_batch,
    random_field,
    random_points,
)

pytestmark = pytest.mark.usefixtures("one_thread_of_torch")


def level_to_update(seed: int, num_touched: int) -> tuple[Level, np.ndarray]:
    """Return a level with random sums, and with gradients at some random vertices."""
    random = np.random.default_rng(seed)
    level = new_level("color", random, share=0.5)
    part(level, SUM)[:] = random.random(part(level, SUM).shape) * 1e-6
    touched = random.permutation(level.marks.size)[:num_touched].astype(np.int32)
    part(level, GRADIENT)[touched] = random.normal(scale=1e-3, size=(num_touched, NUM_FEATURES))
    level.marks.reshape(-1)[touched] = 1
    return level, touched


@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-6])
def test_the_first_step_is_the_rate(backend: str, size: float):
    level, touched = level_to_update(0, 500)
    level.vertices[..., SUM:] = 0.0
    random, gradient = np.random.default_rng(1), part(level, GRADIENT)
    gradient[touched] = random.choice([-1, 1], (500, 4)) * random.uniform(0.5, 1.0, (500, 4)) * size
    gradient[touched[0]] = 0.0
    step = -0.01 * np.sign(gradient[touched])
    before = part(level, FEATURES)[touched].copy()
    field_ops.adagrad(level, touched, 0.01, 0.0)
    # the features' own rounding, and an epsilon of 1e-12 beside the gradient
    np.testing.assert_allclose(part(level, FEATURES)[touched] - before, step, atol=4e-7)


def test_smoothness_pulls_towards_neighbours_in_the_block(backend: str):
    """By the first step; equal neighbours and those in other blocks do not pull."""
    level, _ = level_to_update(0, 0)
    level.vertices[:] = 0.0
    part(level, FEATURES)[:] = 0.25
    inner, corner, lonely = 512 + 3 * 64 + 3 * 8 + 3, 0, 2 * 512 + 511
    part(level, FEATURES)[inner] = 1.0
    part(level, FEATURES)[lonely + 1] = 5.0  # next in memory, not in space
    rows = np.array([inner, corner, lonely, inner + 8], np.int32)
    field_ops.adagrad(level, rows, 0.01, 0.5)
    np.testing.assert_allclose(part(level, FEATURES)[inner], 0.99, atol=1e-6)
    np.testing.assert_allclose(part(level, FEATURES)[inner + 8], 0.26, atol=1e-6)
    np.testing.assert_array_equal(part(level, FEATURES)[[corner, lonely]], 0.25)
    # the pull itself: six neighbours 0.75 lower
    np.testing.assert_allclose(part(level, SUM)[inner], (0.5 * 6 * 0.75) ** 2, rtol=1e-5)


@pytest.mark.parametrize("num_steps", [4, 25])
def test_steps_shrink_as_a_vertex_has_seen_more(backend: str, num_steps: int):
    """The n-th of equal gradients moves by rate / sqrt(n), as Duchi et al. have it."""
    level, touched = level_to_update(0, 50)
    part(level, SUM)[:] = 0.0
    gradient = part(level, GRADIENT)[touched].copy()
    for _ in range(num_steps):
        before = part(level, FEATURES)[touched].copy()
        part(level, GRADIENT)[touched] = gradient
        field_ops.adagrad(level, touched, 0.01, 0.0)
    step = -0.01 * np.sign(gradient) / np.sqrt(num_steps)
    np.testing.assert_allclose(part(level, FEATURES)[touched] - before, step, atol=4e-7)
    np.testing.assert_allclose(part(level, SUM)[touched], num_steps * gradient**2, rtol=1e-5)


def update(field: Field, touched: list[np.ndarray], rate: float, smoothness: float = 0.0) -> None:
    """Move the vertices of all levels, those of colour by their curvature."""
    for level, rows in zip(levels_of(field)[:COLOR], touched[:COLOR], strict=True):
        field_ops.adagrad(level, rows, rate, smoothness)
    field_ops.relax(field.color, touched[COLOR], 1e-2, 1e-4)


def test_training_lowers_the_losses(backend: str):
    field, batch = random_field(14), random_batch(14, 200)
    weights = StepWeights()
    history = []
    for _ in range(30):
        losses, _, touched = field_ops.gradients(field, batch, weights)
        history.append(losses)
        update(field, touched, rate=0.05)
    for name in ("middle", "near", "free", "color"):  # a coarse cell holds too many samples
        assert getattr(history[-1], name) < 0.5 * getattr(history[0], name)


def test_the_same_bits_with_one_and_two_threads():
    most = numba.config.NUMBA_NUM_THREADS
    if most < 2:
        pytest.skip("one core")
    field, batch, points = random_field(15), random_batch(15, 300), random_points(15, (1000,))
    results = []
    for num_threads in (1, 2):
        before = numba.get_num_threads()
        numba.set_num_threads(num_threads)
        try:
            after, losses, d_decoder, touched = gradients(field, batch)
            update(after, touched, rate=0.01, smoothness=1e-3)
            evaluated = [*field_ops.query(after, points), *field_ops.color(after, points)]
        finally:
            numba.set_num_threads(before)
        vertices = [level.vertices for level in levels_of(after)]
        results.append([*vertices, np.array(losses), *d_decoder, *touched, *evaluated])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_backends_continue_each_others_training():
    """Marks, gradients, sums and curvatures mean the same to both."""
    batch = random_batch(16, 50)
    results = []
    for first, second in (BACKENDS, BACKENDS[::-1]):
        field = random_field(16)
        for _ in range(2):
            with using(first):
                _, _, touched = field_ops.gradients(field, batch, StepWeights())
            with using(second):
                update(field, touched, rate=0.01)
        results.append(field)
    for a, b in zip(*map(levels_of, results), strict=True):
        assert_like(part(a, FEATURES), part(b, FEATURES), 1e-4, jumps=1e-3)


def test_wrong_vertices_are_refused():
    level, touched = level_to_update(0, 4)
    for wrong in (touched.astype(np.int64), touched[:, None], touched[::2]):
        with pytest.raises(ValueError, match="touched must be"):
            field_ops.adagrad(level, wrong, 0.01, 0.0)
        with pytest.raises(ValueError, match="touched must be"):
            field_ops.relax(level, wrong, 1.0, 0.0)


def test_the_color_decoder_is_updated_by_adam(backend: str):
    decoders, moments = random_field(2).decoders, field_ops.new_moments()
    random, before = np.random.default_rng(0), decoders.color_w2.astype(np.float64)
    m = v = np.zeros_like(before)
    wanted = before.copy()
    for _ in range(5):
        gradient = field_ops.DecoderGradient(
            *(random.normal(size=moment.shape).astype(np.float32) for moment in moments[0])
        )
        m = 0.9 * m + 0.1 * gradient.color_w2
        v = 0.99 * v + 0.01 * gradient.color_w2.astype(np.float64) ** 2
        wanted -= 0.01 * m / np.sqrt(v)
        field_ops.update_decoder(decoders, gradient, moments, 0.01)
    np.testing.assert_allclose(decoders.color_w2, wanted, atol=1e-6)
    assert np.abs(wanted - before).max() > 0.005
