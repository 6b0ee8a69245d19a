"""The examples, run as their docstrings say, on few frames."""

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from slam.maps.factory import load_map
from slam.meshio import read_mesh
from slam.trajectory import read_tum

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture
def example(tmp_path):
    """Run an example in an empty folder, against this checkout; return what it printed."""

    def run(name, *words):
        (path,) = (path for path in EXAMPLES if path.name.startswith(name))
        code = (
            f"import runpy, sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = sys.argv[1:]; "
            f"runpy.run_path(sys.argv[0], run_name='__main__')"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(path), *map(str, words)],
            cwd=tmp_path, capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


def test_each_example_is_tested_and_short():
    assert [path.name[:2] for path in EXAMPLES] == ["01", "02", "03"]
    for path in EXAMPLES:
        text = path.read_text()
        assert len(text.splitlines()) <= 60
        assert f"python examples/{path.name}" in text


def test_a_recording_is_run(example, tmp_path):
    lines = example("01", "synthetic:wall", 5)
    assert [": OK at" in line for line in lines] == [True] * 5 + [False]
    assert len(read_tum(tmp_path / "trajectory.txt")) == 5
    assert len(read_mesh(tmp_path / "mesh.ply").triangles) > 1000


def test_own_images_are_tracked_and_the_map_kept(example, tmp_path):
    lines = example("02", 10)
    assert all(": OK " in line for line in lines)
    p_world = np.fromstring(lines[-1].partition("[")[2].rstrip("]"), sep=" ")
    np.testing.assert_allclose(p_world, [0.09, -0.045, 0.045], atol=0.001)  # where it truly is
    map_ = load_map(tmp_path / "map.npz")
    on_floor = np.array([[0.0, 1.2, 2.9]], np.float32)  # 1.2 m below
    samples = map_.query(on_floor)
    assert samples.is_valid.all()
    assert abs(samples.sdf_m[0]) < 0.003
    assert samples.gradient[0] @ [0.0, -1.0, 0.0] > 0.99


def test_a_map_is_queried_and_rendered(example, tmp_path):
    from slam.cli import main

    words = ["run", "synthetic:wall", "--limit", "5", "--out", str(tmp_path / "run")]
    assert main(words) == 0
    lines = example("03", tmp_path / "run")
    assert lines[-2].startswith("blocked after 1.")  # the wall
    view = cv2.imread(str(tmp_path / "view.png"))
    assert view.shape == (480, 640, 3)
    assert view.std() > 10
