"""The section of a report on loops."""

import re
from dataclasses import replace

import numpy as np
import pytest
from graphs import walked_graph

from slam.evaluation.systems import as_system
from slam.graph.graph import Graph
from slam.report.loops import MOST_OPEN, graph_lines, loops_section
from slam.runs.finished import load_run
from slam.tracking.pieces import APART_M

from .test_finished_run import path_in_world, write_run

ROW = "50\N{NO-BREAK SPACE}at\N{NO-BREAK SPACE}0"


def section_of(path, graph, *others) -> str:
    """Return the section of runs with these graphs."""
    systems = []
    for k, each in enumerate([graph, *others]):
        folder = write_run(path / str(k), path_in_world(), mesh=None)
        folder.write_graph(each)
        systems.append(as_system(f"run {k}", load_run(folder.path)))
    return loops_section(systems)


def cells(html: str, label: str) -> list[str]:
    """Return the numbers of the row of a label."""
    row = re.search(f"<tr><td>{label}</td>(.*?)</tr>", html)
    assert row is not None
    return re.findall(r"<td[^>]*>(.*?)</td>", row[1])


def test_a_run_that_saw_no_place_again_has_no_section(tmp_path):
    assert section_of(tmp_path, Graph.none(), replace(walked_graph(), loops=[])) == ""


@pytest.mark.usefixtures("whole_reports")
def test_each_loop_is_told_with_its_numbers_and_why_it_was_refused(tmp_path):
    html = section_of(tmp_path, walked_graph())
    assert "<h2>Loops</h2>" in html
    assert "Accepted loops: 1<" in html
    assert "Refused loops: 1<" in html
    accepted, refused = (cells(part, ROW) for part in html.split("Refused loops"))
    assert accepted[:6] == ["55", "90", "95", "1.0", "\N{EM DASH}", "2.1"]  # without colour
    assert accepted[-2:] == ["4.0", "1.20"]
    assert refused[0] == "55% of the view is of the &lt;place&gt;"
    assert len(re.findall(r'alt="loops" class="plot"', html)) == 1


def test_many_loops_are_folded(tmp_path):
    graph = walked_graph()
    many = replace(graph, loops=[graph.loops[0]] * (MOST_OPEN + 1))
    html = section_of(tmp_path, many)
    assert f"<summary>Accepted loops: {MOST_OPEN + 1}</summary>" in html
    assert html.count(ROW) == MOST_OPEN + 1


def test_systems_side_by_side_have_a_plot_each(tmp_path):
    html = section_of(tmp_path, walked_graph(), walked_graph(4))
    assert [re.sub("<[^>]*>", "", part) for part in re.findall("<h3><i.*?</h3>", html)] == [
        "run 0", "run 1",
    ]  # fmt: skip
    assert html.count('class="plot"') == 2


def test_a_piece_that_never_joined_is_left_out():
    graph = walked_graph()
    Ts = graph.Ts_world_node.copy()
    Ts[-2:, 0, 3] += APART_M
    whole, part = graph_lines(graph, "red"), graph_lines(replace(graph, Ts_world_node=Ts), "red")
    assert [len(lines.after_m) for lines in (whole, part)] == [6, 4]
    assert all(loop.is_in_view for loop in whole.loops)
    assert not any(loop.is_in_view for loop in part.loops)
    np.testing.assert_allclose(whole.after_m[0], 0.0, atol=1e-12)
    assert whole.moves_s == [graph.timestamps_s[4]]
