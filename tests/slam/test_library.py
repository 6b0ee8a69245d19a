"""`from slam import ...`: light, complete, and the same as `slam run`."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import slam
from slam import Config, Slam, open_source, playback
from slam.cli import main
from slam.config import PlaybackConfig, TsdfConfig
from slam.runs.finished import load_run

ROOT = Path(__file__).resolve().parents[2]
LIGHT = """
import sys
import slam
heavy = {"numpy", "numba", "torch", "open3d", "cv2", "yaml", "kernels", "slam.system"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
slam.Slam
assert "slam.system" in sys.modules
assert not {"torch", "open3d"} & set(sys.modules)
"""


def test_importing_slam_imports_nothing_else():
    subprocess.run([sys.executable, "-c", LIGHT], cwd=ROOT, check=True, timeout=60)


def test_every_name_is_there():
    assert sorted(slam._MODULES) == sorted(slam.__all__)
    for name, module in slam._MODULES.items():
        value = getattr(import_module(module), name)
        assert value.__module__ == module  # where it is made, not where it is passed on
        assert getattr(slam, name) is value
    with pytest.raises(AttributeError, match="module 'slam' has no attribute 'Slum'"):
        _ = slam.Slum


@pytest.mark.usefixtures("small_images")
@pytest.mark.parametrize("map_kind", ["tsdf", "neural"])
def test_ten_lines_do_what_slam_run_does(map_kind, tmp_path):
    config = Config(
        map=map_kind,
        deterministic=True,
        holdout=3,
        playback=PlaybackConfig(limit=6),
        tsdf=TsdfConfig(voxel_size_m=0.02),
    )
    source = open_source("synthetic:wall", config)
    with Slam.from_config(config, source.depth_noise) as system:
        for frame in playback(source, config.playback):
            system.step(frame)

    words = ["run", "synthetic:wall", "--map", map_kind, "--limit", "6", "--holdout", "3"]
    words += ["--deterministic", "--tsdf.voxel-size-m", "0.02", "--out", str(tmp_path)]
    assert main(words) == 0
    run = load_run(tmp_path)
    assert run.config == config
    np.testing.assert_allclose(  # the file has nine digits
        system.trajectory().Ts_world_camera, run.trajectory.Ts_world_camera, atol=1e-7
    )
    beside = system.places.arrays() | system.sensor_noise.arrays()
    system.map.save(str(tmp_path / "library.npz"), beside)
    assert (tmp_path / "library.npz").read_bytes() == run.map_path.read_bytes()
    assert [np.isnan(r.mapping_ms) for r in system.records()] == [
        np.isnan(r.mapping_ms) for r in run.frames
    ]


# in a process of its own: the tests' type checks would refuse most of them first
ARGUMENTS = """
import sys
from pathlib import Path
from slam import Config, DepthNoise, Slam, SlamError, load_config, load_map, load_run, open_source
from slam import write_ply

def says(function, *args, **kwargs):
    try:
        function(*args, **kwargs)
    except SlamError as error:
        print(error)

folder = Path(sys.argv[1])
assert load_config([], {"playback.limit": 5, "map": "neural"}).playback.limit == 5
assert load_config([], {"loops.enabled": False}).loops.enabled is False
source = open_source(Path("synthetic:wall"), Config())
write_ply(str(folder / "wall.ply"), source.scene.mesh())
assert (folder / "wall.ply").is_file()
says(Config, map="tsfd")
says(Slam.from_config, Config(), DepthNoise(), device="gpu")
says(load_config, [], {"playback.limit": 2.5})
says(load_config, [str(folder / "none.yaml")])
says(load_run, str(folder / "none"))
says(load_map, str(folder / "none.npz"))
says(open_source, "", Config())
(folder / "trajectory.txt").write_text("0.0 0 0 0 0 0 0 1\\n")
says(load_map, folder / "trajectory.txt")
"""
SAYS = (
    "config map must be one of tsdf, neural, implicit; got 'tsfd'",
    "device must be one of auto, cpu, cuda; got 'gpu'",
    "config playback.limit must be int, got 2.5",
    "cannot read config",
    "no run folder at",
    "no such map file",
    "the source's name is empty",
    "trajectory.txt is not a readable map file: it is no archive; give the map.npz of a run",
)


def test_arguments_are_taken_as_people_give_them_or_refused_in_one_line(tmp_path):
    command = [sys.executable, "-c", ARGUMENTS, str(tmp_path)]
    result = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    lines = result.stdout.splitlines()
    assert len(lines) == len(SAYS)
    for line, says in zip(lines, SAYS, strict=True):
        assert says in line
