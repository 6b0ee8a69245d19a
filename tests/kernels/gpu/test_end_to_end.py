"""The comparison of GPU and CPU, frame by frame: with the CPU standing in for the GPU, and with the
GPU simulated.
"""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from gpu_checks import end_to_end, systems
from gpu_checks.report import Row, has_mismatch
from gpu_checks.surfaces import compare_surfaces, load_surface
from gpu_checks.work import TINY, load_cpu_run, map_path, save_cpu_run

from slam.maps.factory import load_map

from .conftest import LIMIT_S, ROOT


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with frames and what the CPU makes of them."""
    folder = tmp_path_factory.mktemp("work")
    done = list(end_to_end.run_on_cpu(TINY, folder))
    assert len(done) == 3
    return folder


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the CPU stand in for the GPU."""
    parts = systems.parts
    for module in (systems, end_to_end):
        monkeypatch.setattr(module, "parts", lambda config, frame, _: parts(config, frame, "cpu"))


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("map_name", ["tsdf", "neural"])
def test_the_cpu_agrees_with_itself(folder: Path, map_name: str):
    rows: list[Row] = []
    end_to_end.compare(TINY, folder, map_name, rows.append)
    assert not has_mismatch(rows)
    assert sum(row.what.endswith("surface") for row in rows) == 4
    positions = [row.value for row in rows if "position" in row.what]
    assert positions == [0.0, 0.0]


@pytest.mark.usefixtures("stand_in")
def test_poses_and_surface_that_differ_are_noticed(folder: Path, tmp_path: Path):
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "tsdf.npz").unlink()
    run = load_cpu_run(folder, "tsdf")
    run.Ts_world_camera[0, 2, 3] += 0.1
    save_cpu_run(tmp_path, "tsdf", run)
    rows: list[Row] = []
    end_to_end.compare(TINY, tmp_path, "tsdf", rows.append)
    wrong = [row.what for row in rows if row.verdict == "MISMATCH"]
    assert "position" in wrong
    assert "GPU's vertices to the CPU's surface" in wrong  # that of the map on the CPU's poses


def test_half_a_mesh_is_noticed(folder: Path):
    whole = load_surface(end_to_end.mesh_path(folder, "tsdf"), load_map(map_path(folder, "tsdf")))
    half = whole.vertices_m[: len(whole.vertices_m) // 2]
    for part, missing in (
        (replace(whole, vertices_m=half), "vertices more or fewer"),
        (replace(whole, num_triangles=whole.num_triangles // 2), "triangles more or fewer"),
    ):
        rows = compare_surfaces("s", whole, part, limit_mm=0.1)
        assert [row.what for row in rows if row.verdict == "MISMATCH"] == [missing]


def test_rotations_are_limited_by_what_they_move(folder: Path):
    limit = end_to_end.limits("tsdf", TINY)
    assert limit.position_mm == 0.1
    assert limit.rotation_deg == pytest.approx(0.0023, abs=1e-4)  # 0.1 mm at 2.5 m


@pytest.mark.timeout(LIMIT_S + 60)
def test_tracker_and_map_agree_in_the_simulator():
    command = [sys.executable, str(ROOT / "scripts" / "gpu_check.py"), "--simulate"]
    run = subprocess.run(
        [*command, "--only", "compare:tsdf"],
        capture_output=True, text=True, timeout=LIMIT_S, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "ok        tsdf, CPU against GPU, 2 frames: position" in run.stdout
    assert "ok        tsdf, CPU against GPU, 2 frames: CPU's vertices to the GPU's" in run.stdout
