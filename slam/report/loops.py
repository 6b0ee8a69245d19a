"""What a report shows of loops: the pose graph, and each place that was seen again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from slam.evaluation.systems import SystemRun, system_colors
from slam.evaluation.world import upright_axes
from slam.graph.detector import Loop
from slam.graph.graph import Graph
from slam.graph.graph_file import sigmas
from slam.report.graph_plot import GraphLines, LoopLine, plot_graph
from slam.report.html import Cell, Table, dot, paragraph, plot, scrolling, section, table, unfolding
from slam.report.summary import NOTHING
from slam.tracking.pieces import pieces_of

MOST_OPEN = 12  # rows of a table that is not folded
NOTE = """
Before: the track alone, as odometry has it from the first frame on. After: as the graph has it. An
accepted loop joins the two places before and after; a refused one is drawn dashed, where the graph
has its frames.
"""
COLUMNS_NOTE = """
The columns: corners that agree on the motion; of the view, how much is of the old place, and how
much of that lies on its surface, in space that was seen to be free, and looks the same; residual of
the dense alignment; what it leaves open in the least certain directions; and by how much the frame
was off until then.
"""


@dataclass(frozen=True)
class _Column:
    title: str
    value: Callable[[Loop], float]
    form: str


_COLUMNS = (
    _Column("corners", lambda loop: loop.num_matches, "{:.0f}"),
    _Column("of the place (%)", lambda loop: 100.0 * loop.evidence.overlap, "{:.0f}"),
    _Column("on surface (%)", lambda loop: 100.0 * loop.evidence.agreeing, "{:.0f}"),
    _Column("in free space (%)", lambda loop: 100.0 * loop.evidence.floating, "{:.1f}"),
    _Column("looks the same (%)", lambda loop: 100.0 * loop.evidence.same, "{:.0f}"),
    _Column("residual (mm)", lambda loop: 1e3 * loop.evidence.residual_m, "{:.1f}"),
    _Column("open (mm)", lambda loop: 1e3 * sigmas(loop.edge.information)[0], "{:.1f}"),
    _Column("open (deg)", lambda loop: sigmas(loop.edge.information)[1], "{:.2f}"),
    _Column("off (cm)", lambda loop: 1e2 * loop.offset_m, "{:.1f}"),
    _Column("off (deg)", lambda loop: loop.offset_deg, "{:.2f}"),
)


def loops_section(systems: Sequence[SystemRun]) -> str:
    """Return the section of all systems that saw a place again; nothing where none did."""
    shown = [
        (system.name if len(systems) > 1 else "", color, system.run.graph)
        for system, color in zip(systems, system_colors(systems), strict=True)
        if system.run is not None and system.run.graph.loops
    ]
    body = "".join(_of_system(name, color, graph) for name, color, graph in shown)
    return section("Loops", body and body + paragraph(COLUMNS_NOTE), NOTE)


def _of_system(name: str, color: str, graph: Graph) -> str:
    heading = f"<h3>{dot(color)}{name}</h3>\n" if name else ""
    title = f"loops of {name}" if name else "loops"
    accepted = graph.accepted
    refused = [loop for loop in graph.loops if not loop.is_accepted]
    tables = _folded(f"Accepted loops: {len(accepted)}", accepted)
    tables += _folded(f"Refused loops: {len(refused)}", refused, has_reason=True)
    return heading + plot(title, plot_graph(graph_lines(graph, color))) + tables


def _folded(title: str, loops: Sequence[Loop], has_reason: bool = False) -> str:
    """Return a table of loops; a long one unfolds below its title."""
    if not loops:
        return ""
    content = Table(
        "frames",
        ["why"] * has_reason + [column.title for column in _COLUMNS],
        [
            (
                "{1}\N{NO-BREAK SPACE}at\N{NO-BREAK SPACE}{0}".format(*loop.frame_indices),
                [Cell(loop.refusal, is_prose=True)] * has_reason
                + [_cell(column, loop) for column in _COLUMNS],
            )
            for loop in loops
        ],
        [None] * (len(_COLUMNS) + has_reason),
    )
    html = scrolling(table(content))
    return unfolding(title, html) if len(loops) > MOST_OPEN else f"<h3>{title}</h3>\n{html}"


def _cell(column: _Column, loop: Loop) -> Cell:
    value = column.value(loop)
    return Cell(column.form.format(value) if isfinite(value) else NOTHING)


def graph_lines(graph: Graph, color: str) -> GraphLines:
    """Turn the largest piece of a graph to be seen from above."""
    after_m, before_m = graph.Ts_world_node[:, :3, 3], graph.before()[:, :3, 3]
    pieces = pieces_of(after_m)
    numbers, counts = np.unique(pieces, return_counts=True)
    is_shown = pieces == numbers[np.argmax(counts)]
    axes = upright_axes(graph.Ts_world_node[is_shown])
    origin_m = after_m[is_shown][0]
    before_m, after_m = ((each - origin_m) @ axes.T for each in (before_m, after_m))
    starts_s = graph.timestamps_s - graph.timestamps_s[0]
    nodes_moved = np.searchsorted(graph.frame_indices, [one.frame_index for one in graph.moves])
    return GraphLines(
        color,
        before_m[is_shown],
        after_m[is_shown],
        [
            LoopLine(
                float(starts_s[loop.edge.b]),
                100.0 * loop.offset_m,
                loop.is_accepted,
                before_m[[loop.edge.a, loop.edge.b]],
                after_m[[loop.edge.a, loop.edge.b]],
                bool(is_shown[loop.edge.a] and is_shown[loop.edge.b]),
            )
            for loop in graph.loops
        ],
        starts_s[np.minimum(nodes_moved, len(graph) - 1)].tolist(),
    )
