"""Sparse Gauss-Newton on SE(3), damped (Levenberg-Marquardt), and robust against false loops."""

from itertools import count

import numpy as np
from jaxtyping import Float64

from slam.geometry import se3_exps
from slam.graph.drift import common_drift, without_drift
from slam.graph.equations import Equations, residuals
from slam.graph.pose_graph import Edges, Solution

MAX_SQUARED_SIGMAS = 20.06  # that 6 numbers have as seldom as one has 3 sigma
GENTLER = 1.6  # by which each round of the robust solver believes outliers less
MAX_ITERATIONS = 30
MAX_RETURNS = 5  # rounds in which a loop that was left out may come back
DRIFT_ROUNDS = 2  # the second is for loops that fit without the drift only, and for what is bent
LATE_NODES = 30  # of a few metres: what a camera sees again now, it sees in a row
OF_DRIFT = 6.0  # that a solution with one costs more: what its six numbers take by chance
CONVERGED = 1e-6  # of a node's step, metres and radians
FIRST_DAMPING, MAX_DAMPING = 1e-9, 1e6  # of the diagonal


def solve(Ts_world_node: Float64[np.ndarray, "n 4 4"], odometry: Edges, loops: Edges) -> Solution:
    """See `slam.graph.pose_graph.Solver`.

    False loops that agree can bend a graph so far that it is at rest there, with all of them kept.
    So it is solved from where fading loops lead, all of them or those of late, from where the nodes
    are and from where odometry alone has them; the solution that costs the least is taken, where a
    loop that is left out costs as much as one at the limit (truncated least squares).
    """
    starts = [
        lambda: _with_fading_loops(Ts_world_node, odometry, loops),
        lambda: _with_fading_loops(Ts_world_node, odometry, _lately(Ts_world_node, loops)),
        lambda: Ts_world_node,
        lambda: _followed(Ts_world_node, odometry),
    ]
    best, least = None, np.inf
    for start in starts:
        solution, cost = _solved_from(start(), odometry, loops)
        if best is None or cost < least:
            best, least = solution, cost
        if best.is_kept.all() and least <= MAX_SQUARED_SIGMAS * len(loops):
            break
    assert best is not None
    return best


def _solved_from(
    Ts: Float64[np.ndarray, "n 4 4"], odometry: Edges, loops: Edges
) -> tuple[Solution, float]:
    """Return the solution to which a start leads, and its cost.

    The first one is of independent errors. What loops then say of a drift that all frames have in
    common, if they do, is taken out of the odometry, and the graph is solved again.
    """
    solution, drift, rest = _settled(Ts, odometry, loops), np.zeros(6), odometry
    for _ in range(DRIFT_ROUNDS):
        before, kept = drift, loops.where(solution.is_kept)
        drift = common_drift(solution.Ts_world_node, odometry, kept, before)
        if (drift == before).all():
            break
        rest = without_drift(odometry, drift)
        faded = _with_fading_loops(solution.Ts_world_node, rest, loops)
        solution = _settled(faded, rest, loops)
    if drift.any() and not solution.is_kept.any():  # then nothing tells of it
        drift, rest = np.zeros(6), odometry
        solution = _settled(_followed(Ts, rest), rest, loops)
    cost = squared_errors(solution.Ts_world_node, rest).sum() + OF_DRIFT * drift.any()
    return solution, float(cost + np.minimum(solution.squared_sigmas, MAX_SQUARED_SIGMAS).sum())


def _settled(Ts: Float64[np.ndarray, "n 4 4"], odometry: Edges, loops: Edges) -> Solution:
    """Solve with the loops that fit. What then is beyond 3 sigma is left out, what is not comes
    back, and the rest is solved again.
    """
    is_kept = squared_errors(Ts, loops) <= MAX_SQUARED_SIGMAS
    for k in count():
        Ts = _solved(Ts, odometry.followed_by(loops.where(is_kept)))
        squared_sigmas = squared_errors(Ts, loops)
        fits = squared_sigmas <= MAX_SQUARED_SIGMAS
        if not (is_kept & ~fits).any() and (k >= MAX_RETURNS or not (fits & ~is_kept).any()):
            break
        is_kept = fits if k < MAX_RETURNS else fits & is_kept
    return Solution(Ts, is_kept, squared_sigmas)


def _lately(Ts: Float64[np.ndarray, "n 4 4"], loops: Edges) -> Edges:
    """Return the last loops, and those that fit the nodes as they are."""
    is_late = loops.b >= loops.b.max(initial=0) - LATE_NODES
    return loops.where(is_late | (squared_errors(Ts, loops) <= MAX_SQUARED_SIGMAS))


def _followed(Ts: Float64[np.ndarray, "n 4 4"], odometry: Edges) -> Float64[np.ndarray, "n 4 4"]:
    """Return the nodes, in order, each where the odometry from an earlier one has it."""
    Ts = Ts.copy()
    for k in np.argsort(odometry.b, kind="stable"):
        if odometry.a[k] < odometry.b[k]:
            Ts[odometry.b[k]] = Ts[odometry.a[k]] @ odometry.Ts_a_b[k]
    return Ts


def squared_errors(
    Ts_world_node: Float64[np.ndarray, "n 4 4"], edges: Edges
) -> Float64[np.ndarray, "e"]:
    """Return the squared error of each edge, in its own sigmas."""
    r = residuals(Ts_world_node, edges)
    return np.einsum("ei,eij,ej->e", r, edges.information, r)


def _with_fading_loops(
    Ts: Float64[np.ndarray, "n 4 4"], odometry: Edges, loops: Edges
) -> Float64[np.ndarray, "n 4 4"]:
    """Give loops the loss of Geman and McClure, whose width shrinks from round to round (graduated
    non-convexity, Yang et al. 2020), since the drift that a true loop takes back is far beyond
    3 sigma of it.
    """
    if not len(loops):
        return Ts
    edges = odometry.followed_by(loops)
    weights = np.ones(len(edges))
    Ts = _solved(Ts, edges)
    width = 2.0 * float(squared_errors(Ts, loops).max(initial=0.0)) / MAX_SQUARED_SIGMAS
    while width > 1.0:
        c = width * MAX_SQUARED_SIGMAS
        weights[len(odometry) :] = (c / (c + squared_errors(Ts, loops))) ** 2
        Ts = _stepped(Ts, edges, weights, FIRST_DAMPING)
        width /= GENTLER
    return Ts


def _solved(Ts: Float64[np.ndarray, "n 4 4"], edges: Edges) -> Float64[np.ndarray, "n 4 4"]:
    """Minimise the squared errors, as Levenberg and Marquardt do."""
    damping, weights = FIRST_DAMPING, np.ones(len(edges))
    error = float(squared_errors(Ts, edges).sum())
    for _ in range(MAX_ITERATIONS):
        if damping > MAX_DAMPING:
            break
        stepped = _stepped(Ts, edges, weights, damping)
        new_error = float(squared_errors(stepped, edges).sum())
        if new_error > error:
            damping = 100.0 * max(damping, 1e-6)
            continue
        moved = float(np.abs(stepped[:, :3] - Ts[:, :3]).max(initial=0.0))
        Ts, error, damping = stepped, new_error, 0.01 * damping
        if moved < CONVERGED:
            break
    return Ts


def _stepped(
    Ts: Float64[np.ndarray, "n 4 4"],
    edges: Edges,
    weights: Float64[np.ndarray, "e"],
    damping: float,
) -> Float64[np.ndarray, "n 4 4"]:
    """Return the poses after one step; the first node stays."""
    if len(Ts) == 1:
        return Ts
    equations = Equations.at(Ts, edges, weights, damping)
    return Ts @ se3_exps(equations.solved(-equations.gradient[:, :, None])[:, :, 0])
