"""Five furnished rooms on 15 x 10 m in a ring of doors, and a walk through all of them."""

import numpy as np
from jaxtyping import Float64

from slam.scenes import apartment_rooms as rooms
from slam.scenes.furniture import picture
from slam.scenes.scene import Builder, Material, Scene
from slam.scenes.shell import floor_and_ceiling, wall
from slam.scenes.walk import Walk

WIDTH_M, DEPTH_M, WALL_M = 15.0, 10.0, 0.16
SAND = Material((208, 192, 160), (142, 122, 94), "plaster", 0.0035)
SAGE = Material((160, 176, 150), (98, 118, 92), "plaster", 0.0035)
MIST = Material((160, 176, 186), (96, 116, 130), "pattern", 0.004)
ROSE = Material((200, 166, 154), (138, 100, 92), "plaster", 0.0035)
CHALK = Material((204, 200, 190), (140, 136, 126), "plaster", 0.0035)


def scene() -> Scene:
    """Build the apartment; one corner of its floor is the origin.

    From west to east: living room, kitchen and bedroom along y = 0, dining room and study behind.
    """
    b = Builder()
    floor_and_ceiling(b.at(-0.2, -0.2), WIDTH_M + 0.4, DEPTH_M + 0.4)
    wall(b.at(-0.2, -0.1), WIDTH_M + 0.4, 0.2, SAND)
    wall(b.at(WIDTH_M + 0.1, 0, 90), DEPTH_M, 0.2, MIST)
    wall(b.at(-0.2, DEPTH_M + 0.1), WIDTH_M + 0.4, 0.2, CHALK)
    wall(b.at(-0.1, 0, 90), DEPTH_M, 0.2, ROSE)
    wall(b.at(0, 5), WIDTH_M, WALL_M, SAND, doors=(3.0, 12.5))
    wall(b.at(6, 0, 90), 5.0, WALL_M, SAGE, doors=(2.5,))
    wall(b.at(10, 0, 90), 5.0, WALL_M, ROSE, doors=(2.5,))
    wall(b.at(7.5, 5, 90), 5.0, WALL_M, SAGE, doors=(2.5,))
    rooms.living(b)
    rooms.kitchen(b)
    rooms.bedroom(b)
    rooms.study(b)
    rooms.dining(b)
    for x, y, yaw_deg, art in rooms.PICTURES:
        picture(b.at(x, y, yaw_deg), 0.6, 0.45 + 0.1 * (art % 2), 1.35, rooms.f.ART[art])
    return b.build("apartment")


def walk() -> Walk:
    """Circle in each room but the kitchen, looking across it, and go on through the next door."""
    keys = [
        _circle(3.0, 2.5, 1.1, 90.0, 270.0),  # living room: in from the north, out to the east
        _straight((3.4, 2.5, 720.0), (4.7, 2.52, 722.0), (6.0, 2.5, 716.0)),
        _straight((7.2, 2.75, 690.0), (8.3, 2.8, 684.0), (9.2, 2.55, 706.0), (10.0, 2.5, 718.0)),
        _circle(12.0, 2.5, 0.95, 180.0, 720.0),
        _straight((12.1, 2.4, 1168.0), (12.4, 3.8, 1166.0), (12.5, 5.0, 1170.0)),
        _circle(11.6, 7.5, 1.0, 270.0, 1170.0),
        _straight((11.3, 7.5, 1622.0), (9.6, 7.45, 1630.0), (7.5, 7.5, 1618.0), (6.6, 7.5, 1614.0)),
        _circle(4.5, 7.6, 1.0, 0.0, 1620.0),
        _straight((4.35, 7.4, 2058.0), (3.4, 6.1, 2054.0), (3.0, 5.0, 2066.0)),
        _straight((3.0, 3.6, 2070.0)),
    ]
    plan = np.concatenate(keys)
    step = np.arange(len(plan))
    up_m = 1.45 + 0.06 * np.sin(1.1 * step)
    rows = np.column_stack([plan[:, :2], up_m, plan[:, 2:]])
    rows[-1, 2] = rows[0, 2]
    return Walk(rows, seed=2)


def _circle(
    x: float, y: float, radius: float, from_deg: float, yaw_deg: float
) -> Float64[np.ndarray, "k 4"]:
    """Go once and a quarter round a centre, looking across it, up and down; x, y, yaw, pitch."""
    turn_deg = np.arange(0.0, 451.0, 45.0)
    angle = np.deg2rad(from_deg + turn_deg)
    pitch_deg = -15.0 - 8.0 * np.cos(np.deg2rad(1.6 * turn_deg))  # up and down twice
    return np.column_stack(
        [x + radius * np.cos(angle), y + radius * np.sin(angle), yaw_deg + turn_deg, pitch_deg]
    )


def _straight(*keys: tuple[float, float, float]) -> Float64[np.ndarray, "k 4"]:
    """Walk through places (x, y, yaw), looking somewhat down, at more than the door ahead."""
    return np.array([[*key, -22.0] for key in keys])
