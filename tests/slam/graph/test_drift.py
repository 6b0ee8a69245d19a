"""The drift that all odometry has in common: found where loops bear it out, else exactly 0."""

from dataclasses import replace

import numpy as np
import pytest

from slam.evaluation.trajectory import evaluate_trajectory
from slam.geometry import inverses, se3_exp, se3_exps
from slam.graph.drift import DRIFT, TURN_PER_M, common_drift, without_drift
from slam.graph.pose_graph import Edge, Edges
from slam.graph.solver import solve
from slam.graph.twists import logs
from slam.trajectory import Trajectory

NUM_FRAMES = 10  # an edge
ODOMETRY_SIGMAS = np.repeat([0.003, 0.002], 3)
LOOP_SIGMAS = np.repeat([0.005, 0.004], 3)
NOWHERE = np.zeros(6)


def laps(num_nodes: int, num_laps: int) -> np.ndarray:
    """Laps of a figure of eight, 10 m long, looking ahead and a little up and down: on a ring, a
    drift of the camera across its axis would cancel out in each lap.
    """
    Ts = []
    for angle in 2 * np.pi * num_laps * np.arange(num_nodes) / num_nodes:
        heading = np.arctan2(6.0 * np.cos(2 * angle), -5.0 * np.sin(angle))
        T = se3_exp(np.array([0.0, 0.0, 0.0, 0.0, 0.0, heading]))
        T = T @ se3_exp(np.array([0.0, 0.0, 0.0, 0.0, 0.3 * np.sin(3 * angle), 0.0]))
        T[:3, 3] = [5.0 * np.cos(angle), 3.0 * np.sin(2 * angle), 0.1 * np.sin(3 * angle)]
        Ts.append(T)
    return np.array(Ts)


class Walk:
    """Three laps with a drift a frame and with noise of the edges, and loops from lap to lap."""

    def __init__(self, seed: int, drift: np.ndarray = NOWHERE, num_nodes: int = 150) -> None:
        rng = np.random.default_rng(seed)
        self.truth = laps(num_nodes, 3)
        self.drift = drift
        noise = ODOMETRY_SIGMAS * rng.standard_normal((num_nodes - 1, 6))
        steps = inverses(self.truth[:-1]) @ self.truth[1:] @ se3_exps(noise - NUM_FRAMES * drift)
        self.start = [self.truth[0]]
        for T in steps:
            self.start.append(self.start[-1] @ T)
        self.start = np.array(self.start)
        information = np.diag(ODOMETRY_SIGMAS**-2.0)
        self.odometry = Edges.of(
            [Edge(k, k + 1, T, information, NUM_FRAMES) for k, T in enumerate(steps)]
        )
        lap = num_nodes // 3
        b = np.arange(lap, num_nodes, 4)
        a = b - lap
        exact = inverses(self.truth[a]) @ self.truth[b]
        Ts_a_b = exact @ se3_exps(LOOP_SIGMAS * rng.standard_normal((len(b), 6)))
        information = np.tile(np.diag(LOOP_SIGMAS**-2.0), (len(b), 1, 1))
        self.loops = Edges(a, b, Ts_a_b, information, np.zeros(len(b), np.int64))

    @property
    def of_independent_errors(self) -> Edges:
        """The odometry as one of which nobody knows the frames: without a common drift."""
        return replace(self.odometry, num_frames=np.zeros(len(self.odometry), np.int64))

    def ate_m(self, Ts: np.ndarray) -> float:
        stamps_s = np.arange(len(Ts), dtype=np.float64)
        pair = Trajectory(stamps_s, Ts), Trajectory(stamps_s, self.truth)
        return evaluate_trajectory(*pair).ate_rmse_m


def some_drift(rng: np.random.Generator, size_m: float) -> np.ndarray:
    direction = rng.standard_normal(6) * np.repeat([1.0, 0.6], 3)
    return size_m * direction / np.linalg.norm(direction[:3])


def dense_drift(walk: Walk, Ts: np.ndarray) -> np.ndarray:
    """Return the drift of a linear model of all unknowns at once, with numeric derivatives: the
    most likely one with the prior that has the most evidence, of many.
    """
    edges = walk.odometry.followed_by(walk.loops)
    roots = np.linalg.cholesky(edges.information).transpose(0, 2, 1)

    def errors(x: np.ndarray) -> np.ndarray:
        moved = Ts @ se3_exps(np.append(NOWHERE, x[6:]).reshape(-1, 6))
        measured = without_drift(edges, x[:6]).Ts_a_b
        r = logs(inverses(measured) @ inverses(moved[edges.a]) @ moved[edges.b])
        return np.einsum("eij,ej->ei", roots, r).ravel()

    h = 1e-6
    axes = h * np.eye(6 * len(Ts))
    J = np.stack([(errors(axis) - errors(-axis)) / (2 * h) for axis in axes], axis=1)
    H, g = J.T @ J, J.T @ errors(np.zeros(len(axes)))
    sigmas = np.repeat([DRIFT, TURN_PER_M], 3)
    best = -np.linalg.slogdet(H[6:, 6:])[1] + g[6:] @ np.linalg.solve(H[6:, 6:], g[6:])
    drift = NOWHERE
    for way_m in np.geomspace(1e-4, 1.0, 97):
        prior = H.copy()
        prior[:6, :6] += np.diag((way_m * sigmas) ** -2.0)
        x = -np.linalg.solve(prior, g)
        evidence = -np.linalg.slogdet(prior)[1] - 2 * np.log(way_m * sigmas).sum() - g @ x
        if evidence > best:
            best, drift = evidence, x[:6]
    return drift


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("size_m", [1e-4, 5e-4])
def test_it_is_that_of_a_dense_linear_model(seed, size_m):
    walk = Walk(seed, some_drift(np.random.default_rng(seed), size_m), num_nodes=36)
    Ts = solve(walk.start, walk.of_independent_errors, walk.loops).Ts_world_node
    expected = dense_drift(walk, Ts)
    found = common_drift(Ts, walk.odometry, walk.loops, NOWHERE)
    assert expected.any() or size_m < 5e-4
    np.testing.assert_allclose(found, expected, atol=0.02 * size_m)


def rms_before_and_after(size_m: float) -> np.ndarray:
    """Return the root mean square of four walks' ATEs, without and with the common drift."""
    errors_m = []
    for seed in range(4):
        walk = Walk(seed, some_drift(np.random.default_rng(seed), size_m))
        errors_m.append(
            [
                walk.ate_m(solve(walk.start, odometry, walk.loops).Ts_world_node)
                for odometry in (walk.of_independent_errors, walk.odometry)
            ]
        )
    return np.sqrt((np.array(errors_m) ** 2).mean(axis=0))


@pytest.mark.parametrize("size_m", [5e-4, 1e-3])
def test_a_drift_is_taken_back(size_m):
    before_m, after_m = rms_before_and_after(size_m)
    assert after_m < 0.5 * before_m


def test_noise_is_taken_for_little_drift():
    before_m, after_m = rms_before_and_after(0.0)
    assert after_m < 1.05 * before_m


def test_true_loops_that_only_the_drift_explains_are_kept():
    walk = Walk(2, some_drift(np.random.default_rng(2), 1e-3))
    before = solve(walk.start, walk.of_independent_errors, walk.loops)
    after = solve(walk.start, walk.odometry, walk.loops)
    assert np.count_nonzero(~before.is_kept) >= 2
    assert after.is_kept.all()


def test_without_loops_or_frames_there_is_none():
    walk = Walk(1, some_drift(np.random.default_rng(1), 5e-4))
    none = walk.loops.where(np.zeros(len(walk.loops), bool))
    assert not common_drift(walk.start, walk.odometry, none, NOWHERE).any()
    Ts = solve(walk.start, walk.of_independent_errors, walk.loops).Ts_world_node
    assert not common_drift(Ts, walk.of_independent_errors, walk.loops, NOWHERE).any()


def test_the_same_graph_gives_the_same_bits():
    walk = Walk(2, some_drift(np.random.default_rng(2), 5e-4))
    one, other = (solve(walk.start, walk.odometry, walk.loops) for _ in range(2))
    assert one.Ts_world_node.tobytes() == other.Ts_world_node.tobytes()
