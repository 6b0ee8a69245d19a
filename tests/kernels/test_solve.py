"""The normal equations' solution, and what it says about what is not seen."""

import numpy as np
import pytest

from kernels.align import NO_EQUATIONS, NormalEquations
from kernels.solve import Step, Weighting, solve

rng = np.random.default_rng(3)
VECTORS = np.linalg.qr(rng.standard_normal((6, 6)))[0]  # columns: directions in the scaled twist
LEVER_M = 1.7
SCALE = np.array([1.0, 1.0, 1.0, LEVER_M, LEVER_M, LEVER_M])
CERTAIN = 1e8  # 1 / m^2: a tenth of a millimetre
ALL_M = 1e3  # every direction is more certain than this
WEIGHTING = Weighting(1.0, 1.0, 0.0, 4.0, 3e-4)  # all residuals are independent, normals exact


def quadratic(eigenvalues, minimum, squared_error: float = 1.0) -> NormalEquations:
    """The equations of (x - minimum)^T H (x - minimum) / 2 at x = 0, x the scaled twist."""
    H = (VECTORS * np.asarray(eigenvalues, dtype=np.float64)) @ VECTORS.T
    b = -H @ minimum
    return NormalEquations(H * np.outer(SCALE, SCALE), b * SCALE, squared_error, 1.0, 0.0, 1)


def along(step: Step) -> np.ndarray:
    """Return the step in metres along each of VECTORS."""
    return VECTORS.T @ (step.twist * SCALE)


def test_a_step_leads_to_the_minimum(backend: str):
    twist = 0.01 * rng.standard_normal(6)
    equations = quadratic([1e4, 1e5, 1e6, 1e6, 1e7, 1e8], twist * SCALE)
    for both in ((equations, NO_EQUATIONS), (NO_EQUATIONS, equations)):
        step = solve(*both, LEVER_M, WEIGHTING, ALL_M)
        np.testing.assert_allclose(step.twist, twist, rtol=1e-9)
        assert step.uncertainty_m == pytest.approx(0.01)  # 1 / sqrt(1e4)


@pytest.mark.parametrize("weak", [[0], [0, 1], [0, 1, 2], list(range(6))])
def test_a_direction_that_nothing_holds_gets_no_step(backend: str, weak):
    eigenvalues = np.full(6, CERTAIN)
    eigenvalues[weak] = 1.0  # a metre
    equations = quadratic(eigenvalues, VECTORS @ np.full(6, 0.02))
    step = solve(equations, NO_EQUATIONS, LEVER_M, WEIGHTING, 0.005)
    np.testing.assert_allclose(along(step)[weak], 0.0, atol=1e-12)
    strong = [i for i in range(6) if i not in weak]
    np.testing.assert_allclose(along(step)[strong], 0.02, rtol=1e-9)
    assert step.uncertainty_m == pytest.approx(1.0)


def test_no_residuals_no_step(backend: str):
    step = solve(NO_EQUATIONS, NO_EQUATIONS, LEVER_M, WEIGHTING, 0.005)
    np.testing.assert_array_equal(step.twist, np.zeros(6))
    assert step.uncertainty_m > 1.0
    assert step.conditioning == 0.0


def test_noise_explains_the_small_eigenvalues(backend: str):
    """What is left of the geometry is told by how far it pulls from what the image says: nothing
    moves, with a tenth of CERTAIN in all directions.
    """
    eigenvalues = np.array([0.001, 0.003, 0.0039, 0.008, 0.5, 1.0]) * CERTAIN
    geometric = quadratic(eigenvalues, VECTORS @ np.full(6, 0.02))
    still = quadratic(np.full(6, 0.1 * CERTAIN), np.zeros(6))
    step = solve(geometric, still, LEVER_M, WEIGHTING._replace(normal_variance=0.004), ALL_M)
    kept = np.array([0, 0, 0, 0.004, 0.496, 0.996])
    np.testing.assert_allclose(along(step), 0.02 * kept / (kept + 0.1), atol=1e-12)
    assert step.conditioning == pytest.approx(0.001)
    # alone, it still points to the same minimum
    step = solve(geometric, NO_EQUATIONS, LEVER_M, WEIGHTING._replace(normal_variance=0.004), 0.005)
    np.testing.assert_allclose(along(step), [0, 0, 0, 0.02, 0.02, 0.02], atol=1e-9)


@pytest.mark.parametrize(("squared_error", "variance"), [(0.01, 1.0), (1.0, 1.0), (4.0, 4.0)])
def test_residuals_are_never_taken_as_better_than_the_sensor(
    backend: str, squared_error: float, variance: float
):
    pull = VECTORS @ np.full(6, 0.02)
    geometric = quadratic(np.full(6, CERTAIN), pull, squared_error)
    still = quadratic(np.full(6, CERTAIN), np.zeros(6))
    step = solve(geometric, still, LEVER_M, WEIGHTING, ALL_M)
    np.testing.assert_allclose(along(step), 0.02 / (1.0 + variance), rtol=1e-9)


def test_shares_weigh_the_two_kinds(backend: str):
    pull = VECTORS @ np.full(6, 0.02)
    geometric = quadratic(np.full(6, CERTAIN), pull)
    still = quadratic(np.full(6, CERTAIN), np.zeros(6))
    shares = WEIGHTING._replace(geometric_share=0.1, photometric_share=0.05)
    step = solve(geometric, still, LEVER_M, shares, ALL_M)
    np.testing.assert_allclose(along(step), 0.02 * 0.1 / 0.15, rtol=1e-9)
    assert step.uncertainty_m == pytest.approx((0.15 * CERTAIN) ** -0.5)
