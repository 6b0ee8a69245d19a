"""The plots of a report, as PNG bytes."""

import io
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from slam.output import FrameRecord
from slam.tracking.base import TrackState
from slam.trajectory import Trajectory

_BLUE, _ORANGE, _GREY, _INK = "#2563eb", "#ea780c", "#8a8f98", "#1f2328"
_STATE_COLORS = {TrackState.OK: "#3a9d5d", TrackState.WEAK: "#f0b429", TrackState.LOST: "#c8323c"}
_WIDTH_IN = 10.4
_DPI = 110


def plot_paths(estimate: Trajectory, truth: Trajectory | None) -> bytes:
    """Draw the path from above and from the side, in the first camera's axes: y points down.

    `truth` is in the estimate's world.
    """
    figure = Figure(figsize=(_WIDTH_IN, 4.6), layout="constrained")
    for place, (title, across, up, sign, label) in enumerate(
        [("From above", 0, 2, 1.0, "z, forward (m)"), ("From the side", 0, 1, -1.0, "-y, up (m)")]
    ):
        axes = figure.add_subplot(1, 2, place + 1)
        if truth is not None:
            path_m = truth.positions_m
            axes.plot(path_m[:, across], sign * path_m[:, up], color=_GREY, lw=3, label="truth")
        path_m = estimate.positions_m
        axes.plot(path_m[:, across], sign * path_m[:, up], color=_BLUE, lw=1.2, label="estimate")
        axes.plot(path_m[:1, across], sign * path_m[:1, up], "o", color=_INK, ms=5, label="start")
        _label(axes, title, "x, right (m)", label)
        axes.set_aspect("equal", adjustable="datalim")
        if place == 0:
            axes.legend(frameon=False)
    return _png(figure)


def plot_errors(stamps_s: Float64[np.ndarray, "n"], errors_m: Float64[np.ndarray, "n"]) -> bytes:
    """Draw the position error after alignment over time."""
    figure, axes = _single_axes(2.6)
    axes.plot(stamps_s - stamps_s[0], 100.0 * errors_m, color=_BLUE, lw=1.2)
    rmse_cm = 100.0 * float(np.sqrt(np.mean(errors_m**2)))
    axes.axhline(rmse_cm, color=_GREY, lw=1, ls="--", label=f"RMSE {rmse_cm:.3g} cm")
    axes.set_ylim(bottom=0.0)
    axes.legend(frameon=False, loc="upper left")
    _label(axes, "Position error after alignment", "time (s)", "error (cm)")
    return _png(figure)


def plot_times(records: Sequence[FrameRecord]) -> bytes:
    """Draw the stage times of every frame, with their percentiles in the legend."""
    figure, axes = _single_axes(3.0)
    stamps_s = _times_s(records)
    shown_ms = []
    for name, color in [("tracking_ms", _BLUE), ("mapping_ms", _ORANGE)]:
        times_ms = np.array([getattr(record, name) for record in records])
        is_measured = np.isfinite(times_ms)
        if not is_measured.any():
            continue
        p50, p95 = np.percentile(times_ms[is_measured], [50, 95])
        label = (
            f"{name[:-3]}: p50 {p50:.1f}, p95 {p95:.1f}, max {times_ms[is_measured].max():.1f} ms"
        )
        axes.plot(stamps_s[is_measured], times_ms[is_measured], color=color, lw=0.9, label=label)
        shown_ms.append(np.percentile(times_ms[is_measured], 99.5))
    # One slow frame (a first compilation) must not flatten all the others.
    axes.set_ylim(0.0, 1.3 * max(shown_ms, default=1.0) + 1e-3)
    if shown_ms:
        axes.legend(frameon=False, loc="upper right")
    _label(axes, "Time per frame", "time (s)", "ms")
    return _png(figure)


def plot_states(records: Sequence[FrameRecord]) -> bytes:
    """Draw the tracking state of every frame as a coloured strip."""
    figure, axes = _single_axes(1.3)
    stamps_s = _times_s(records)
    interval_s = float(np.median(np.diff(stamps_s))) if len(stamps_s) > 1 else 1.0
    for state, color in _STATE_COLORS.items():
        is_state = np.array([record.state is state for record in records])
        starts_s = stamps_s[is_state]
        spans = [(start_s, interval_s) for start_s in starts_s]
        axes.broken_barh(spans, (0.0, 1.0), color=color, lw=0, label=f"{state.value} {len(spans)}")
    axes.set_yticks([])
    axes.set_ylim(0.0, 1.0)
    axes.legend(frameon=False, ncols=3, loc="lower right", bbox_to_anchor=(1.0, 1.0))
    _label(axes, "Tracking state (frames)", "time (s)", "")
    return _png(figure)


def plot_residuals(records: Sequence[FrameRecord]) -> bytes:
    """Draw the distribution of the tracker's residual over the frames."""
    figure, axes = _single_axes(2.6)
    residuals_mm = np.array([1e3 * record.residual_m for record in records])
    residuals_mm = residuals_mm[np.isfinite(residuals_mm)]
    if len(residuals_mm):
        limit_mm = float(np.percentile(residuals_mm, 99.5)) + 1e-6
        axes.hist(np.minimum(residuals_mm, limit_mm), bins=60, color=_BLUE)
    _label(axes, "Tracking residual", "residual (mm; the last bin holds all beyond)", "frames")
    return _png(figure)


def _times_s(records: Sequence[FrameRecord]) -> Float64[np.ndarray, "n"]:
    stamps_s = np.array([record.timestamp_s for record in records], dtype=np.float64)
    return stamps_s - stamps_s[:1].sum()


def _single_axes(height_in: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH_IN, height_in), layout="constrained")
    return figure, figure.add_subplot()


def _label(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    axes.set_title(title, loc="left", fontsize=11, color=_INK)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e6e8eb", lw=0.7)
    axes.set_axisbelow(True)


def _png(figure: Figure) -> bytes:
    """Render without pyplot, whose global state is not for threads."""
    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(buffer, dpi=_DPI, format="png")
    return buffer.getvalue()
