"""Updates of the neural field by the gradients that `kernels.field` finds."""

import numpy as np

from kernels.dispatch import check_array, implementation
from kernels.field import (
    HIDDEN_COLOR,
    NUM_FEATURES,
    DecoderGradient,
    Decoders,
    Level,
    Touched,
)

MEMORY, SQUARE_MEMORY = 0.1, 0.01  # 1 - beta of `update_decoder`


def adagrad(
    level: Level, touched: Touched, rate: float, smoothness: float, seed: np.ndarray
) -> None:
    """Update touched vertices from their gradients, in place.

    `smoothness` times the sum of differences to the six neighbours in the same block is added to
    the gradient first. AdaGrad (Duchi et al. 2011) divides by the root of the sum of all squared
    gradients, here of the mean of a vertex's four, so steps shrink as a vertex has seen more.
    Adam's short memory, as in NICE-SLAM, left the noise of the last rays in the map.

    What is stored is rounded up or down at random, so that it is right on average: by `seed` int64
    (1,), which is to be another in each step.
    """
    _check_touched(touched, seed)
    implementation("field_update", touched.rows).adagrad(level, touched, rate, smoothness, seed)


def relax(level: Level, touched: Touched, limit: float, prior: float, seed: np.ndarray) -> None:
    """Move touched colour vertices by their gradient over the sum of their curvature and `prior`,
    in place; `seed` is as in `adagrad`.

    A vertex sums up the curvatures that `gradients` found, up to `limit`. So the n-th reading of a
    vertex moves it by a share of about 1 / n of the error, less while the curvature is below
    `prior`, and no less than the last reading over its sum with `limit` (SIRT, Gilbert 1972, with
    a memory).
    """
    _check_touched(touched, seed)
    implementation("field_update", touched.rows).relax(level, touched, limit, prior, seed)


def new_moments() -> tuple[DecoderGradient, DecoderGradient]:
    """Return the two moments of the colour decoder's weights before the first update."""
    shapes = ((NUM_FEATURES, HIDDEN_COLOR), (HIDDEN_COLOR, 3))
    first, second = (
        DecoderGradient(*(np.zeros(shape, np.float32) for shape in shapes)) for _ in range(2)
    )
    return first, second


def update_decoder(
    decoders: Decoders,
    gradient: DecoderGradient,
    moments: tuple[DecoderGradient, DecoderGradient],
    rate: float,
) -> None:
    """Take one step of Adam (Kingma and Ba 2015), without its correction of the start, on the
    colour decoder: weights and moments, in place.
    """
    implementation("field_update", gradient.color_w1).update_decoder(
        decoders, gradient, moments, rate
    )


def _check_touched(touched: Touched, seed: np.ndarray) -> None:
    check_array("rows", touched.rows, "int32", (None,))
    check_array("gradient", touched.gradient, "float32", (len(touched.rows), NUM_FEATURES + 1))
    check_array("seed", seed, "int64", (1,))
