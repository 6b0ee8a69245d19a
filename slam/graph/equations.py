"""The normal equations of a pose graph: linear in the twists by which its nodes move."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import SuperLU, splu

from slam.geometry import inverses
from slam.graph.pose_graph import Edges
from slam.graph.twists import adjoints, logs, right_jacobians_inverse


def residuals(
    Ts_world_node: Float64[np.ndarray, "n 4 4"], edges: Edges
) -> Float64[np.ndarray, "e 6"]:
    """Return log(T_a_b^-1 T_a^-1 T_b) of each edge."""
    Ts_a_b = inverses(Ts_world_node[edges.a]) @ Ts_world_node[edges.b]
    return logs(inverses(edges.Ts_a_b) @ Ts_a_b)


@dataclass(frozen=True)
class Equations:
    """The sum of squared errors round some poses; the first node stays."""

    residuals: Float64[np.ndarray, "e 6"]
    information: Float64[np.ndarray, "e 6 6"]  # weighted
    ends: tuple[tuple[Int64[np.ndarray, "e"], Float64[np.ndarray, "e 6 6"]], ...]  # node, J^T W
    gradient: Float64[np.ndarray, "n 6"]
    _factor: SuperLU

    @classmethod
    def at(
        cls,
        Ts_world_node: Float64[np.ndarray, "n 4 4"],
        edges: Edges,
        weights: Float64[np.ndarray, "e"],
        damping: float,
    ) -> "Equations":
        """Set them up and factorise them; there are two nodes or more."""
        r = residuals(Ts_world_node, edges)
        Ts_b_a = inverses(Ts_world_node[edges.b]) @ Ts_world_node[edges.a]
        d_r_d_b = right_jacobians_inverse(r)
        d_r_d_a = -d_r_d_b @ adjoints(Ts_b_a)
        information = weights[:, None, None] * edges.information
        blocks, rows, cols, ends = [], [], [], []
        gradient = np.zeros((len(Ts_world_node), 6))
        for node, J in ((edges.a, d_r_d_a), (edges.b, d_r_d_b)):
            J_weighted = J.transpose(0, 2, 1) @ information
            ends.append((node, J_weighted))
            np.add.at(gradient, node, np.einsum("eij,ej->ei", J_weighted, r))
            for other, J_other in ((edges.a, d_r_d_a), (edges.b, d_r_d_b)):
                blocks.append(J_weighted @ J_other)
                rows.append(node)
                cols.append(other)
        num_unknowns = 6 * (len(Ts_world_node) - 1)
        H = _assembled(
            np.concatenate(blocks), np.concatenate(rows), np.concatenate(cols), num_unknowns
        )
        H.setdiag(H.diagonal() * (1.0 + damping) + 1e-9)
        factor = splu(H, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        return cls(r, information, tuple(ends), gradient, factor)

    def solved(self, right: Float64[np.ndarray, "n 6 k"]) -> Float64[np.ndarray, "n 6 k"]:
        """Return H^-1 of right-hand sides; 0 for the first node."""
        solution = np.zeros(right.shape)
        columns = right[1:].reshape(-1, right.shape[2])
        solution[1:] = self._factor.solve(columns).reshape(right[1:].shape)
        return solution


def _assembled(
    blocks: Float64[np.ndarray, "k 6 6"], rows: np.ndarray, cols: np.ndarray, num_unknowns: int
) -> csc_matrix:
    """Add 6x6 blocks up in a sparse matrix without the first node."""
    is_free = (rows > 0) & (cols > 0)
    first_row, first_col = 6 * (rows[is_free] - 1), 6 * (cols[is_free] - 1)
    inner = np.arange(6)
    at_row = np.broadcast_to(first_row[:, None, None] + inner[:, None], (len(first_row), 6, 6))
    at_col = np.broadcast_to(first_col[:, None, None] + inner, (len(first_row), 6, 6))
    shape = num_unknowns, num_unknowns
    entries = blocks[is_free].ravel(), (at_row.ravel(), at_col.ravel())
    return csc_matrix(entries, shape=shape)
