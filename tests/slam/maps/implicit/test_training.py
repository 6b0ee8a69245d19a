"""What a step of training takes and changes."""

import numpy as np
import pytest

from slam.config import ImplicitConfig
from slam.maps.implicit.map import _keyframe
from slam.maps.implicit.network import Network
from slam.maps.implicit.replay import Replayed
from slam.maps.implicit.training import Trainer
from slam.maps.readings import surface_readings


@pytest.fixture(scope="module")
def frame(see):
    seen, T = see(has_box=True)
    return Replayed(_keyframe(seen, surface_readings(seen), T, 4))


def trainer_of(**config) -> Trainer:
    config = ImplicitConfig(**{"encoding": "fourier", "width": 32, "layers": 2} | config)
    return Trainer(config, Network(config))


@pytest.mark.parametrize(("output", "num_samples"), [("sdf", 4), ("density", 16)])
def test_samples_lie_on_the_rays(frame, output, num_samples):
    trainer = trainer_of(output=output, points=320)
    drawn, batch = trainer._draw([frame], [0, 320 // num_samples])
    assert len(drawn[0]) == len(batch.points) == 320 // num_samples
    center_m = frame.keyframe.T_world_camera[:3, 3]
    points = batch.points.numpy()
    ray = points - center_m
    across = np.cross(ray, ray[:, -1:])
    length = np.linalg.norm(ray, axis=2) * np.linalg.norm(ray[:, -1:], axis=2)
    assert np.abs(across).max() / length.min() < 1e-4
    if output == "sdf":
        z_m = points[:, 0] @ frame.keyframe.T_world_camera[:3, 2]
        z_m -= center_m @ frame.keyframe.T_world_camera[:3, 2]
        np.testing.assert_allclose(z_m, batch.reading_m.numpy(), rtol=1e-4)
        assert (batch.distance[:, 0] == 0.0).all()
    else:
        depth_m = batch.depth_m.numpy()
        assert (np.diff(depth_m, axis=1) >= 0.0).all()
        assert (np.abs(depth_m - batch.reading_m.numpy()[:, None]).min(axis=1) < 1e-4).all()
        assert depth_m.min() >= 0.2 - 1e-5


@pytest.mark.parametrize("encoding", ["fourier", "hash"])
def test_steps_lower_the_loss_and_leave_their_marks(frame, encoding):
    replayed = Replayed(frame.keyframe)
    trainer = trainer_of(encoding=encoding, rate=0.005)
    trainer.run([replayed], 12, np.inf)
    early = replayed.loss
    trainer.run([replayed], 80, np.inf)
    assert replayed.loss < 0.6 * early


def test_entries_of_a_hash_learn_faster_than_layers():
    groups = trainer_of(encoding="hash").optimiser.param_groups
    assert groups[1]["lr"] == pytest.approx(5.0 * groups[0]["lr"])
    assert len(trainer_of().optimiser.param_groups) == 1


def test_a_siren_learns_slowly():
    siren, fourier = trainer_of(encoding="siren"), trainer_of()
    rates = [each.optimiser.param_groups[0]["lr"] for each in (siren, fourier)]
    assert rates[0] < rates[1]


def test_frames_without_rays_are_no_work():
    trainer_of().run([], 5, np.inf)
