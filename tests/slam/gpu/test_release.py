"""A map's memory on a GPU is free as soon as nobody has the map any more: the next one asks for it
before Python looks for cycles.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import gc
import sys
import weakref

from gpu_checks import simulator
from slam.camera import Camera
from slam.config import Config, NeuralConfig, TsdfConfig
from slam.sources import synthetic
from slam.sources.synthetic import open_synthetic
from slam.system import Slam
from slam.tracking.cuda import aligner

gc.disable()
simulator.install()
# simulated threads are slow: small images, and no iterations
aligner.registration.align = lambda *arguments: None
aligner.HostAligner.search = lambda self, map_, T_last: [T_last]
aligner.HostAligner.drawn = lambda self, map_, T_start: T_start
synthetic.CAMERA = Camera(36, 28, 30.0, 30.0, 17.5, 13.5)
source = open_synthetic("wall")
config = Config(
    map=sys.argv[1],
    tsdf=TsdfConfig(voxel_size_m=0.08, budget_mb=64),
    neural=NeuralConfig(
        base_spacing_m=0.08, truncation_m=0.24, budget_mb=64, rays=8, first_steps=1, steps=1,
        ray_cell=8,
    ),
)
with Slam.from_config(config, source.depth_noise, "cuda") as slam:
    for index in range(2):
        slam.step(source.read(index))
map_ = weakref.ref(slam.map)
assert map_().num_integrated > 0
del slam
assert map_() is None
"""


@pytest.mark.parametrize("name", ["tsdf", "neural"])
def test_a_dropped_system_frees_its_map(name):
    path = os.pathsep.join([str(ROOT), str(ROOT / "scripts")])
    simulator = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path}
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, name],
        env=os.environ | simulator, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
