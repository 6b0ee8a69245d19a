"""What the map shows against what was measured."""

from dataclasses import dataclass, field, replace
from math import inf, isnan, nan

import numpy as np
import pytest

from slam.camera import Camera, DepthNoise
from slam.config import Config, PlaybackConfig, TsdfConfig
from slam.errors import BadFrameError
from slam.evaluation.rendering import compare, psnr_db, rendering_scores
from slam.frame import Frame
from slam.geometry import se3_exp
from slam.journal import FrameRecord
from slam.maps.base import Rendering
from slam.maps.tsdf.map import TsdfMap
from slam.runs.finished import Run
from slam.tracking.base import TrackState
from slam.trajectory import Trajectory

CAMERA = Camera(160, 120, 130.0, 130.0, 79.5, 59.5)
SHAPE = (CAMERA.height, CAMERA.width)
WALL_M = 1.5


def seen(index=0, color=100, depth_m=WALL_M) -> Frame:
    return Frame(
        index,
        index / 30,
        CAMERA,
        np.full(SHAPE, depth_m, np.float32),
        None if color is None else np.full((*SHAPE, 3), color, np.uint8),
        DepthNoise.rendered(),
    )


def shown(depth_m, color) -> Rendering:
    depth_m = np.broadcast_to(np.float32(depth_m), SHAPE).copy()
    rgb = np.full((*SHAPE, 3), color, np.uint8)
    return Rendering(depth_m, np.zeros((*SHAPE, 3), np.float32), rgb, np.ones(SHAPE, np.float32))


def test_the_ratio_of_a_known_error():
    a = np.full((5, 3), 100, np.uint8)
    assert psnr_db(a, a + np.uint8(10)) == pytest.approx(20 * np.log10(25.5))
    assert psnr_db(a + np.uint8(10), a) == pytest.approx(20 * np.log10(25.5))  # no wrap-around
    assert psnr_db(a, a) == inf
    assert isnan(psnr_db(a[:0], a[:0]))


def test_holes_count_for_all_pixels_only():
    depth_m = np.where(np.arange(160) < 40, 0.0, WALL_M + 0.02)
    scores = compare(seen(color=100), shown(depth_m, 110))
    assert scores.psnr_db == pytest.approx(20 * np.log10(25.5))
    mean_square = 0.25 * 100**2 + 0.75 * 10**2  # black in the holes, whatever colour is given there
    assert scores.psnr_all_db == pytest.approx(10 * np.log10(255**2 / mean_square))
    assert scores.hole_ratio == pytest.approx(0.25)
    assert scores.num_depths == 120 * 120
    assert scores.depth_difference_m / scores.num_depths == pytest.approx(0.02, rel=1e-4)


def test_missing_readings_and_colours_are_not_compared():
    scores = compare(seen(depth_m=0.0, color=None), shown(WALL_M, 110))
    assert isnan(scores.psnr_db)
    assert isnan(scores.psnr_all_db)
    assert (scores.hole_ratio, scores.num_depths) == (0.0, 0)


def test_a_map_that_shows_nothing():
    scores = compare(seen(color=100), shown(0.0, 0), np.ones(3))
    assert isnan(scores.psnr_db)
    assert isnan(scores.psnr_exposed_db)
    assert scores.psnr_all_db == pytest.approx(20 * np.log10(2.55))
    assert scores.hole_ratio == 1.0


@dataclass
class WallAhead:
    """A grey wall; frame 6 is brighter and 1 cm farther, frame 10 cannot be read."""

    name: str = "wall"
    camera: Camera = CAMERA
    depth_noise: DepthNoise = field(default_factory=DepthNoise.rendered)
    timestamps_s: np.ndarray = field(default_factory=lambda: np.arange(12) / 30)

    def read(self, index: int) -> Frame:
        if index == 10:
            raise BadFrameError("gone")
        return seen(index, 110, WALL_M + 0.01) if index == 6 else seen(index)

    def ground_truth(self) -> Trajectory | None:
        raise AssertionError("the poses are the run's own")


T_WORLD_CAMERA = se3_exp(np.array([0.5, -1.0, 2.0, 0.2, 0.5, 0.1]))


@pytest.fixture
def run(tmp_path) -> Run:
    """A run that mapped frame 0 and tracked all but frame 2."""
    config = Config(holdout=4, tsdf=TsdfConfig(voxel_size_m=0.02))
    map_ = TsdfMap(config.tsdf, DepthNoise.rendered())
    for _ in range(4):
        map_.integrate(seen(), T_WORLD_CAMERA)
    map_.save(tmp_path / "map.npz")
    states = [TrackState.LOST if index == 2 else TrackState.OK for index in range(12)]
    records = [
        FrameRecord(index, index / 30, state, 1.0, nan, 0.0, 1.0, 1.0, 1.0)
        for index, state in enumerate(states)
    ]
    stamps_s = np.delete(np.arange(12) / 30, 2)
    trajectory = Trajectory(np.round(stamps_s, 6), np.tile(T_WORLD_CAMERA, (11, 1, 1)))
    return Run(config, trajectory, None, {}, records, None, tmp_path / "map.npz")


def test_held_out_frames_are_compared_at_their_poses(run, caplog):
    scores = rendering_scores(run, WallAhead())
    assert scores is not None
    assert scores.num_frames == 1  # of 2, 6 and 10: one was lost, one cannot be read
    assert "skipped frame 10: gone" in caplog.text
    assert scores.psnr_db == pytest.approx(20 * np.log10(25.5), abs=0.5)  # colours are rounded
    assert scores.depth_l1_cm == pytest.approx(1.0, abs=0.05)
    assert scores.hole_ratio < 0.06  # a rim of two pixels: a voxel is 1.7 wide


def test_what_is_shown_is_brought_to_the_exposure_of_the_frames_around(run):
    class Automatic(WallAhead):
        def read(self, index: int) -> Frame:
            return seen(index, 100 if index == 0 else 150)

    scores = rendering_scores(run, Automatic())
    assert scores is not None
    assert scores.num_frames == 2
    assert scores.psnr_db == pytest.approx(20 * np.log10(5.1), abs=0.1)  # the map shows 100
    assert scores.psnr_exposed_db > 45.0


def test_readings_out_of_range_are_not_compared(run):
    config = replace(run.config, playback=PlaybackConfig(max_depth_m=WALL_M + 0.005))
    assert rendering_scores(replace(run, config=config), WallAhead()) is None  # frame 6 has none


def test_a_run_that_holds_out_nothing_has_no_scores(run):
    config = replace(run.config, holdout=0)
    assert rendering_scores(replace(run, config=config), WallAhead()) is None


def test_without_the_map_or_a_frame_there_are_no_scores(run, caplog):
    assert rendering_scores(replace(run, map_path=None), WallAhead()) is None
    assert rendering_scores(replace(run, frames=run.frames[:4]), WallAhead()) is None
    assert "the run has no saved map" in caplog.text
    assert "no held-out frame was tracked" in caplog.text
