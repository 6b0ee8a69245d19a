"""A corridor of 64 m round a block, whose doors and pictures look alike, walked once and a quarter:
a place to drift in, and to take one door for another.
"""

import numpy as np

from slam.scenes import furniture as f
from slam.scenes.scene import Builder, Material, Scene
from slam.scenes.shell import HEIGHT_M, SKIRTING_M, closed_door, floor_and_ceiling, wall
from slam.scenes.walk import Walk

WIDTH_M, DEPTH_M, CORRIDOR_M = 22.0, 14.0, 2.0
DOOR_EVERY_M = 2.75
OUTER = Material((206, 198, 182), (148, 136, 116), "plaster", 0.0035)
INNER = Material((186, 196, 190), (124, 138, 132), "plaster", 0.0035)


def scene() -> Scene:
    """Build the ring; one outer corner of its floor is the origin."""
    b = Builder()
    floor_and_ceiling(b.at(-0.2, -0.2), WIDTH_M + 0.4, DEPTH_M + 0.4)
    wall(b.at(-0.2, -0.1), WIDTH_M + 0.4, 0.2, OUTER)
    wall(b.at(WIDTH_M + 0.1, 0, 90), DEPTH_M, 0.2, OUTER)
    wall(b.at(-0.2, DEPTH_M + 0.1), WIDTH_M + 0.4, 0.2, OUTER)
    wall(b.at(-0.1, 0, 90), DEPTH_M, 0.2, OUTER)
    width, depth = WIDTH_M - 2 * CORRIDOR_M, DEPTH_M - 2 * CORRIDOR_M
    b.box(WIDTH_M / 2, DEPTH_M / 2, 0, (width, depth, HEIGHT_M), INNER)
    b.box(WIDTH_M / 2, DEPTH_M / 2, 0, (width + 0.03, depth + 0.03, SKIRTING_M), f.WHITE)
    far_x, far_y = WIDTH_M - CORRIDOR_M, DEPTH_M - CORRIDOR_M
    # the faces along which one walks, each from its left end as seen from the corridor
    _doors(b.at(WIDTH_M, DEPTH_M, 180), WIDTH_M)
    _doors(b.at(0, 0, 0), WIDTH_M)
    _doors(b.at(WIDTH_M, 0, 90), DEPTH_M)
    _doors(b.at(0, DEPTH_M, -90), DEPTH_M)
    _pictures(b.at(far_x, CORRIDOR_M, 180), width)
    _pictures(b.at(CORRIDOR_M, far_y, 0), width)
    _pictures(b.at(CORRIDOR_M, CORRIDOR_M, 90), depth)
    _pictures(b.at(far_x, far_y, -90), depth)
    _what_differs(b)
    return b.build("ring")


def walk() -> Walk:
    """Go round, looking ahead, at one wall and at the other."""
    middle = CORRIDOR_M / 2
    corners = np.array(
        [
            (middle, middle), (WIDTH_M - middle, middle),
            (WIDTH_M - middle, DEPTH_M - middle), (middle, DEPTH_M - middle),
        ]
    )  # fmt: skip
    keys: list[tuple[float, ...]] = []
    for side in range(4):
        start, end = corners[side], corners[(side + 1) % 4]
        num = int(np.linalg.norm(end - start) / 2.7)
        for k in range(num):
            x, y = start + k / num * (end - start)
            aside_deg = (0.0, 32.0, -28.0)[0 if k == 0 else 1 + k % 2]
            yaw_deg, pitch_deg = 90.0 * side + aside_deg - 45.0 * (k == 0), -9.0 - 3.0 * (k % 3)
            keys.append((x, y, 1.45 + 0.05 * (k % 2), yaw_deg, pitch_deg))
    first = keys[0]
    keys.append((*first[:3], first[3] + 360.0, first[4]))
    return Walk(np.array(keys), seed=3, speed_m_s=0.8, rounds=1.25)


def _doors(face: Builder, length: float) -> None:
    """Doors that are all alike along a face."""
    num = int((length - 2 * CORRIDOR_M) / DOOR_EVERY_M)
    for k in range(num):
        x = CORRIDOR_M + (length - 2 * CORRIDOR_M) * (k + 0.5) / num
        closed_door(face.at(x, 0).alike())


def _pictures(face: Builder, length: float) -> None:
    """Pictures of three kinds, over and over."""
    num = int(length / 2.2)
    for k in range(num):
        f.picture(face.at(length * (k + 0.5) / num, 0).alike(), 0.6, 0.45, 1.4, f.ART[k % 3])


def _what_differs(b: Builder) -> None:
    """Put down a few things, by which a place can be told from another."""
    f.plant(b.at(5.2, 1.75))
    f.cupboard(b.at(11.6, 1.98, 180), 1.2, 0.35, 0.8)
    f.vase(b.at(11.3, 1.8, 0, 0.8), 0.28, f.BLUE)
    f.floor_lamp(b.at(17.4, 0.3))
    f.plant(b.at(21.6, 0.4), 1.4)
    f.shelf(b.at(20.02, 5.0, -90), 0.9, 1.9, 5, f.WALNUT)
    f.chair(b.at(21.6, 8.9, 80), f.OAK, f.RED)
    f.plant(b.at(21.6, 13.6), 1.2)
    f.cupboard(b.at(16.0, 12.02, 0), 1.0, 0.35, 1.1, f.WHITE, doors=3)
    f.chair(b.at(9.8, 13.6, 170), f.WALNUT, f.BLUE)
    f.floor_lamp(b.at(6.1, 12.3))
    f.shelf(b.at(0.02, 12.6, -90), 0.9, 1.6, 4, f.OAK)
    f.cupboard(b.at(1.98, 7.2, 90), 1.3, 0.35, 0.6, f.WALNUT)
    f.vase(b.at(1.8, 7.5, 0, 0.6), 0.24, f.RED)
    f.chair(b.at(0.4, 3.2, -75), f.OAK, f.GREEN)
