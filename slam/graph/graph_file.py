"""The pose graph as a run folder keeps it: `graph.json`, described in docs/loops.md."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float64

from slam.geometry import Transform, quaternion_xyzw_from_rotation, transform_from_quaternion
from slam.graph.detector import Loop
from slam.graph.graph import Graph, Moved
from slam.graph.pose_graph import Edge
from slam.graph.registration import Evidence
from slam.tracking.pieces import pieces_of

_UPPER = np.triu_indices(6)


def loop_numbers(loop: Loop) -> dict[str, Any]:
    """Return what a loop is told by: a row of `loops.csv`, and the beginning of one in the file."""
    sigma_m, sigma_deg = sigmas(loop.edge.information)
    old_frame, frame = loop.frame_indices
    evidence = loop.evidence
    return {
        "old_frame": old_frame,
        "frame": frame,
        "matches": loop.num_matches,
        "overlap": evidence.overlap,
        "agreeing": evidence.agreeing,
        "floating": evidence.floating,
        "same": evidence.same,
        "residual_m": evidence.residual_m,
        "sigma_m": sigma_m,
        "sigma_deg": sigma_deg,
        "offset_m": loop.offset_m,
        "offset_deg": loop.offset_deg,
        "refusal": loop.refusal,
    }


def sigmas(information: Float64[np.ndarray, "6 6"]) -> tuple[float, float]:
    """Return the standard deviations in metres and degrees in the least certain directions."""
    least = [
        float(np.linalg.eigvalsh(part)[0]) for part in (information[:3, :3], information[3:, 3:])
    ]
    sigma_m, sigma_rad = (1.0 / math.sqrt(each) if each > 0.0 else math.inf for each in least)
    return sigma_m, math.degrees(sigma_rad)


def graph_text(graph: Graph) -> str:
    """Write a graph; one node, edge, loop or move a line."""
    pieces = pieces_of(graph.Ts_world_node[:, :3, 3])
    nodes = [
        {
            "frame": int(graph.frame_indices[k]),
            "timestamp_s": float(graph.timestamps_s[k]),
            "piece": int(pieces[k]),
            "tracked": _pose(graph.Ts_tracked[k]),
            "final": _pose(graph.Ts_world_node[k]),
        }
        for k in range(len(graph))
    ]
    moves = [
        {"frame": one.frame_index, "largest_m": _number(one.largest_m), "joined": one.has_joined}
        for one in graph.moves
    ]
    lists = {
        "nodes": nodes,
        "odometry": [_edge(edge) | {"frames": edge.num_frames} for edge in graph.odometry],
        "loops": [_plain(loop_numbers(loop)) | _edge(loop.edge) for loop in graph.loops],
        "moves": moves,
    }
    return "{\n" + ",\n".join(f'"{name}": {_rows(rows)}' for name, rows in lists.items()) + "\n}\n"


def graph_of(text: str) -> Graph:
    """Read a graph that `graph_text` wrote; raise ValueError, KeyError or TypeError for others."""
    lists = json.loads(text)
    nodes = lists["nodes"]
    return Graph(
        np.array([node["frame"] for node in nodes], np.int64),
        np.array([node["timestamp_s"] for node in nodes], np.float64),
        _transforms(node["tracked"] for node in nodes),
        _transforms(node["final"] for node in nodes),
        [_edge_of(row) for row in lists["odometry"]],
        [_loop_of(row) for row in lists["loops"]],
        [Moved.told(row["frame"], row["largest_m"], row["joined"]) for row in lists["moves"]],
    )


def _loop_of(row: Mapping[str, Any]) -> Loop:
    names = ("overlap", "agreeing", "floating", "same", "residual_m")
    evidence = Evidence(**{name: math.nan if row[name] is None else row[name] for name in names})
    return Loop(
        _edge_of(row), (row["old_frame"], row["frame"]), row["matches"], evidence,
        row["offset_m"], row["offset_deg"], row["refusal"],
    )  # fmt: skip


def _edge(edge: Edge) -> dict[str, Any]:
    information = [_number(value) for value in edge.information[_UPPER]]
    return {"a": edge.a, "b": edge.b, "T_a_b": _pose(edge.T_a_b), "information": information}


def _edge_of(row: Mapping[str, Any]) -> Edge:
    information = np.zeros((6, 6))
    information[_UPPER] = row["information"]
    information = information + np.triu(information, 1).T
    T_a_b = _transforms([row["T_a_b"]])[0]
    return Edge(row["a"], row["b"], T_a_b, information, row.get("frames", 0))


def _pose(T: Transform) -> list[float]:
    """Return x, y, z and qx, qy, qz, qw, as a TUM file has them."""
    quaternion = quaternion_xyzw_from_rotation(T[:3, :3])
    return [round(float(value), 9) + 0.0 for value in (*T[:3, 3], *quaternion)]


def _transforms(poses: Iterable[Sequence[float]]) -> Float64[np.ndarray, "n 4 4"]:
    Ts = [transform_from_quaternion(np.array(pose[:3]), np.array(pose[3:])) for pose in poses]
    return np.array(Ts, np.float64).reshape(-1, 4, 4)


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _number(value) for name, value in values.items()}


def _number(value: Any) -> Any:
    """Return a number with six digits, None for one that JSON does not have; others as they are."""
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _rows(rows: Sequence[Mapping[str, Any]]) -> str:
    lines = ",\n".join(json.dumps(row, allow_nan=False) for row in rows)
    return f"[\n{lines}\n]" if lines else "[]"
