"""Where everything is in the viewer: entity paths and the layout that it opens with."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rerun.blueprint import Blueprint, Container, View

LIVE_COLOR, LIVE_DEPTH = "/images/camera/color", "/images/camera/depth"
MAP_DIFFERENCE = "/images/difference"
LEGEND = "/images/legend"
FPS = "/plots/fps"
PLOTS = {  # the plots with a curve for each map, and their titles
    "residual_mm": "tracking residual (mm)",
    "state": "2 OK / 1 weak / 0 lost",
    "ate_cm": "ATE so far (cm)",
    "map_mb": "map memory (MB)",
}
EYE_M, TARGET_M = (0.0, -2.7, -2.4), (0.0, 0.3, 2.5)  # from above and behind the first camera
BACKGROUND = (24, 26, 31)
MOST_BESIDE = 4  # maps in a line


def map_image(name: str, what: str) -> str:
    """Return the entity of a rendered image of a map: color, depth or error."""
    return f"/images/{name}/{what}"


def curve(name: str, plot: str) -> str:
    """Return the entity of a map's curve in a plot, or of the plot itself."""
    return f"/plots/{plot}/{name}".rstrip("/")


def blueprint(names: Sequence[str], has_truth: bool) -> "Blueprint":
    """Lay out the views of one or more maps: the maps side by side, images below, plots last."""
    import rerun.blueprint as rrb

    plots = [_plot(FPS, "frames per second")]
    for plot, title in PLOTS.items():
        if plot != "ate_cm" or has_truth:
            plots.append(_plot(curve("", plot), title, plot == "state"))
    rooms = [_room(name, has_truth) for name in names]
    return rrb.Blueprint(
        _beside(rooms, names, plots) if len(rooms) == 1 else _below(rooms, names, plots),
        rrb.TimePanel(timeline="frame", state="collapsed"),
        rrb.BlueprintPanel(state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        auto_views=False,
        auto_layout=False,
    )


def _beside(rooms: "list[View]", names: Sequence[str], plots: "list[View]") -> "Container":
    """Lay out one map: its images beside it."""
    import rerun.blueprint as rrb

    top, bottom = _images(names)
    pairs = [view for pair in zip(top, bottom, strict=True) for view in pair]
    images = rrb.Grid(*pairs, grid_columns=2)
    upper = rrb.Horizontal(*rooms, images, column_shares=[3.0, 2.0])
    return rrb.Vertical(upper, rrb.Horizontal(*plots), row_shares=[5.0, 1.2])


def _below(rooms: "list[View]", names: Sequence[str], plots: "list[View]") -> "Container":
    """Lay out several maps side by side: their images below them."""
    import rerun.blueprint as rrb

    top, bottom = _images(names)
    images = rrb.Vertical(rrb.Horizontal(*top), rrb.Horizontal(*bottom))
    num_lines = math.ceil(len(rooms) / MOST_BESIDE)
    upper = rrb.Grid(*rooms, grid_columns=math.ceil(len(rooms) / num_lines))
    return rrb.Vertical(upper, images, rrb.Horizontal(*plots), row_shares=[5.0, 3.6, 1.8])


def _room(name: str, has_truth: bool) -> "View":
    import rerun.blueprint as rrb

    return rrb.Spatial3DView(
        origin=f"/{name}",
        name=f"{name} map (green: true path)" if has_truth else f"{name} map",
        background=list(BACKGROUND),
        line_grid=rrb.LineGrid3D(visible=False),
        eye_controls=rrb.EyeControls3D(
            position=EYE_M, look_target=TARGET_M, eye_up=(0.0, -1.0, 0.0)
        ),
    )


def _plot(path: str, name: str, is_of_states: bool = False) -> "View":
    """Draw curves over the time; only where states are drawn is room for the curves' names."""
    import rerun.blueprint as rrb

    return rrb.TimeSeriesView(
        origin=path,
        name=name,
        plot_legend=rrb.PlotLegend(visible=is_of_states, corner=rrb.Corner2D.LeftBottom),
        axis_y=rrb.ScalarAxis(range=(-0.2, 2.2)) if is_of_states else None,
    )


def _images(names: Sequence[str]) -> "tuple[list[View], list[View]]":
    """Return two rows of views: colours above depths, and the differences beside them."""
    import rerun.blueprint as rrb

    def view(path: str, name: str) -> "View":
        return rrb.Spatial2DView(origin=path, name=name)

    top = [view(LIVE_COLOR, "camera: color")]
    bottom = [view(LIVE_DEPTH, "camera: depth")]
    for name in names:
        top.append(view(map_image(name, "color"), f"{name}: color"))
        bottom.append(view(map_image(name, "depth"), f"{name}: depth"))
    errors = [view(map_image(name, "error"), f"{name} - camera") for name in names]
    if len(names) == 2:
        errors.append(view(MAP_DIFFERENCE, f"{names[0]} - {names[1]}"))
    errors.append(view(LEGEND, "colors of a difference"))
    half = len(errors) // 2
    top += errors[:half]
    bottom += errors[half:]
    return top, bottom
