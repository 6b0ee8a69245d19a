"""What plots tell beside their curves."""

import numpy as np
import pytest

from slam.report import graph_plot, plots
from slam.report.graph_plot import GraphLines, LoopLine, plot_graph
from slam.report.plots import Line, plot_times


@pytest.fixture
def drawn(monkeypatch):
    """The figures, as they are before they become pictures."""
    figures = []
    for module in (plots, graph_plot):
        monkeypatch.setattr(module, "png", lambda figure: figures.append(figure) or b"")
    return figures


@pytest.mark.parametrize("peaks", [[], [40], [3, 40]])
def test_a_peak_beyond_the_plot_is_marked(drawn, peaks):
    times_s, took_ms = np.arange(200) / 30.0, np.full(200, 5.0)
    took_ms[peaks] = 900.0
    plot_times("mapping", [Line("a", "red", times_s, took_ms)])
    (axes,) = drawn[0].axes
    marks = [line for line in axes.lines if line.get_marker() == "^"]
    marked_s = np.concatenate([np.asarray(line.get_xdata()) for line in marks])
    np.testing.assert_array_equal(marked_s, times_s[peaks])
    assert axes.get_ylim()[1] < 900.0
    assert ("triangles" in axes.get_ylabel()) == bool(peaks)


@pytest.mark.parametrize(("moves_s", "says"), [([1.0], "once"), ([1.0, 2.0], "2 times")])
def test_a_graph_says_how_often_the_map_moved_and_how_its_axis_runs(drawn, moves_s, says):
    nodes_m = np.cumsum(np.ones((4, 3)), axis=0)
    loop = LoopLine(1.0, 8.0, True, nodes_m[:2], nodes_m[:2], True)
    plot_graph(GraphLines("red", nodes_m, nodes_m, [loop], moves_s))
    offsets = drawn[0].axes[1]
    texts = [text.get_text() for text in offsets.get_legend().get_texts()]
    assert f"the map moved {says}" in texts
    assert "logarithmic" in offsets.get_ylabel()
