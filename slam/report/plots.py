"""The plots of a report, as PNG bytes; every system keeps its colour in all of them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, Float64
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from slam.report.picture import COLOR_MAP

GREY, INK = "#8a8f98", "#1f2328"
WIDTH_IN = 10.7
_DPI = 110


@dataclass(frozen=True)
class Line:
    """What a plot draws of a system."""

    name: str
    color: str
    x: Float64[np.ndarray, "n"]
    y: Float64[np.ndarray, "n"]


@dataclass(frozen=True)
class Path:
    """A system's path: metres to the right, forward and up."""

    name: str
    color: str
    positions_m: Float64[np.ndarray, "n 3"]


@dataclass(frozen=True)
class Range:
    """Medians, least and largest values of a method at several places; NaN where it has none."""

    name: str
    color: str
    median: Float64[np.ndarray, "n"]
    low: Float64[np.ndarray, "n"]
    high: Float64[np.ndarray, "n"]


def plot_paths(paths: Sequence[Path], true_m: Float64[np.ndarray, "m 3"] | None) -> bytes:
    """Draw the paths from above and from the side, and where they start."""
    figure = Figure(figsize=(WIDTH_IN, 4.6), layout="constrained")
    for place, (title, up, label) in enumerate(
        [("From above", 1, "forward (m)"), ("From the side", 2, "up (m)")]
    ):
        axes = figure.add_subplot(1, 2, place + 1)
        if true_m is not None:
            axes.plot(true_m[:, 0], true_m[:, up], color=GREY, lw=3.5, alpha=0.6, label="truth")
        for k, path in enumerate(paths):
            right_m, up_m = path.positions_m[:, 0], path.positions_m[:, up]
            width = 1.2 + 0.8 * (len(paths) - 1 - k)  # or the last would cover the others
            axes.plot(right_m, up_m, color=path.color, lw=width, label=path.name)
        for path in paths[:1]:
            start_m = path.positions_m[:1]
            axes.plot(start_m[:, 0], start_m[:, up], "o", color=INK, ms=5, label="start")
        titled(axes, title, "right (m)", label)
        axes.set_aspect("equal", adjustable="datalim")
        if place == 0:
            axes.legend(frameon=False)
    return png(figure)


def plot_errors(lines: Sequence[Line], title: str) -> bytes:
    """Draw position errors in metres over time, and their root mean squares."""
    figure, axes = _single_axes(2.8)
    for line in lines:
        rmse_cm = 100.0 * float(np.sqrt(np.mean(line.y**2)))
        label = f"{line.name}: RMSE {rmse_cm:.3g} cm"
        axes.plot(line.x, 100.0 * line.y, color=line.color, lw=1.2, label=label)
        axes.axhline(rmse_cm, color=line.color, lw=0.9, ls="--", alpha=0.6)
    axes.set_ylim(bottom=0.0)
    axes.margins(y=0.25)
    axes.legend(frameon=False, loc="upper left", ncols=min(len(lines), 3))
    titled(axes, title, "time (s)", "error (cm)")
    return png(figure)


def plot_times(title: str, lines: Sequence[Line]) -> bytes:
    """Draw milliseconds of every frame, with their percentiles in the legend. Frames far slower
    than the others are marked at the upper edge.
    """
    figure, axes = _single_axes(2.6)
    shown_ms = []
    for line in lines:
        p50, p95 = np.percentile(line.y, [50, 95])
        label = f"{line.name}: median {p50:.1f}, 95 % {p95:.1f}, max {line.y.max():.1f} ms"
        axes.plot(line.x, line.y, color=line.color, lw=0.8, alpha=0.9, label=label)
        shown_ms.append(np.percentile(line.y, 98.0))
    # One slow frame (a first compilation) must not flatten all the others.
    top_ms = 1.45 * max(shown_ms) + 1e-3
    is_cut = False
    for line in lines:
        beyond_s = line.x[line.y > top_ms]
        is_cut |= len(beyond_s) > 0
        at_edge = np.full(len(beyond_s), top_ms)
        axes.plot(beyond_s, at_edge, "^", color=line.color, ms=5, clip_on=False)
    axes.set_ylim(0.0, top_ms)
    axes.legend(frameon=False, loc="upper right", ncols=min(len(lines), 2))
    titled(axes, title, "time (s)", "ms (triangles: more)" if is_cut else "ms")
    return png(figure)


def plot_states(rows: Sequence[tuple[str, Float64[np.ndarray, "n"], list[str]]]) -> bytes:
    """Draw the tracking state of every frame (name, time stamps, states) as coloured strips."""
    figure, axes = _single_axes(0.95 + 0.3 * len(rows))
    colors = {"OK": "#3a9d5d", "WEAK": "#f0b429", "LOST": "#c8323c"}
    for height, (_, stamps_s, states) in enumerate(reversed(rows)):
        interval_s = float(np.median(np.diff(stamps_s))) if len(stamps_s) > 1 else 1.0
        for state, color in colors.items():
            spans = [
                (stamp_s, interval_s)
                for stamp_s, found in zip(stamps_s, states, strict=True)
                if found == state
            ]
            axes.broken_barh(spans, (height + 0.1, 0.8), color=color, lw=0)
    for state, color in colors.items():
        num_frames = sum(states.count(state) for _, _, states in rows)
        axes.plot([], [], "s", color=color, label=f"{state} {num_frames}")
    axes.set_yticks(
        [height + 0.5 for height in range(len(rows))],
        [name if len(rows) > 1 else "" for name, *_ in reversed(rows)],
    )
    axes.tick_params(axis="y", length=0)
    axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    titled(axes, "Tracking state (frames)", "time (s)", "")
    return png(figure)


def plot_residuals(values_mm: Sequence[Line]) -> bytes:
    """Draw the distribution of the trackers' residuals (y, in mm) over the frames."""
    figure, axes = _single_axes(2.5)
    limit_mm = max(float(np.percentile(line.y, 99.5)) for line in values_mm) + 1e-6
    bins = np.linspace(0.0, limit_mm, 61)
    for line in values_mm:
        _histogram(axes, np.minimum(line.y, limit_mm), bins, line, np.ones(len(line.y)))
    if len(values_mm) > 1:
        axes.legend(frameon=False)
    titled(axes, "Tracking residual", "residual (mm; the last bin holds all beyond)", "frames")
    return png(figure)


def plot_depth_errors(errors: Sequence[tuple[str, str, Float32[np.ndarray, "_n"]]]) -> bytes:
    """Draw the distributions (name, colour, metres) of depth errors, in percent of the pixels.

    The range is twice that which holds 95 % of the errors of every system.
    """
    figure, axes = _single_axes(3.2)
    errors_cm = [100.0 * errors_m.astype(np.float64) for _, _, errors_m in errors]
    limit_cm = 2.0 * max(float(np.percentile(np.abs(each), 95.0)) for each in errors_cm) + 1e-3
    bins = np.linspace(-limit_cm, limit_cm, 82)  # zero is the middle of a bin
    for (name, color, _), each in zip(errors, errors_cm, strict=True):
        values_cm = np.clip(each, -limit_cm, limit_cm)
        line = Line(name, color, values_cm, values_cm)
        _histogram(axes, values_cm, bins, line, np.full(len(each), 100.0 / len(each)))
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_xlim(-limit_cm, limit_cm)
    if len(errors) > 1:
        axes.legend(frameon=False)
    titled(
        axes,
        "Depth of the mesh minus measured depth",
        "error (cm; the outer bins hold all beyond; left: the mesh is in front)",
        "pixels (%)",
    )
    return png(figure)


def plot_ranges(title: str, y_label: str, places: Sequence[str], ranges: Sequence[Range]) -> bytes:
    """Draw what several methods reach at each of some places, side by side."""
    figure, axes = _single_axes(3.4)
    step = 0.7 / len(ranges)
    for k, each in enumerate(ranges):
        x = np.arange(len(places)) + step * (k - 0.5 * (len(ranges) - 1))
        beyond = np.stack([each.median - each.low, each.high - each.median])
        axes.bar(x, each.median, 0.9 * step, color=each.color, alpha=0.85, label=each.name)
        axes.errorbar(x, each.median, beyond, fmt="none", ecolor=INK, elinewidth=1.0, capsize=2.5)
    axes.set_xticks(range(len(places)), places)
    for tick in axes.get_xticklabels() if max(map(len, places)) * len(places) > 90 else ():
        tick.set(rotation=20.0, ha="right")
    axes.margins(y=0.2)
    axes.legend(frameon=False, loc="upper left", ncols=min(len(ranges), 4))
    titled(axes, title, "", y_label)
    return png(figure)


def plot_color_bar(label: str, limit: float) -> bytes:
    """Draw the scale of the painted pictures."""
    figure = Figure(figsize=(4.4, 0.7), layout="constrained")
    axes = figure.add_subplot()
    scale = ScalarMappable(Normalize(0.0, limit), COLOR_MAP)
    figure.colorbar(scale, cax=axes, orientation="horizontal", extend="max").set_label(label)
    return png(figure)


def _histogram(
    axes: Axes,
    values: Float64[np.ndarray, "n"],
    bins: Float64[np.ndarray, "b"],
    line: Line,
    weights: Float64[np.ndarray, "n"],
) -> None:
    style = {"bins": bins, "weights": weights, "color": line.color}
    axes.hist(values, histtype="stepfilled", alpha=0.18, **style)
    axes.hist(values, histtype="step", lw=1.3, label=line.name, **style)


def _single_axes(height_in: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH_IN, height_in), layout="constrained")
    return figure, figure.add_subplot()


def titled(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    """Give axes the look of all plots."""
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e8eb", lw=0.7)
    axes.set_axisbelow(True)


def png(figure: Figure) -> bytes:
    """Render without pyplot, whose global state is not for threads, and without `print_figure`,
    which draws such figures twice.
    """
    buffer = io.BytesIO()
    figure.set_dpi(_DPI)
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()
