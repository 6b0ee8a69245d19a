"""The sections of a report that show meshes: from the same places, and where they differ."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from slam.camera import Camera
from slam.evaluation.disagreement import LIMIT_M, MeshDifference, depth_spread, furthest_m
from slam.evaluation.surface import Surface
from slam.frame import Frame
from slam.geometry import Transform
from slam.report import picture
from slam.report.html import Cell, Figure, Table, gallery, plot, section, table
from slam.report.picture import Picture, View, look
from slam.report.plots import plot_color_bar
from slam.report.stage import Shown
from slam.report.views import from_pose

_MAX_COLUMNS = 5
_NOTHING_M = 0.2  # a mesh further away has nothing there


@dataclass(frozen=True)
class Place:
    """A pose of the camera, and the frame that it took there, if that can be had."""

    T_world_camera: Transform
    time_s: float
    frame: Frame | None


def renders_section(
    shown: Sequence[Shown], camera: Camera, places: Sequence[Place], overviews: Sequence[View]
) -> str:
    """Show every mesh from above and from some of the camera's poses, in colour and as clay."""
    html = _galleries(
        [
            [_figure(each, picture.colored(look(view, each.whole))) for each in shown]
            for view in overviews
        ]
    )
    for place in places:
        view = from_pose(camera, place.T_world_camera)
        seen = [(each, look(view, each.whole)) for each in shown]
        colors = [_figure(each, picture.colored(found)) for each, found in seen]
        shapes = [_figure(each, picture.clay(found)) for each, found in seen]
        html += _heading(place)
        html += _galleries([_photo(place, view) + colors, _measured(place, view) + shapes])
    note = (
        "From above, surface seen from behind is left out, so that one looks into the room. "
        "Colours are those of the meshes; the grey pictures show the shape alone."
    )
    if any(each.whole.mesh.is_predicted is not None for each in shown):
        note += " Violet surface is predicted (mesh_predicted.ply): no camera has seen it."
    title = "Every mesh from the same places" if len(shown) > 1 else "The mesh"
    return section(title, html, note)


def disagreement_section(
    shown: Sequence[Shown],
    camera: Camera,
    worst: Sequence[Place],
    overviews: Sequence[View],
    whole: MeshDifference,
    pairs: Mapping[str, MeshDifference],
) -> str:
    """Show the views in which the meshes differ most, and their distances over the whole and, of
    more than two, pair by pair.
    """
    html = table(_pairs_table(pairs)) if len(pairs) > 1 else ""
    html += plot("scale of the differences", plot_color_bar("difference (cm)", 100.0 * LIMIT_M))
    for place in worst:
        view = from_pose(camera, place.T_world_camera)
        figures = [_figure(each, picture.clay(look(view, each.observed))) for each in shown]
        html += _heading(place)
        html += _galleries([_photo(place, view) + figures + [_spread(shown, view)]])
    which = "the other mesh" if len(shown) == 2 else "whichever other mesh is furthest away"
    html += f"<h3>Distance to {which}</h3>\n"
    surfaces = [each.observed.surface for each in shown]
    html += _galleries(
        [
            [
                _painted(each, view, [*surfaces[:k], *surfaces[k + 1 :]])
                for k, each in enumerate(shown)
            ]
            for view in overviews
        ]
    )
    note = (
        f"{_statement(whole)} Predicted surface is left out. In the views, the difference is that "
        "of the depths that a camera would see, the largest minus the smallest; blue: not every "
        "mesh shows surface. Below, blue is surface with nothing of the other within 20 cm."
    )
    return section("Where the meshes disagree most", html, note)


def _statement(found: MeshDifference) -> str:
    return (
        f"Between the meshes: {found.mean_cm:.2f} cm on average, median {found.median_cm:.2f} cm, "
        f"95 % within {found.p95_cm:.2f} cm; {100.0 * found.within_5_cm:.1f} % of the surface has "
        "the other mesh within 5 cm."
    )


def _pairs_table(pairs: Mapping[str, MeshDifference]) -> Table:
    columns = ["mean (cm)", "median (cm)", "95 % (cm)", "within 1 cm (%)", "within 5 cm (%)"]
    rows = []
    for names, found in pairs.items():
        lengths_cm = (found.mean_cm, found.median_cm, found.p95_cm)
        shares = (found.within_1_cm, found.within_5_cm)
        texts = [f"{cm:.2f}" for cm in lengths_cm] + [f"{100.0 * share:.1f}" for share in shares]
        rows.append((names, [Cell(text) for text in texts]))
    return Table("Pair of meshes", columns, rows, [None] * len(columns))


def truth_section(shown: Sequence[Shown], overviews: Sequence[View], truth: Surface) -> str:
    """Show every mesh by its distance to the true surface."""
    html = plot("scale of the errors", plot_color_bar("distance (cm)", 100.0 * LIMIT_M))
    html += _galleries([[_painted(each, view, [truth]) for each in shown] for view in overviews])
    return section(
        "Distance to the true surface",
        html,
        "Predicted surface is left out. Blue: no true surface within 20 cm.",
    )


def _painted(each: Shown, view: View, others: Sequence[Surface]) -> Figure:
    seen = look(view, each.observed)
    distances_m = furthest_m(seen.points(), others)
    return _figure(each, picture.painted(seen, distances_m, LIMIT_M, _NOTHING_M))


def _spread(shown: Sequence[Shown], view: View) -> Figure:
    found = depth_spread(
        [each.observed.surface for each in shown], view.camera, view.T_world_camera
    )
    image = picture.painted_pixels(found.spread_m, found.is_everywhere, found.is_one_sided, LIMIT_M)
    return Figure("difference", picture.jpeg(image))


def _photo(place: Place, view: View) -> list[Figure]:
    if place.frame is None or place.frame.color is None:
        return []
    image = picture.resized(place.frame.color, view.camera)
    return [Figure("recorded colour", picture.jpeg(image))]


def _measured(place: Place, view: View) -> list[Figure]:
    if place.frame is None or place.frame.color is None:  # nothing above it either
        return []
    image = picture.clay_of_depth(place.frame.depth_m, place.frame.camera)
    return [Figure("measured depth", picture.jpeg(picture.resized(image, view.camera)))]


def _figure(each: Shown, image: Picture) -> Figure:
    return Figure(each.name, picture.jpeg(image), each.color)


def _heading(place: Place) -> str:
    return f"<h3>From the camera's pose at {place.time_s:.1f} s</h3>\n"


def _galleries(rows: Sequence[list[Figure]]) -> str:
    """Lay rows of pictures out below each other; rows so short that all fit side by side."""
    if sum(map(len, rows)) < _MAX_COLUMNS:
        rows = [[figure for row in rows for figure in row]]
    return "".join(gallery(row, _num_columns(len(row))) for row in rows if row)


def _num_columns(num_pictures: int) -> int:
    """Choose so many that the lines of a row are of equal length, as far as that goes."""
    num_lines = math.ceil(num_pictures / _MAX_COLUMNS)
    return max(math.ceil(num_pictures / num_lines), 2)
