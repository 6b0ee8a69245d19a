"""The tables of a batch: medians, spread, the best of a row, and what has failed or is to do."""

import csv
import re
from dataclasses import replace

import pytest

from slam.batch.job import Outcome
from slam.batch.plan import plan
from slam.batch.report import batch_html, write_report
from slam.batch.table import groups_of, tables_of, tex_of, write_tables
from slam.config import Config

REASON = "the file is <cut> & gone"


@pytest.fixture
def jobs():
    sources, sweeps = ["synthetic:room", "synthetic:wall"], {"holdout": ["3"]}
    return plan(sources, "tsdf,neural", sweeps, 3, Config())


@pytest.fixture
def outcomes(jobs):
    """Every third of the TSDF is 1, 2 or 3 cm off, the neural map fails once and is once to do."""
    found = {}
    for job in jobs:
        error_m = 0.01 * job.repeat * (1.0 if job.config.map == "tsdf" else 1.5)
        metrics = {"ate_rmse_m": error_m, "fps": 30.0 + job.repeat, "device": "cpu, 2 threads"}
        if job.row == "synthetic_room":
            metrics["mesh"] = {"f1": 0.5}
        found[job.path] = Outcome(job, 10.0, metrics)
    failed, missing = jobs[-1], jobs[-3]
    found[failed.path] = Outcome(failed, 1.0, error=REASON)
    del found[missing.path]
    assert failed.config.map == missing.config.map == "neural"
    return found


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_medians_and_spread_of_the_repeats(jobs, outcomes, tmp_path):
    write_tables(tmp_path, jobs, outcomes)
    rows = rows_of(tmp_path / "batch.csv")
    assert [(row["recording"], row["method"]) for row in rows] == [
        (place, f"{method}-holdout-3")
        for place in ("synthetic_room", "synthetic_wall")
        for method in ("tsdf", "neural")
    ]
    first, last = rows[0], rows[-1]
    assert [float(first[f"ate_rmse_m {end}"]) for end in ("median", "min", "max")] == [
        0.02, 0.01, 0.03
    ]  # fmt: skip
    assert (first["runs"], first["of"], first["reason"]) == ("3", "3", "")
    assert (last["runs"], last["of"], last["reason"]) == ("2", "3", REASON)
    assert last["mesh.f1 median"] == ""
    assert float(last["ate_rmse_m median"]) == pytest.approx(0.0225)
    assert {row["holdout"] for row in rows} == {"3"}


def test_every_job_is_a_row_with_its_reason(jobs, outcomes, tmp_path):
    write_tables(tmp_path, jobs, outcomes)
    rows = rows_of(tmp_path / "runs.csv")
    assert [row["folder"] for row in rows] == [job.path.as_posix() for job in jobs]
    states = [row["state"] for row in rows]
    assert (states.count("done"), states[-1], states[-3]) == (10, "failed", "to do")
    assert [row["reason"] for row in rows if row["reason"]] == [REASON]


def test_the_best_of_a_row_is_marked_and_the_mean_is_of_what_all_have(jobs, outcomes):
    tables = {row.path: table for row, table in tables_of(groups_of(jobs, outcomes))}
    assert list(tables) == ["ate_rmse_m", "mesh.f1", "fps"]
    ate, f1, fps = tables.values()
    assert [name for name, _ in ate.rows] == ["synthetic_room", "synthetic_wall", "mean of 2"]
    assert [[cell.is_best for cell in cells] for _, cells in ate.rows] == 3 * [[True, False]]
    assert ate.rows[0][1][0].value == "2.00 (1.00..3.00)"
    assert [name for name, _ in f1.rows] == ["synthetic_room", "synthetic_wall"]
    assert [cell.is_best for cell in f1.rows[0][1]] == [False, False]  # they are equal
    assert f1.rows[1][1][1].value == "\N{EM DASH}"
    assert fps.rows[0][1][0].value == "32.0 (31.0..33.0)"


def test_who_lost_more_frames_is_not_the_best(jobs, outcomes):
    """The TSDF's poses are better, but of the frames that it did not lose."""
    for job in jobs:
        if job.path in outcomes and job.row == "synthetic_room":
            metrics = {"lost": 2 if job.config.map == "tsdf" else 0}
            outcomes[job.path] = replace(
                outcomes[job.path], metrics=outcomes[job.path].metrics | metrics
            )
    ate, *_, lost = [table for _, table in tables_of(groups_of(jobs, outcomes))]
    marks = [[cell.is_best for cell in cells] for _, cells in ate.rows]
    assert marks == [[False, True], [True, False], [False, True]]  # the last: their mean
    assert [cell.is_best for cell in lost.rows[0][1]] == [False, True]


def test_latex_has_as_many_cells_as_columns_and_nothing_unescaped(jobs, outcomes):
    text = tex_of(groups_of(jobs, outcomes))
    assert text.count(r"\begin{tabular}{lrr}") == text.count(r"\end{tabular}") == 3
    for line in text.splitlines():
        if line.endswith(r"\\"):
            assert len(re.findall(r"(?<!\\)&", line)) == 2
        if not line.startswith("%"):
            assert re.search(r"(?<!\\)[%#_$]", line) is None
    assert r"synthetic\_room & \textbf{2.00 (1.00--3.00)} & 2.25 (1.50--3.00) \\" in text


@pytest.mark.usefixtures("whole_reports")
def test_the_page_shows_failures_and_leads_to_the_runs(jobs, outcomes, tmp_path):
    write_report(tmp_path, jobs, outcomes)
    html = (tmp_path / "report.html").read_text()
    assert html == batch_html(jobs, outcomes)
    assert "10 of 12 runs done" in html
    assert "1 still to do" in html
    assert "the file is &lt;cut&gt; &amp; gone" in html
    led_to = set(re.findall(r'href="([^"]+)"', html))
    assert led_to == {f"{p.as_posix()}/report.html" for p, o in outcomes.items() if not o.error}
    assert len(re.findall(r'<img [^>]*src="data:image/png', html)) == 3


def test_nothing_done_yet_is_a_page_too(jobs, tmp_path):
    write_tables(tmp_path, jobs, {})
    assert "0 of 12 runs done" in batch_html(jobs, {})
    assert (tmp_path / "batch.tex").read_text() == ""
