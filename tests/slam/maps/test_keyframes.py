"""Which keyframes see what the newest one sees."""

import numpy as np
import pytest

from kernels.rays import Rays
from slam.camera import Camera
from slam.geometry import se3_exp
from slam.maps.keyframes import Keyframe, Keyframes

CAMERA = Camera(160, 120, 131.0, 131.0, 79.5, 59.5)
WALL_M = 2.0
VIEW_M = WALL_M * 160 / 131.0  # as wide as a frame shows of the wall


def pose(x_m=0.0, z_m=0.0, yaw_deg=0.0) -> np.ndarray:
    """A camera that looks along z, or turned from there."""
    T_world_camera = se3_exp(np.array([0, 0, 0, 0, np.deg2rad(yaw_deg), 0]))
    T_world_camera[:3, 3] = x_m, 0.0, z_m
    return T_world_camera


def keyframe(T_world_camera, depth_m=WALL_M, num_rays=1200) -> Keyframe:
    """See a wall at one depth, in rays spread over the image."""
    pixel = np.linspace(0, 160 * 120 - 1, num_rays).astype(np.uint32)
    rays = Rays(
        pixel,
        np.full(num_rays, depth_m, np.float32),
        np.ones(num_rays, np.float32),
        np.full((num_rays, 4), 255, np.uint8),
    )
    return Keyframe(
        frame_index=0, camera=CAMERA, T_world_camera=T_world_camera, rays=rays, has_color=True,
        T_world_tracked=T_world_camera,
    )  # fmt: skip


NEWEST = keyframe(pose())


def overlap(other: Keyframe) -> float:
    return float(Keyframes().overlaps(NEWEST, [other])[0])


def test_the_same_place_sees_all_of_it():
    assert overlap(keyframe(pose())) > 0.99


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_a_shifted_view_sees_the_rest(share):
    # 128 probes: three of them are 2.3 %; an image row has fewer than two
    assert overlap(keyframe(pose(x_m=share * VIEW_M))) == pytest.approx(1 - share, abs=0.05)
    assert overlap(keyframe(pose(x_m=-share * VIEW_M))) == pytest.approx(1 - share, abs=0.05)


@pytest.mark.parametrize(
    "other",
    [
        keyframe(pose(yaw_deg=180.0)),  # the other way
        keyframe(pose(yaw_deg=90.0)),
        keyframe(pose(x_m=1.1 * VIEW_M)),  # beside it
        keyframe(pose(z_m=WALL_M + 0.5)),  # behind the wall, looking away from it
        keyframe(pose(z_m=-3.0), depth_m=2.5),  # something stands between
        keyframe(pose(), num_rays=0),  # saw nothing
    ],
)
def test_who_cannot_see_it_does_not_overlap(other):
    assert overlap(other) == 0.0


def test_a_keyframe_without_readings_overlaps_with_none():
    empty = keyframe(pose(), num_rays=0)
    assert Keyframes().overlaps(empty, [NEWEST, empty]).tolist() == [0.0, 0.0]
    assert len(Keyframes().overlaps(NEWEST, [])) == 0


def collection(*poses) -> tuple[Keyframes, list[Keyframe]]:
    keyframes, items = Keyframes(), [keyframe(T_world_camera) for T_world_camera in poses]
    for item in items:
        keyframes.add(item)
    return keyframes, items


def numbers(window, items) -> list[int]:
    return [next(k for k, item in enumerate(items) if item is chosen) for chosen in window]


def test_a_window_is_the_newest_the_one_before_and_the_best_of_the_rest():
    away, near, nearer, far = pose(yaw_deg=180), pose(0.3), pose(-0.2), pose(0.8)
    keyframes, items = collection(far, away, near, nearer, away, pose())
    assert numbers(keyframes.window(8), items) == [5, 4, 3, 2, 0]  # the one before sees nothing
    assert numbers(keyframes.window(4), items) == [5, 4, 3, 2]
    assert numbers(keyframes.window(2), items) == [5, 4]


@pytest.mark.parametrize("size", [1, 2, 3, 5, 9])
def test_a_window_is_no_larger_than_asked(size):
    keyframes, items = collection(*7 * [pose()])
    window = keyframes.window(size)
    assert len(window) == min(size, 7)
    assert window[0] is items[-1]
    assert len({id(item) for item in window}) == len(window)


def test_the_first_window_is_the_first_keyframe():
    keyframes, items = collection(pose())
    assert keyframes.window(8) == items


def test_keyframes_weigh_what_their_rays_do():
    keyframes, items = collection(pose(), pose(0.1))
    assert keyframes.nbytes == 2 * 16 * 1200 == sum(item.nbytes for item in items)


def thin(keyframes: Keyframes) -> bool:
    last = keyframes.redundant()
    if last is not None:
        keyframes.drop_rays(last)
    return last is not None


def test_of_two_keyframes_that_see_the_same_one_keeps_its_rays():
    """Also of many: a camera at rest adds none, and is not trained on twice."""
    keyframes, items = collection(pose(), pose(x_m=0.05 * VIEW_M))
    assert thin(keyframes)
    assert [item.num_rays for item in items] == [1200, 0]
    assert keyframes.nbytes == items[0].nbytes
    assert not thin(keyframes)
    for _ in range(5):
        items.append(keyframe(pose(yaw_deg=40.0)))
        keyframes.add(items[-1])
        thin(keyframes)
    assert [item.num_rays > 0 for item in items] == [True, False, True, *4 * [False]]
    assert [item.number for item in keyframes.items] == list(range(7))
    keyframes.add(keyframe(pose()))
    items.append(keyframes.items[-1])
    assert numbers(keyframes.window(8), items) == [7, 2, 0]
    assert sorted(numbers(next(keyframes.windows(8)), items)) == [0, 2, 7]


@pytest.mark.parametrize(
    "other",
    [
        pose(x_m=0.3 * VIEW_M),
        pose(yaw_deg=20.0),
        pose(z_m=0.4 * WALL_M),  # all that it sees was seen, from farther away
        pose(z_m=-0.4 * WALL_M),
    ],
)
def test_keyframes_that_see_more_keep_theirs(other):
    keyframes = Keyframes()
    keyframes.add(keyframe(pose()))
    keyframes.add(keyframe(other, WALL_M - other[2, 3]))
    assert not thin(keyframes)
