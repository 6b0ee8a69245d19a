"""The plots of `methods_study.py`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def draw_forgetting(found: Mapping[str, Any], path: Path) -> None:
    """Plot the error of the first room over the frames."""
    figure = Figure(figsize=(8.0, 3.4), layout="constrained")
    panels = {"median_cm": "median error of depth, cm", "lacking": "wrong by 5 cm or not there, %"}
    for place, (key, label) in enumerate(panels.items()):
        axes = figure.add_subplot(1, 2, place + 1)
        for name, rows in found["rows"].items():
            frames = [row["frame"] for row in rows]
            values = [
                100.0 * (row["holes"] + (1.0 - row["holes"]) * row["wrong"])
                if key == "lacking"
                else row[key]
                for row in rows
            ]
            axes.plot(frames, values, marker=".", label=name)
        axes.axvline(found["back_at_frame"], color="#8a8f98", lw=0.8, ls="--")
        axes.set(xlabel="frame; dashed: back in the first room", ylabel=label)
        axes.grid(alpha=0.3)
    figure.axes[0].set_yscale("log")
    figure.axes[1].set_ylim(bottom=0.0)
    figure.axes[0].legend(fontsize=8, loc=(0.03, 0.1))
    figure.savefig(path, dpi=100)


def draw_convergence(found: Mapping[str, Any], path: Path) -> None:
    """Plot errors over seconds."""
    figure = Figure(figsize=(8.0, 3.4), layout="constrained")
    panels = {"mean_cm": "distance near surface off by, cm", "psnr_db": "colour, dB"}
    for place, (key, label) in enumerate(panels.items()):
        axes = figure.add_subplot(1, 2, place + 1)
        for name, rows in found["rows"].items():
            axes.plot([row["seconds"] for row in rows], [row[key] for row in rows], label=name)
        axes.set(xlabel="seconds on one core", ylabel=label)
        axes.grid(alpha=0.3)
    figure.axes[0].set_ylim(bottom=0.0)
    figure.axes[1].legend(fontsize=8)
    figure.savefig(path, dpi=100)
