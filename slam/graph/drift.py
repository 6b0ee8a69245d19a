"""The drift that all odometry of a run has in common, as its loops tell of it.

Independent errors of edges are spread evenly round each loop. A tracker that errs the same way in
every frame leaves errors that add up, and between two loops nothing else tells of them. One more
unknown, a twist a frame, has them; as the bias of an inertial sensor is a state of a factor graph
(Forster et al. 2017, "On-Manifold Preintegration"), here constant.

How large it may be nobody knows beforehand: where there is no such drift, an unknown that is free
fits noise. So its prior has a scale that is chosen by the evidence, the likelihood of what the
loops say with the drift integrated out (MacKay 1992, "Bayesian Interpolation"). That is greatest
at exactly 0 unless the drift explains more than six numbers explain by chance, and directions of
it that the loops say little of stay small.
"""

from dataclasses import replace
from math import radians

import numpy as np
from jaxtyping import Float64

from slam.geometry import se3_exps
from slam.graph.equations import Equations
from slam.graph.pose_graph import Edges

DRIFT, TURN_PER_M = 0.02, radians(0.75)  # what a track may err by: of the way, and per metre
_SHAPE = np.repeat([DRIFT, TURN_PER_M], 3)
_VARIANCES = np.append(0.0, np.geomspace(1e-4, 1.0, 97) ** 2)  # of the prior: 0.1 mm to 1 m of way


def without_drift(odometry: Edges, drift: Float64[np.ndarray, "6"]) -> Edges:
    """Return odometry to each frame of which a twist is added."""
    twists = odometry.num_frames[:, None] * drift
    return replace(odometry, Ts_a_b=odometry.Ts_a_b @ se3_exps(twists))


def common_drift(
    Ts_world_node: Float64[np.ndarray, "n 4 4"],
    odometry: Edges,
    loops: Edges,
    drift: Float64[np.ndarray, "6"],
) -> Float64[np.ndarray, "6"]:
    """Return the twist that each frame of the odometry lacks, by one step of Gauss and Newton from
    a drift and the poses that fit it best; 0 where the loops bear out none.
    """
    if not len(loops) or not odometry.num_frames.any():
        return np.zeros(6)
    edges = without_drift(odometry, drift).followed_by(loops)
    equations = Equations.at(Ts_world_node, edges, np.ones(len(edges)), 0.0)
    num_frames = edges.num_frames.astype(np.float64)
    of_both = np.zeros((len(Ts_world_node), 6, 6))  # second derivatives by a node and the drift
    for node, J_weighted in equations.ends:
        np.add.at(of_both, node, -num_frames[:, None, None] * J_weighted)
    # the nodes follow the drift: what is left of it is the Schur complement
    followed = equations.solved(of_both)
    hessian = np.einsum("e,eij->ij", num_frames**2, equations.information)
    hessian -= np.einsum("nki,nkj->ij", of_both, followed)
    gradient = -np.einsum("e,eij,ej->i", num_frames, equations.information, equations.residuals)
    gradient -= np.einsum("nki,nk->i", followed, equations.gradient)
    return _most_likely(hessian, gradient - hessian @ drift)


def _most_likely(
    hessian: Float64[np.ndarray, "6 6"], gradient: Float64[np.ndarray, "6"]
) -> Float64[np.ndarray, "6"]:
    """Return the minimum of a squared error, given by its derivatives at 0, plus that of a prior
    whose variance has the most evidence.
    """
    scaled = hessian * _SHAPE[:, None] * _SHAPE
    curvatures, axes = np.linalg.eigh(0.5 * (scaled + scaled.T))
    slopes = axes.T @ (_SHAPE * gradient)
    widened = 1.0 + _VARIANCES[:, None] * np.maximum(curvatures, 0.0)
    evidence = (_VARIANCES[:, None] * slopes**2 / widened - np.log(widened)).sum(axis=1)
    best = int(np.argmax(evidence))
    return -_SHAPE * (axes @ (_VARIANCES[best] * slopes / widened[best]))
