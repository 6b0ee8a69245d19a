"""Stacked SE(3) against the single one, and its own laws."""

import numpy as np
import pytest

from slam.geometry import inverse, inverses, se3_exp, se3_exps, se3_log
from slam.graph.twists import adjoints, logs, right_jacobians_inverse

SCALES = (1e-9, 1e-5, 1e-3, 9e-3, 0.02, 0.5, 2.0)


@pytest.fixture(params=SCALES)
def twists(request) -> np.ndarray:
    twists = request.param * np.random.default_rng(3).standard_normal((20, 6))
    twists[:, 3:] *= np.minimum(1.0, 3.0 / np.linalg.norm(twists[:, 3:], axis=1))[:, None]
    return twists


def test_stacks_are_what_single_ones_are(twists):
    Ts = se3_exps(twists)
    np.testing.assert_allclose(Ts, [se3_exp(twist) for twist in twists], atol=1e-12)
    np.testing.assert_allclose(logs(Ts), [se3_log(T) for T in Ts], atol=1e-11)
    np.testing.assert_allclose(inverses(Ts), [inverse(T) for T in Ts], atol=1e-14)


def test_log_inverts_exp(twists):
    np.testing.assert_allclose(logs(se3_exps(twists)), twists, atol=1e-11)


def test_the_adjoint_carries_twists_across(twists):
    Ts = se3_exps(np.random.default_rng(4).standard_normal((20, 6)))
    carried = np.einsum("nij,nj->ni", adjoints(Ts), twists)
    np.testing.assert_allclose(Ts @ se3_exps(twists), se3_exps(carried) @ Ts, atol=1e-11)


def test_the_right_jacobian_is_the_derivative():
    rng = np.random.default_rng(5)
    twists = 0.1 * rng.standard_normal((10, 6))
    d = 1e-6 * rng.standard_normal((10, 6))
    change = logs(se3_exps(twists) @ se3_exps(d)) - twists
    told = np.einsum("nij,nj->ni", right_jacobians_inverse(twists), d)
    np.testing.assert_allclose(change, told, atol=1e-4 * np.abs(d).max())
