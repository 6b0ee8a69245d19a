"""The GPU check as a whole: its parts are processes, which may hang, die or be interrupted."""

import json
import sys
from pathlib import Path

import pytest
from gpu_checks import kernel_checks, processes, session
from gpu_checks.report import Row


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_processes_end(tmp_path: Path):
    assert processes.wait(processes.start(python("")), 60.0) == ""
    assert processes.wait(processes.start(python("raise SystemExit(3)")), 60.0) == "exit status 3"
    sleeper = processes.start(python("import time; time.sleep(100)"))
    assert processes.wait(sleeper, 0.3) == "ended after 0 s"
    assert sleeper.poll() is not None
    silent = processes.start(python("import time; time.sleep(100)"), tmp_path / "log")
    assert "nothing for" in processes.wait(silent, 60.0, tmp_path / "notes", silent_s=0.3)


def test_an_interruption_ends_what_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(processes, "_written_s", interrupt)
    sleeper = processes.start(python("import time; time.sleep(100)"))
    with pytest.raises(KeyboardInterrupt):
        processes.wait(sleeper, 60.0, tmp_path / "notes", silent_s=60.0)
    assert sleeper.poll() is not None


def test_parts_keep_what_they_compile_where_they_are_told(tmp_path: Path):
    code = "import os; assert os.environ['NUMBA_CACHE_DIR'] == os.path.abspath('kept')"
    started = processes.start(python(code), cache=Path("kept").absolute())
    assert processes.wait(started, 60.0) == ""


STAND_IN = """
import json, os, signal, sys, time
from pathlib import Path
options = dict(zip(sys.argv[1::2], sys.argv[2::2]))
work = Path(options["--work"])
if options["--section"] == "kernels":
    names = options["--checks"].split(",")
    with Path(options["--notes"]).open("a") as file:
        for name in names:
            print(json.dumps({"started": name}), file=file, flush=True)
            if name == "breaks":
                sys.exit(3)
            if name == "interrupts":
                os.kill(os.getppid(), signal.SIGINT)
                time.sleep(100)
            wrong = ["off"] if name == "wrong" else []
            result = {"name": name, "seconds": 1.0, "num_comparisons": 2, "mismatches": wrong}
            print(json.dumps({"result": result}), file=file, flush=True)
elif options["--section"] == "dies":
    sys.exit(1)
elif options["--section"] != "cpu":
    row = {"section": options["--section"], "what": "rate", "value": 5.0}
    with (work / "rows.jsonl").open("a") as file:
        print(json.dumps(row), file=file)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Return a script that stands in for all parts."""
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    return script


def test_a_session_goes_on_behind_what_breaks(
    tmp_path: Path, script: Path, monkeypatch: pytest.MonkeyPatch
):
    checks = ["good", "breaks", "wrong", "last"]
    monkeypatch.setattr(session.kernel_checks, "names_like", lambda part: checks)
    monkeypatch.setattr(session, "SECTIONS", {"dies": (None, 60.0), "works": (None, 60.0)})
    running = session.Session(script, 1, tmp_path)
    running.run("")
    failed = {row.what for row in running.rows if row.verdict == "MISMATCH"}
    assert failed == {"breaks", "wrong", "the section", "checks that agree"}
    agree = next(row for row in running.rows if row.what == "checks that agree")
    assert (agree.value, agree.limit) == (2, 4)
    assert Row("works", "rate", 5.0) in running.rows


def test_notes_that_were_being_written_are_left_out(tmp_path: Path):
    notes = tmp_path / "notes"
    result = {"name": "a", "seconds": 1.0, "num_comparisons": 2, "mismatches": []}
    lines = [{"started": "a"}, {"result": result}, {"started": "b"}]
    notes.write_text("\n".join(map(json.dumps, lines)) + '\n{"resu')
    assert kernel_checks.read_notes(notes) == ([result], "b")
    assert kernel_checks.read_notes(tmp_path / "none") == ([], None)


def test_what_was_interrupted_does_not_agree(
    tmp_path: Path, script: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session.kernel_checks, "names_like", lambda part: ["good", "interrupts"])
    monkeypatch.setattr(session, "SECTIONS", {"works": (None, 60.0)})
    monkeypatch.setattr(session, "about", lambda: {"GPU": "none"})
    json_path = tmp_path / "found.json"
    assert session.run_session(script, 1, "", tmp_path, json_path, None) == 1
    rows = {row["what"]: row["verdict"] for row in json.loads(json_path.read_text())["rows"]}
    assert rows == {"interrupted": "MISMATCH", "the whole check": "ok", "checks that agree": "ok"}


def test_sections_alone_say_nothing_of_kernels(
    tmp_path: Path, script: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(session, "SECTIONS", {"works": (None, 60.0)})
    running = session.Session(script, 1, tmp_path)
    running.run("works")
    assert [row.what for row in running.rows] == ["the whole check", "rate"]


def test_a_process_that_ends_wrongly_behind_its_checks_is_noticed(
    tmp_path: Path, script: Path, monkeypatch: pytest.MonkeyPatch
):
    script.write_text(STAND_IN + "sys.exit(9)")
    monkeypatch.setattr(session.kernel_checks, "names_like", lambda part: ["good"])
    running = session.Session(script, 1, tmp_path)
    running.run("no section")
    (wrong,) = [row for row in running.rows if row.verdict == "MISMATCH"]
    assert (wrong.what, wrong.note) == ("the process", "exit status 9")


def test_checks_that_were_not_run_are_told(
    tmp_path: Path, script: Path, monkeypatch: pytest.MonkeyPatch
):
    script.write_text("raise SystemExit(1)")
    monkeypatch.setattr(session.kernel_checks, "names_like", lambda part: ["one", "other"])
    running = session.Session(script, 1, tmp_path)
    running.run("no section")
    wrong = {row.what: row.note for row in running.rows if row.verdict == "MISMATCH"}
    assert wrong == {"the process": "exit status 1", "checks not run": "one, other"}
