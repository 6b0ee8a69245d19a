"""The tables of a report."""

import numpy as np
import pytest

from slam.evaluation.systems import SystemRun
from slam.report.summary import NOTHING, common_values, summary_tables
from slam.trajectory import Trajectory

EMPTY = Trajectory(np.empty(0), np.empty((0, 4, 4)))


def system(name: str, **metrics) -> SystemRun:
    return SystemRun(name, EMPTY, None, metrics)


def rows(*systems: SystemRun) -> dict[str, list[str]]:
    """Return every shown row; the best values have a star."""
    return {
        label: [cell.value + "*" * cell.is_best for cell in cells]
        for table in summary_tables(systems, ["red"] * len(systems))
        for label, cells in table.rows
    }


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.01, 0.02), ["1.00*", "2.00"]),
        ((0.01, 0.01), ["1.00", "1.00"]),  # none is better
        ((0.0100001, 0.01), ["1.00", "1.00"]),  # nor for the reader
        ((0.02, None), ["2.00", NOTHING]),
        ((0.02, float("nan")), ["2.00", NOTHING]),
        ((0.0001234, 1.5), ["0.012*", "150.000"]),
    ],
)
def test_lower_errors_are_better(values, expected):
    given = [system(f"s{k}", ate_rmse_m=value, tracked=1) for k, value in enumerate(values)]
    assert rows(*given)["ATE RMSE (cm)"] == expected


def test_higher_rates_are_better():
    shown = rows(
        system("a", fps=30.0, tracking_ms={"p50": 10.0, "p95": 20.0}, mesh={"f1": 0.5}),
        system("b", fps=60.0, tracking_ms={"p50": 9.0}, mesh={"f1": 0.75}),
    )
    assert shown["frames per second"] == ["30.0", "60.0*"]
    assert shown["tracking median (ms)"] == ["10.00", "9.00*"]
    assert shown["tracking 95th percentile (ms)"] == ["20.0", NOTHING]
    assert shown["F1 at 1 cm (%)"] == ["50.0", "75.0*"]


def test_one_system_has_no_best_value():
    assert rows(system("a", fps=30.0))["frames per second"] == ["30.0"]


def test_counts_stay_whole_and_quiet_ones_are_left_out():
    shown = rows(system("a", frames=300, lost=0, weak=0), system("b", frames=7, lost=0, dropped=0))
    assert shown["frames"] == ["300", "7"]
    assert shown["lost"] == ["0", "0"]
    assert "of these weak" not in shown
    assert "dropped, came too late" not in shown


def test_what_is_common_heads_the_page():
    a, b = system("a", source="room", map="tsdf"), system("b", source="room", map="neural")
    other = system("c")
    assert common_values([a, b, other]) == ["room"]
    shown = rows(a, b, other)
    assert shown["map"] == ["tsdf", "neural", NOTHING]
    assert "source" not in shown


@pytest.mark.parametrize("amount", [0.0, 1e-6, 0.02])
def test_what_a_run_did_not_do_has_no_row_of_zeros(amount):
    shown = rows(system("a", polish_s=amount, loops={"map_off_m": amount}, tracked=1))
    for label in ("work after the last frame (s)", "map is off the trajectory by (cm)"):
        assert (label in shown) == (amount > 0.01)
        assert shown.get(label) != ["0.000"]
