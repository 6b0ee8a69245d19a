"""The report: one page for one system or for several side by side."""

from collections.abc import Sequence

import numpy as np

from slam.evaluation.systems import SystemRun, system_colors
from slam.evaluation.trajectory import align, associate_poses, position_errors_m
from slam.evaluation.world import World, common_world, moved_trajectory, upright_axes
from slam.report import plots
from slam.report.html import page, paragraph, plot, section, tables, unfolding
from slam.report.loops import loops_section
from slam.report.plots import Line, Path
from slam.report.settings import settings_html
from slam.report.summary import common_values, summary_note, summary_tables
from slam.trajectory import Trajectory


def report_html(
    systems: Sequence[SystemRun], truth: Trajectory | None = None, pictures: str = ""
) -> str:
    """Return the report of systems as HTML; `pictures` are the sections that show their meshes.

    Without truth, and with several systems, the error plot shows how far they are from the first.
    """
    world = common_world(systems, truth)
    colors = system_colors(systems) if len(systems) > 1 else [None]
    names = " and ".join([", ".join(system.name for system in systems[:-1]), systems[-1].name])
    heading = f"Comparison of {names}" if len(systems) > 1 else f"Report of {systems[0].name}"
    common = common_values(systems)
    summary = tables(summary_tables(systems, colors)) + unfolding(
        "How these are measured", paragraph(summary_note(systems))
    )
    body = (
        paragraph(" · ".join(common), "lead")
        + summary
        + section("Trajectories" if len(systems) > 1 else "Trajectory", _path_plots(systems, world))
        + loops_section(systems)
        + pictures
        + section("Frame by frame", _frame_plots(systems))
        + section("Settings and versions", settings_html(systems, colors))
    )
    return page(" · ".join([heading, *common[:1]]), heading, body)


def _path_plots(systems: Sequence[SystemRun], world: World) -> str:
    placed = [
        (system, color, moved_trajectory(system.trajectory, T))
        for system, color, T in zip(
            systems, system_colors(systems), world.Ts_world_system, strict=True
        )
        if T is not None and len(system.trajectory)
    ]
    if not placed:
        return ""
    axes = upright_axes(placed[0][2].Ts_world_camera)
    origin_m = placed[0][2].positions_m[0]
    paths = [
        Path(system.name, color, (trajectory.positions_m - origin_m) @ axes.T)
        for system, color, trajectory in placed
    ]
    lines, true_m = [], None
    for system, color, trajectory in placed:
        if trajectory is placed[0][2] and not world.is_true:
            continue  # the reference itself
        estimate, reference = associate_poses(trajectory, world.reference)
        stamps_s = estimate.timestamps_s - placed[0][2].timestamps_s[0]
        errors_m = position_errors_m(estimate, reference, align(estimate, reference))
        lines.append(Line(system.name, color, stamps_s, errors_m))
        if world.is_true and (true_m is None or len(reference) > len(true_m)):
            true_m = (reference.positions_m - origin_m) @ axes.T
    html = plot("trajectory", plots.plot_paths(paths, true_m))
    if lines:
        title = (
            "Position error after alignment"
            if world.is_true
            else f"Distance to the position of {placed[0][0].name}, after alignment"
        )
        html += plot("error over time", plots.plot_errors(lines, title))
    return html


def _frame_plots(systems: Sequence[SystemRun]) -> str:
    """Draw what only our own runs know of every frame."""
    runs = [
        (system.name, color, system.run.frames)
        for system, color in zip(systems, system_colors(systems), strict=True)
        if system.run is not None and system.run.frames
    ]
    if not runs:
        return ""
    start_s = min(frames[0].timestamp_s for _, _, frames in runs)
    stamps_s = [np.array([f.timestamp_s for f in frames]) - start_s for _, _, frames in runs]

    def lines(field: str, factor: float = 1.0) -> list[Line]:
        found = []
        for (name, color, frames), times_s in zip(runs, stamps_s, strict=True):
            values = factor * np.array([getattr(frame, field) for frame in frames])
            is_known = np.isfinite(values)
            if is_known.any():
                found.append(Line(name, color, times_s[is_known], values[is_known]))
        return found

    states = [
        (name, times_s, [frame.state.value for frame in frames])
        for (name, _, frames), times_s in zip(runs, stamps_s, strict=True)
    ]
    html = plot("tracking state", plots.plot_states(states))
    for stage in ("tracking", "mapping"):
        if times_ms := lines(f"{stage}_ms"):
            title = f"{stage.capitalize()} time per frame"
            html += plot(f"{stage} time", plots.plot_times(title, times_ms))
    if residuals_mm := lines("residual_m", 1e3):
        html += plot("residuals", plots.plot_residuals(residuals_mm))
    return html
