"""A small pose graph, for the tests of what shows and keeps one."""

import math
from dataclasses import replace

import numpy as np

from slam.geometry import se3_exp
from slam.graph.detector import Loop
from slam.graph.graph import Graph, Moved
from slam.graph.pose_graph import Edge
from slam.graph.registration import Evidence
from slam.graph.track import Track

STEP = se3_exp(np.array([0.1, 0.0, 0.02, 0.0, 0.05, 0.0]))
OFF = np.array([0.03, 0.0, -0.01, 0.0, 0.02, 0.0])  # what loops have made of the last node


def walked_graph(num_nodes: int = 6, first: int = 0) -> Graph:
    """Return a walk of equal steps, whose nodes loops have moved, each by more than the last."""
    track = Track()
    T = np.eye(4)
    for node in range(num_nodes):
        track.add(first + 10 * node, first + node / 3, T, 0.001)
        T = T @ STEP
    Ts_tracked = np.array(track.Ts_world_node)
    shares = np.linspace(0.0, 1.0, num_nodes)
    Ts = np.array([T @ se3_exp(k * OFF) for k, T in zip(shares, Ts_tracked, strict=True)])
    rng = np.random.default_rng(first)
    root = rng.standard_normal((6, 6))
    edge = Edge(0, num_nodes - 1, se3_exp(rng.standard_normal(6)), root @ root.T)
    evidence = Evidence(0.9, 0.95, 0.01, math.nan, 0.0021)
    loop = Loop(edge, (first, first + 10 * (num_nodes - 1)), 55, evidence, 0.04, 1.2, "")
    loops = [loop, replace(loop, refusal="55% of the view is of the <place>", offset_m=3.0)]
    moves = [Moved.told(first + 31, 0.03, False)]
    indices = np.array([moment.frame_index for moment in track.moments])
    stamps_s = np.array([moment.timestamp_s for moment in track.moments])
    return Graph(indices, stamps_s, Ts_tracked, Ts, track.odometry, loops, moves)
