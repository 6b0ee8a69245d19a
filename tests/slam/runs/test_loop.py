"""The loop under its controls: pauses, steps, resets, meshes saved on the way, the end."""

import threading
import time

import numpy as np
import pytest

from slam.config import Config, NeuralConfig, PlaybackConfig, TsdfConfig
from slam.control.controls import Controls
from slam.maps.neural.map import NeuralMap
from slam.meshio import read_mesh
from slam.runs.finished import load_run
from slam.runs.loop import Onlookers
from slam.runs.single import RunOptions, run

NUM_FRAMES = 12
CONFIG = Config(
    playback=PlaybackConfig(max_depth_m=10.0),
    tsdf=TsdfConfig(voxel_size_m=0.02),
    neural=NeuralConfig(budget_mb=512, polish_s=0.2),
)


class Script:
    """Watches a run, and does what it is told to do after its n-th frame."""

    def __init__(self, **actions):
        self.controls = Controls()
        self.indices, self.maps, self.statuses = [], [], []
        self._actions = actions

    def __call__(self, snapshot):
        self.indices.append(snapshot.frame.index)
        self.maps.append(snapshot.systems[0].map)
        self.statuses.append(self.controls.status())
        action = self._actions.get(f"after_{len(self.indices)}")
        if action is not None:
            action(self.controls)


def go(room, out, script, config=CONFIG):
    options = RunOptions(out, "synthetic:room")
    return run(room, config, options, Onlookers([script], controls=script.controls))


def test_the_end_on_request_writes_everything(room, tmp_path):
    script = Script(after_5=Controls.quit)
    assert go(room, tmp_path, script)["frames"] == 5
    assert len(load_run(tmp_path).trajectory) == 5


def test_a_reset_begins_with_empty_maps_and_goes_on_with_the_next_frame(room, tmp_path):
    script = Script(after_5=Controls.reset)
    metrics = go(room, tmp_path, script)
    assert script.indices == list(range(NUM_FRAMES))
    assert len({id(map_) for map_ in script.maps[:5]}) == 1
    assert len({id(map_) for map_ in script.maps[5:]}) == 1
    assert script.maps[4] is not script.maps[5]
    assert script.maps[5].num_integrated == NUM_FRAMES - 5
    assert metrics["frames"] == NUM_FRAMES - 5
    finished = load_run(tmp_path)
    np.testing.assert_allclose(finished.trajectory.Ts_world_camera[0], np.eye(4), atol=1e-9)
    assert metrics["ate_rmse_m"] < 0.001
    assert script.statuses[5]["run"] == {}  # nothing of the old maps is shown
    assert script.statuses[-1]["run"]["number"] == NUM_FRAMES - 1  # of the recording


def test_a_paused_run_waits_and_goes_on_where_it_was(room, tmp_path):
    script = Script(after_4=Controls.pause)
    seen_while_paused = []

    def resume():
        while len(script.indices) < 4:
            time.sleep(0.01)
        time.sleep(0.5)
        seen_while_paused.append(len(script.indices))
        script.controls.step()
        while len(script.indices) < 5:
            time.sleep(0.01)
        time.sleep(0.3)
        seen_while_paused.append(len(script.indices))
        script.controls.resume()

    hand = threading.Thread(target=resume)
    hand.start()
    start_s = time.monotonic()
    metrics = go(room, tmp_path, script)
    hand.join()
    assert seen_while_paused == [4, 5]
    assert script.indices == list(range(NUM_FRAMES))
    assert metrics["wall_s"] < time.monotonic() - start_s - 0.75  # pauses are not counted


@pytest.mark.parametrize("name", ["tsdf", "neural"])
def test_meshes_are_saved_while_the_map_grows(room, tmp_path, name):
    """Every extraction runs beside integration, which changes the voxels that it reads."""
    asked = range(2, NUM_FRAMES, 3)
    script = Script(**{f"after_{n}": Controls.save_mesh for n in asked})
    config = Config(map=name, playback=CONFIG.playback, neural=CONFIG.neural)
    go(room, tmp_path, script, config)
    paths = sorted(tmp_path.glob("mesh_*.ply"))
    paths = [path for path in paths if not path.stem.endswith("_predicted")]
    assert [path.name for path in paths] == [f"mesh_{k + 1:03}.ply" for k in range(len(asked))]
    assert all(len(read_mesh(path).triangles) > 1000 for path in paths)
    assert "saved" in script.controls.status()["message"]


def test_a_mesh_that_cannot_be_saved_does_not_end_the_run(room, tmp_path, monkeypatch):
    def write_ply(path, mesh):
        raise MemoryError("no room for it")

    monkeypatch.setattr("slam.runs.mesh_saver.write_ply", write_ply)
    script = Script(after_3=Controls.save_mesh)
    assert go(room, tmp_path, script)["frames"] == NUM_FRAMES
    assert "no mesh saved: no room for it" in (tmp_path / "run.log").read_text()
    assert script.controls.status()["message"] == "no mesh saved: no room for it"


@pytest.fixture
def polished(monkeypatch):
    """Make polishing a wait for its end, and note how long it was."""
    took_s = []

    def polish(self, is_over):
        start_s = time.monotonic()
        while not is_over() and time.monotonic() < start_s + 0.5:
            time.sleep(0.01)
        took_s.append(time.monotonic() - start_s)

    monkeypatch.setattr(NeuralMap, "polish", polish)
    return took_s


NEURAL = Config(map="neural", playback=CONFIG.playback, neural=CONFIG.neural)


def test_a_map_is_polished_after_the_last_frame_off_the_clock(room, tmp_path, polished):
    start_s = time.monotonic()
    metrics = go(room, tmp_path, Script(after_3=Controls.quit), NEURAL)
    assert len(polished) == 1
    assert metrics["polish_s"] == pytest.approx(polished[0], abs=0.1)
    assert polished[0] > 0.45
    assert metrics["wall_s"] < time.monotonic() - start_s - 0.45


def test_a_signal_ends_polishing(room, tmp_path, polished):
    script = Script(after_3=Controls.quit)
    hurry = threading.Timer(0.0, lambda: script.controls.quit("SIGINT", is_hurried=True))
    script._actions["after_3"] = lambda controls: (controls.quit(), hurry.start())
    metrics = go(room, tmp_path, script, NEURAL)
    hurry.join()
    assert metrics["polish_s"] < 0.4
    assert metrics["frames"] == 3


def test_a_run_that_a_signal_ends_is_not_polished(room, tmp_path, polished):
    script = Script(after_3=lambda controls: controls.quit("SIGTERM", is_hurried=True))
    go(room, tmp_path, script, NEURAL)
    assert sum(polished) < 0.1
