"""Whose a run folder is."""

import subprocess
import sys

import pytest

from slam.errors import SlamError
from slam.runs.claim import claimed, clear

HOLD = """
import sys, time
from pathlib import Path
from slam.runs.claim import claimed
with claimed(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_is_one_run_s_until_it_ends(tmp_path):
    with claimed(tmp_path):
        with pytest.raises(SlamError, match="another run is writing to"):
            with claimed(tmp_path):
                pass
    with claimed(tmp_path):
        assert list(tmp_path.iterdir()) == []


def test_a_killed_run_holds_no_folder(tmp_path):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(SlamError, match="another run"), claimed(tmp_path):
            pass
        process.kill()
    with claimed(tmp_path):
        pass


def test_what_an_older_run_left_is_removed_and_nothing_else(tmp_path):
    ours = ("metrics.json", "map.npz", "mesh_001.ply", "report.html", "mesh.ply.part")
    ours += ("export/mesh.ply", "export/trajectory_kitti.txt", "export/nerfstudio/transforms.json")
    ours += ("export/nerfstudio/images/000012.png",)
    others = ("notes.txt", "run.log", "photo.ply", "export/notes.txt", "export/nerfstudio/out.ckpt")
    for name in (*ours, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    clear(tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path)) for path in files} == set(others)
