"""Laws of the synthetic sources: exact depth, smooth walks, texture to track, repeatability."""

import itertools

import cv2
import numpy as np
import pytest

from slam.errors import SlamError
from slam.geometry import rotation_angle_rad, transform_points
from slam.sources.synthetic import SCENES, SyntheticSource, open_synthetic

NAMES = tuple(SCENES)


@pytest.fixture(scope="module", params=NAMES)
def source(request: pytest.FixtureRequest) -> SyntheticSource:
    return open_synthetic(request.param)


def sampled(source: SyntheticSource, count: int) -> list[int]:
    return [int(k) for k in np.linspace(0, len(source.timestamps_s) - 1, count)]


def test_depth_lies_on_the_surface(source: SyntheticSource) -> None:
    camera = source.camera
    v, u = np.mgrid[: camera.height : 3, : camera.width : 3].astype(np.float32)
    for index in sampled(source, 6):
        depth_m = np.where(source.mover_mask(index), 0, source.read(index).depth_m)[::3, ::3]
        rays = np.stack([(u - camera.cx) / camera.fx, (v - camera.cy) / camera.fy, np.ones_like(u)])
        points = (rays * depth_m).reshape(3, -1).T[depth_m.ravel() > 0].astype(np.float64)
        world = transform_points(source.ground_truth().Ts_world_camera[index], points)
        sdf_m = source.scene.sdf(world.astype(np.float32))
        assert np.abs(sdf_m).max() < 1e-4


def test_every_view_is_full(source: SyntheticSource) -> None:
    for index in sampled(source, 100):
        depth_m = source.read(index).depth_m
        assert ((depth_m > 0.3) & (depth_m < 5.0)).mean() >= 0.6, f"frame {index}"


def test_every_view_has_texture(source: SyntheticSource) -> None:
    """In grey levels a pixel: a shift of a third of a pixel must show above rounding."""
    for index in sampled(source, 12):
        color = source.read(index).color
        assert color is not None
        grey = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY).astype(np.float32)
        gradient = np.hypot(np.diff(grey, axis=1)[:-1], np.diff(grey, axis=0)[:, :-1])
        assert gradient.mean() > 3.0, f"frame {index}"
        if source.scene.name != "desk":  # which has plain paint on purpose
            assert np.median(gradient) > 1.0, f"frame {index}"


def test_walk_keeps_clear_of_solids(source: SyntheticSource) -> None:
    positions_m = source.ground_truth().positions_m.astype(np.float32)
    assert source.scene.sdf(positions_m).min() >= 0.35


def test_walk_is_smooth(source: SyntheticSource) -> None:
    trajectory = source.ground_truth()
    Ts = trajectory.Ts_world_camera
    step_s = 1.0 / 30.0
    speed_m_s = np.linalg.norm(np.diff(trajectory.positions_m, axis=0), axis=1) / step_s
    turn_deg_s = np.array(
        [np.rad2deg(rotation_angle_rad(a[:3, :3].T @ b[:3, :3])) for a, b in itertools.pairwise(Ts)]
    ) / step_s  # fmt: skip
    assert speed_m_s.max() < 1.2
    assert turn_deg_s.max() < 60.0
    assert turn_deg_s.mean() < 40.0
    acceleration_m_s2 = np.diff(trajectory.positions_m, 2, axis=0) / step_s**2
    assert np.linalg.norm(acceleration_m_s2, axis=1).max() < 5.0


def test_walk_closes(source: SyntheticSource) -> None:
    period = SCENES[source.scene.name].walk().period_frames
    Ts = open_synthetic(source.scene.name, period + 2).ground_truth().Ts_world_camera
    np.testing.assert_allclose(Ts[period : period + 2], Ts[:2], atol=1e-9)
    assert not np.allclose(Ts[0], np.eye(4))


def test_apartment_walk_is_long_and_visits_all_rooms() -> None:
    source = open_synthetic("apartment")
    positions_m = source.ground_truth().positions_m
    assert 2400 <= len(positions_m) <= 3000
    assert np.linalg.norm(np.diff(positions_m, axis=0), axis=1).sum() > 55.0
    x, y = positions_m[:, 0], positions_m[:, 1]
    rooms = [
        (y < 5) & (x < 6),
        (y < 5) & (x > 6) & (x < 10),
        (y < 5) & (x > 10),
        (y > 5) & (x > 7.5),
        (y > 5) & (x < 7.5),
    ]
    assert all(np.count_nonzero(is_in) > 150 for is_in in rooms)


def test_the_ring_comes_back_to_where_it_was_and_its_doors_are_alike() -> None:
    source = open_synthetic("ring")
    positions_m = source.ground_truth().positions_m
    period = SCENES["ring"].walk().period_frames
    assert np.linalg.norm(np.diff(positions_m[:period], axis=0), axis=1).sum() > 60.0
    num_again = len(positions_m) - period
    assert num_again > 0.2 * period
    apart_m = np.linalg.norm(positions_m[period:] - positions_m[:num_again], axis=1)
    assert apart_m.max() < 0.01
    columns = source.scene.solids[:, [3, 4, 5, *range(8, 17)]]  # size, material and seed
    _, counts = np.unique(columns, axis=0, return_counts=True)
    assert (counts == 18).sum() >= 6  # frame, leaf, panels and handle of each door


def test_frames_are_repeatable_in_any_order(source: SyntheticSource) -> None:
    again = open_synthetic(source.scene.name, 50)
    for index in (49, 0, 20, 49):
        first, second = source.read(index), again.read(index)
        np.testing.assert_array_equal(first.depth_m, second.depth_m)
        np.testing.assert_array_equal(first.color, second.color)
        assert first.timestamp_s == second.timestamp_s


def test_names() -> None:
    assert open_synthetic("").name == open_synthetic(None).name == "synthetic:room"
    with pytest.raises(SlamError, match="room, apartment, wall, thin, moving"):
        open_synthetic("attic")
    with pytest.raises(SlamError, match="at least 1 frame"):
        open_synthetic("room", 0)
