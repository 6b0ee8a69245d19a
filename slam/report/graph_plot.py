"""The plot of a pose graph: its nodes from above before and after, and the loops between them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from slam.report.plots import GREY, INK, WIDTH_IN, png, titled

_ACCEPTED, _REFUSED = "#0f9d76", "#c8323c"
OFFSET_LABEL = "offset (cm; logarithmic from 1 cm on)"
_TICKS_CM = [0.0, 0.5, *(k * 10.0**power for power in range(5) for k in (1, 2, 5))]


@dataclass(frozen=True)
class LoopLine:
    """A loop: when it was seen, how far off the frame was, and its two nodes before and after."""

    time_s: float
    offset_cm: float
    is_accepted: bool
    before_m: Float64[np.ndarray, "2 3"]
    after_m: Float64[np.ndarray, "2 3"]
    is_in_view: bool  # else one end is in another piece


@dataclass(frozen=True)
class GraphLines:
    """What is drawn of a graph: metres to the right, forward and up."""

    color: str
    before_m: Float64[np.ndarray, "n 3"]
    after_m: Float64[np.ndarray, "n 3"]
    loops: Sequence[LoopLine]
    moves_s: Sequence[float]  # times at which the map was moved


def plot_graph(lines: GraphLines) -> bytes:
    """Draw a graph from above, and beside it what its loops found, over time."""
    figure = Figure(figsize=(WIDTH_IN, 4.8), layout="constrained")
    _draw_nodes(figure.add_subplot(1, 2, 1), lines)
    _draw_offsets(figure.add_subplot(1, 2, 2), lines)
    return png(figure)


def _draw_nodes(axes: Axes, lines: GraphLines) -> None:
    axes.plot(*lines.before_m.T[:2], color=GREY, lw=1.3, label="before")
    axes.plot(*lines.after_m.T[:2], ".-", color=lines.color, lw=1.3, ms=3, label="after")
    for loop in lines.loops:
        if not loop.is_in_view:
            continue
        if loop.is_accepted:
            axes.plot(*loop.before_m.T[:2], color=_ACCEPTED, lw=0.8, alpha=0.45)
            axes.plot(*loop.after_m.T[:2], color=_ACCEPTED, lw=1.6)
        else:
            axes.plot(*loop.after_m.T[:2], "--", color=_REFUSED, lw=1.0)
    axes.plot([], [], color=_ACCEPTED, label="accepted loop")
    axes.plot([], [], "--", color=_REFUSED, label="refused loop")
    axes.plot(*lines.after_m[:1].T[:2], "o", color=INK, ms=5, label="start")
    titled(axes, "The graph from above", "right (m)", "forward (m)")
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(frameon=False, fontsize=8)


def _draw_offsets(axes: Axes, lines: GraphLines) -> None:
    for is_accepted, color, marker, name in (
        (True, _ACCEPTED, "o", "accepted"),
        (False, _REFUSED, "x", "refused"),
    ):
        found = [loop for loop in lines.loops if loop.is_accepted is is_accepted]
        times_s, offsets_cm = [one.time_s for one in found], [one.offset_cm for one in found]
        axes.plot(times_s, offsets_cm, marker, color=color, ms=5, label=f"{name} {len(found)}")
    for k, time_s in enumerate(lines.moves_s):
        times = "once" if len(lines.moves_s) == 1 else f"{len(lines.moves_s)} times"
        name = f"the map moved {times}" if k == 0 else None
        axes.axvline(time_s, color=GREY, lw=0.9, ls=":", label=name)
    most_cm = max((loop.offset_cm for loop in lines.loops), default=0.0)
    top_cm = max(3.0 * most_cm, 1.0)  # room for the legend
    axes.set_yscale("symlog", linthresh=1.0)
    axes.set_ylim(0.0, top_cm)
    ticks_cm = [tick for tick in _TICKS_CM if tick < top_cm]
    axes.set_yticks(ticks_cm, [f"{tick:g}" for tick in ticks_cm])
    axes.legend(frameon=False, fontsize=8)
    titled(axes, "By how much frames were off at places seen again", "time (s)", OFFSET_LABEL)
