"""Runs whose files are missing or damaged."""

import pytest

from slam.errors import SlamError
from slam.runs.finished import load_run

from .test_folder import write_run


@pytest.mark.parametrize("name", ["config.yaml", "trajectory.txt", "metrics.json"])
def test_missing_files_are_named(tmp_path, name):
    write_run(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(SlamError, match=f"not a finished run: {name} is missing"):
        load_run(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("metrics.json", b"{", "is not JSON"),
        ("metrics.json", b"[]", "must hold an object"),
        ("metrics.json", b"\xff\xfe\x00", "not UTF-8"),
        ("trajectory.txt", b"1 2 3\n", r"trajectory\.txt:1"),
        ("frames.csv", b"index\n1\n", r"frames\.csv:2: not a row"),
        ("frames.csv", b"index,timestamp_s,state\n1,2,FINE\n", r"frames\.csv:2: not a row"),
        ("config.yaml", b"tsdf: 3\n", "config tsdf is a section"),
    ],
)
def test_damaged_files_are_errors_of_one_line(tmp_path, name, content, message):
    write_run(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SlamError, match=message) as caught:
        load_run(tmp_path)
    assert "\n" not in str(caught.value)
