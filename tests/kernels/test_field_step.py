"""Steps of the neural field's training: numba against torch, and both against what they promise."""

import numba
import numpy as np
import pytest

from kernels import field as field_ops
from kernels import field_update
from kernels.bfloat16 import narrowed
from kernels.dispatch import using
from kernels.field import (
    COLOR,
    NUM_FEATURES,
    Field,
    Level,
    StepWeights,
    Touched,
)

from .conftest import BACKENDS
from .fields import (
    assert_like,
    features_of,
    gradients,
    levels_of,
    new_level,
    random_batch,
    random_field,
    random_points,
    set_features,
    sums_of,
)

pytestmark = pytest.mark.usefixtures("one_thread_of_torch")


def seed_of(number: int) -> np.ndarray:
    return np.array([number], np.int64)


def level_to_update(seed: int, num_touched: int) -> tuple[Level, Touched]:
    """Return a level with random sums, and gradients of some random vertices."""
    random = np.random.default_rng(seed)
    level = new_level("color", random, share=0.5)
    level.sums[:] = narrowed(random.random(level.sums.shape) * 1e-6)
    rows = random.permutation(level.sums.size)[:num_touched].astype(np.int32)
    gradient = random.normal(scale=1e-3, size=(num_touched, NUM_FEATURES + 1))
    return level, Touched(rows, np.abs(gradient).astype(np.float32))


@pytest.mark.parametrize("size", [1.0, 1e-3, 1e-6])
def test_the_first_step_is_the_rate(backend: str, size: float):
    """In the root mean square of a vertex's features, which are rounded to 8 bits."""
    level, touched = level_to_update(0, 500)
    level.features[:], level.sums[:] = 0, 0
    touched.gradient[:] *= size
    touched.gradient[0] = 0.0
    g = touched.gradient[:, :NUM_FEATURES].astype(np.float64)
    length = np.sqrt(np.square(g).mean(axis=1, keepdims=True))
    step = -0.01 * g / np.where(length > 0, length, 1.0)
    field_update.adagrad(level, touched, 0.01, 0.0, seed_of(1))
    # and an epsilon of 1e-12 beside gradients of 1e-10
    np.testing.assert_allclose(features_of(level)[touched.rows], step, rtol=2**-7 + 0.01)


def test_rounding_is_right_on_average(backend: str):
    """Steps of a sixteenth of what separates two numbers add up over different seeds, to either
    side; and without a gradient nothing moves.
    """
    level, touched = level_to_update(0, 2000)
    set_features(level, np.array([1.5, -1.5, 0.0, 0.3]))
    level.sums[:] = narrowed(np.float32(1.0))
    touched.gradient[:] = [2**-11, 2**-11, 0.0, 0.0, 0.0]  # the rate and the root of the sum are 1
    before = features_of(level)[touched.rows]
    for step in range(64):
        field_update.adagrad(level, touched, 1.0, 0.0, seed_of(step))
    moved = features_of(level)[touched.rows] - before
    # 64 steps of 2^-11 each, in units of 2^-7, which have a standard deviation of 2^-7 * 1.94
    np.testing.assert_allclose(moved[:, :2].mean(axis=0), -64 * 2**-11, rtol=0.05)
    assert (moved[:, :2].std(axis=0) > 0.5 * 2**-7).all()
    assert not moved[:, 2:].any()
    others = np.delete(features_of(level), touched.rows, axis=0)
    assert (others == before[0]).all()


def test_small_squares_add_up(backend: str):
    """A sum grows by a thousandth a step, of which it takes eight to the next number."""
    level, touched = level_to_update(0, 2000)
    level.sums[:] = narrowed(np.float32(1.0))
    touched.gradient[:] = np.sqrt(1e-3)
    for step in range(100):
        field_update.adagrad(level, touched, 1e-3, 0.0, seed_of(step))
    np.testing.assert_allclose(sums_of(level)[touched.rows].mean(), 1.1, rtol=0.002)


def test_smoothness_pulls_towards_neighbours_in_the_block(backend: str):
    """By the first step; equal neighbours and those in other blocks do not pull."""
    level, _ = level_to_update(0, 0)
    level.sums[:] = 0
    set_features(level, np.full(NUM_FEATURES, 0.25))
    inner, corner, lonely = 512 + 3 * 64 + 3 * 8 + 3, 0, 2 * 512 + 511
    features = level.features.reshape(-1, NUM_FEATURES)
    features[inner] = narrowed(np.float32(1.0))
    features[lonely + 1] = narrowed(np.float32(5.0))  # next in memory, not in space
    rows = np.array([inner, corner, lonely, inner + 8], np.int32)
    nothing = Touched(rows, np.zeros((4, NUM_FEATURES + 1), np.float32))
    field_update.adagrad(level, nothing, 0.125, 0.5, seed_of(1))
    np.testing.assert_allclose(features_of(level)[inner], 0.875, rtol=2**-7)
    np.testing.assert_allclose(features_of(level)[inner + 8], 0.375, rtol=2**-7)
    np.testing.assert_array_equal(features_of(level)[[corner, lonely]], 0.25)
    # the pull itself: six neighbours 0.75 lower
    np.testing.assert_allclose(sums_of(level)[inner], (0.5 * 6 * 0.75) ** 2, rtol=2**-7)
    assert not nothing.gradient.any()


@pytest.mark.parametrize("num_steps", [4, 25])
def test_steps_shrink_as_a_vertex_has_seen_more(backend: str, num_steps: int):
    """The n-th of equal gradients moves by rate / sqrt(n), as Duchi et al. have it."""
    level, touched = level_to_update(0, 50)
    level.sums[:] = 0
    for step in range(num_steps):
        level.features[:] = 0  # so that what is rounded is the step
        field_update.adagrad(level, touched, 0.01, 0.0, seed_of(step))
    g = touched.gradient[:, :NUM_FEATURES]
    square = np.square(g).mean(axis=1)
    step = -0.01 * g / np.sqrt(num_steps * square)[:, None]
    # the sum has been rounded in each step: 8 bits, to either side
    np.testing.assert_allclose(features_of(level)[touched.rows], step, rtol=0.03)
    np.testing.assert_allclose(sums_of(level)[touched.rows], num_steps * square, rtol=0.04)


def update(
    field: Field, touched: list[Touched], rate: float, smoothness: float = 0.0, step: int = 0
) -> None:
    """Move the vertices of all levels, those of colour by their curvature."""
    for level, rows in zip(levels_of(field)[:COLOR], touched[:COLOR], strict=True):
        field_update.adagrad(level, rows, rate, smoothness, seed_of(step))
    field_update.relax(field.color, touched[COLOR], 1e-2, 1e-4, seed_of(step))


def test_training_lowers_the_losses(backend: str):
    field, batch = random_field(14), random_batch(14, 200)
    weights = StepWeights()
    history = []
    for step in range(30):
        losses, _, touched = field_ops.gradients(field, batch, weights)
        history.append(losses)
        update(field, touched, rate=0.05, step=step)
    for name in ("middle", "near", "free", "color"):
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
        arrays = [array for level in levels_of(after) for array in (level.features, level.sums)]
        arrays += [array for part in touched for array in part]
        results.append([*arrays, np.array(losses), *d_decoder, *evaluated])
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_backends_continue_each_others_training():
    """Gradients, sums and curvatures mean the same to both."""
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
        # a few are rounded to their other neighbours
        assert_like(features_of(a), features_of(b), 1e-2, jumps=1e-3)


def test_wrong_vertices_are_refused():
    level, (rows, gradient) = level_to_update(0, 4)
    seed = seed_of(0)
    for wrong, wrong_seed in (
        (Touched(rows.astype(np.int64), gradient), seed),
        (Touched(rows[:, None], gradient), seed),
        (Touched(rows[::2], gradient[::2].copy()), seed),
        (Touched(rows, gradient[:3]), seed),
        (Touched(rows, gradient[:, :NUM_FEATURES].copy()), seed),
        (Touched(rows, gradient.astype(np.float64)), seed),
        (Touched(rows, gradient), seed.astype(np.int32)),
        (Touched(rows, gradient), np.zeros(2, np.int64)),
    ):
        with pytest.raises(ValueError, match=r"(rows|gradient|seed) must be"):
            field_update.adagrad(level, wrong, 0.01, 0.0, wrong_seed)
        with pytest.raises(ValueError, match=r"(rows|gradient|seed) must be"):
            field_update.relax(level, wrong, 1.0, 0.0, wrong_seed)


def test_the_color_decoder_is_updated_by_adam(backend: str):
    decoders, moments = random_field(2).decoders, field_update.new_moments()
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
        field_update.update_decoder(decoders, gradient, moments, 0.01)
    np.testing.assert_allclose(decoders.color_w2, wanted, atol=1e-6)
    assert np.abs(wanted - before).max() > 0.005
