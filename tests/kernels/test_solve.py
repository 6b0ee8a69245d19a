"""The normal equations' solution, and what it says about what is not seen."""

import numpy as np
import pytest

from kernels.align import NormalEquations
from slam.tracking.solve import Information, information, solve, without_noise

rng = np.random.default_rng(3)
VECTORS = np.linalg.qr(rng.standard_normal((6, 6)))[0]  # columns: directions in the scaled twist
LEVER_M = 1.7
SCALE = np.array([1.0, 1.0, 1.0, LEVER_M, LEVER_M, LEVER_M])
CERTAIN = 1e8  # 1 / m^2: a tenth of a millimetre
ALL_M = 1e3  # every direction is more certain than this


def quadratic(eigenvalues, minimum) -> Information:
    """The information of (x - minimum)^T H (x - minimum) / 2 at x = 0."""
    H = (VECTORS * np.asarray(eigenvalues, dtype=np.float64)) @ VECTORS.T
    return Information(H, -H @ minimum)


def test_a_step_leads_to_the_minimum():
    twist = 0.01 * rng.standard_normal(6)
    step = solve(quadratic([1e4, 1e5, 1e6, 1e6, 1e7, 1e8], twist * SCALE), LEVER_M, ALL_M)
    np.testing.assert_allclose(step.twist, twist, rtol=1e-9)
    assert step.uncertainty_m == pytest.approx(0.01)  # 1 / sqrt(1e4)


@pytest.mark.parametrize("weak", [[0], [0, 1], [0, 1, 2], list(range(6))])
def test_a_direction_that_nothing_holds_gets_no_step(weak):
    eigenvalues = np.full(6, CERTAIN)
    eigenvalues[weak] = 1.0  # a metre
    minimum = VECTORS @ np.full(6, 0.02)
    step = solve(quadratic(eigenvalues, minimum), LEVER_M, 0.005)
    along = VECTORS.T @ (step.twist * SCALE)
    np.testing.assert_allclose(along[weak], 0.0, atol=1e-12)
    strong = [i for i in range(6) if i not in weak]
    np.testing.assert_allclose(along[strong], 0.02, rtol=1e-9)
    assert step.uncertainty_m == pytest.approx(1.0)


def test_no_residuals_no_step():
    nothing = NormalEquations(np.zeros((6, 6)), np.zeros(6), 0.0, 0.0, 0.0, 0)
    total = information(nothing, LEVER_M, 0.1)
    for each in (total, without_noise(total, 0.004)[0]):
        step = solve(each, LEVER_M, 0.005)
        np.testing.assert_array_equal(step.twist, np.zeros(6))
        assert step.uncertainty_m > 1.0
    assert without_noise(total, 0.004)[1] == 0.0


def test_noise_explains_the_small_eigenvalues():
    eigenvalues = np.array([0.001, 0.003, 0.0039, 0.008, 0.5, 1.0]) * CERTAIN
    minimum = VECTORS @ np.full(6, 0.02)
    cleaned, conditioning = without_noise(quadratic(eigenvalues, minimum), 0.004)
    kept = np.diag(VECTORS.T @ cleaned.H @ VECTORS) / CERTAIN
    np.testing.assert_allclose(kept, [0, 0, 0, 0.004, 0.496, 0.996], atol=1e-9)
    assert conditioning == pytest.approx(0.001)
    # what is left of a direction still points to the same minimum
    step = solve(cleaned, LEVER_M, 0.005)
    np.testing.assert_allclose(
        VECTORS.T @ (step.twist * SCALE), [0, 0, 0, 0.02, 0.02, 0.02], atol=1e-9
    )


def test_without_noise_nothing_is_taken_off():
    info = quadratic([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], np.ones(6))
    cleaned, conditioning = without_noise(info, 0.0)
    np.testing.assert_allclose(cleaned.H, info.H, atol=1e-12)
    np.testing.assert_allclose(cleaned.b, info.b, atol=1e-12)
    assert conditioning == pytest.approx(1 / 6)


def test_residuals_are_never_taken_as_better_than_the_sensor():
    H, b = np.eye(6), np.ones(6)
    lucky = information(NormalEquations(H, b, 1.0, 100.0, 0.0, 100), LEVER_M, 0.1)
    usual = information(NormalEquations(H, b, 100.0, 100.0, 0.0, 100), LEVER_M, 0.1)
    worse = information(NormalEquations(H, b, 400.0, 100.0, 0.0, 100), LEVER_M, 0.1)
    np.testing.assert_array_equal(lucky.H, usual.H)
    np.testing.assert_allclose(worse.H, usual.H / 4)
    np.testing.assert_allclose(worse.b, usual.b / 4)
    np.testing.assert_allclose((lucky + worse).H, lucky.H + worse.H)


def test_the_lever_makes_metres_of_angles():
    """A rotation by x rad that moves points `lever` away weighs like a translation of lever x."""
    H = np.diag(SCALE**2)
    info = information(NormalEquations(H, np.zeros(6), 1.0, 1.0, 0.0, 1), LEVER_M, 1.0)
    np.testing.assert_allclose(info.H, np.eye(6))
