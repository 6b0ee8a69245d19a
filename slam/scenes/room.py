"""A furnished room of 5 x 4 x 2.5 m, seen in a full turn by a camera that circles its middle."""

import numpy as np

from slam.scenes import furniture as f
from slam.scenes.scene import Builder, Material, Scene
from slam.scenes.shell import closed_door, floor_and_ceiling, wall
from slam.scenes.walk import Walk

WIDTH_M, DEPTH_M = 5.0, 4.0
WALLS = (
    Material((206, 190, 160), (140, 122, 96), "plaster", 0.0035),
    Material((150, 172, 180), (86, 112, 126), "pattern", 0.004),
    Material((206, 196, 172), (146, 128, 104), "plaster", 0.0035),
    Material((190, 174, 150), (132, 112, 92), "plaster", 0.0035),
)
RUG = Material((120, 44, 48), (226, 190, 140), "pattern", 0.004)


def scene() -> Scene:
    """Build the room; one corner of its floor is the origin."""
    b = Builder()
    floor_and_ceiling(b.at(-0.2, -0.2), WIDTH_M + 0.4, DEPTH_M + 0.4)
    wall(b.at(-0.2, -0.1), WIDTH_M + 0.4, 0.2, WALLS[0])
    wall(b.at(WIDTH_M + 0.1, 0, 90), DEPTH_M, 0.2, WALLS[1])
    wall(b.at(-0.2, DEPTH_M + 0.1), WIDTH_M + 0.4, 0.2, WALLS[2])
    wall(b.at(-0.1, 0, 90), DEPTH_M, 0.2, WALLS[3])
    _south(b)
    _east(b.at(WIDTH_M, 0, 90))
    _north(b.at(WIDTH_M, DEPTH_M, 180))
    _west(b.at(0, 0, -90))
    _middle(b)
    return b.build("room")


def walk() -> Walk:
    """Circle the middle, looking across it; the look goes up and down on the way."""
    turn = np.linspace(0.0, 2 * np.pi, 13)
    pitch_deg = [-14.0, -6.0, 4.0, -10.0, -24.0, -28.0, -16.0, -4.0, 6.0, -4.0, -20.0, -26.0, -14.0]
    keys = np.stack(
        [
            WIDTH_M / 2 + 0.95 * np.cos(turn),
            DEPTH_M / 2 + 0.6 * np.sin(turn),
            1.42 + 0.12 * np.sin(2 * turn),
            np.rad2deg(turn) + 180.0 + 9.0 * np.sin(3 * turn),
            np.array(pitch_deg),
        ],
        axis=1,
    )
    return Walk(keys, seed=1, period_frames=300)


def _south(b: Builder) -> None:
    f.sofa(b.at(1.75, 0.02))
    f.floor_lamp(b.at(0.42, 0.36))
    f.picture(b.at(1.2, 0), 0.55, 0.4, 1.4, f.ART[0])
    f.picture(b.at(1.9, 0), 0.42, 0.6, 1.3, f.ART[1])
    f.picture(b.at(2.5, 0), 0.32, 0.32, 1.5, f.ART[2])
    f.table(b.at(3.1, 0.06), 0.45, 0.45, 0.55)
    f.vase(b.at(3.02, 0.25, 0, 0.55), 0.28, f.GREEN)
    b.box(3.2, 0.35, 0.55, (0.2, 0.15, 0.04), f.BOOKS[1], 25.0)
    closed_door(b.at(4.05, 0))


def _east(b: Builder) -> None:
    """Along +x of its frame lies the world's +y."""
    f.shelf(b.at(1.1, 0), 1.2, 2.05, 5)
    f.cupboard(b.at(2.55, 0), 1.3, 0.42, 0.62)
    b.box(2.55, 0.2, 0.62, (0.4, 0.2, 0.015), f.BLACK)
    b.box(2.55, 0.2, 0.635, (0.08, 0.04, 0.1), f.BLACK)
    b.box(2.55, 0.2, 0.7, (1.05, 0.035, 0.6), f.BLACK)
    b.box(2.55, 0.205, 0.72, (1.0, 0.035, 0.56), f.SCREEN)
    b.cylinder(3.05, 0.24, 0.62, 0.05, 0.16, f.YELLOW)
    f.picture(b.at(2.55, 0), 0.8, 0.5, 1.6, f.ART[2])
    f.plant(b.at(3.62, 0.35))


def _north(b: Builder) -> None:
    """Along +x of its frame lies the world's -x."""
    f.desk(b.at(1.35, 0.02))
    f.chair(b.at(1.4, 1.05, 172.0))
    f.picture(b.at(0.62, 0), 0.4, 0.5, 1.4, f.ART[0])
    b.box(1.4, 0.1, 1.55, (0.9, 0.2, 0.025), f.OAK)
    b.box(1.2, 0.1, 1.575, (0.32, 0.15, 0.22), f.BOOKS[0])
    f.vase(b.at(1.6, 0.1, 0, 1.575), 0.2)
    f.window(b.at(3.1, 0))
    b.box(3.1, 0.14, 0.25, (1.2, 0.1, 0.5), f.WHITE)
    f.vase(b.at(3.4, 0.1, 0, 0.9), 0.22, f.BLUE)


def _west(b: Builder) -> None:
    """Along +x of its frame lies the world's -y."""
    f.bed(b.at(-2.3, 0.02), 0.95)
    f.cupboard(b.at(-3.15, 0.02), 0.42, 0.38, 0.5, f.OAK, doors=1)
    f.floor_lamp(b.at(-3.15, 0.2, 0, 0.5), 0.5)
    b.box(-2.3, 0.11, 1.55, (1.1, 0.22, 0.03), f.OAK)
    b.box(-2.6, 0.1, 1.58, (0.4, 0.16, 0.24), f.BOOKS[2])
    b.sphere(-2.2, 0.11, 1.58, 0.09, f.RED)
    b.box(-1.95, 0.11, 1.58, (0.18, 0.14, 0.12), f.YELLOW, 20.0)
    f.picture(b.at(-1.3, 0), 0.5, 0.7, 1.25, f.ART[1])


def _middle(b: Builder) -> None:
    b.box(2.5, 2.0, 0.0, (2.0, 1.5, 0.012), RUG, 4.0)
    f.table(b.at(2.5, 1.72, 6.0), 0.95, 0.55, 0.42, f.WALNUT)
    b.box(2.3, 2.05, 0.42, (0.3, 0.22, 0.03), f.BOOKS[3], 20.0)
    b.box(2.31, 2.06, 0.45, (0.24, 0.17, 0.025), f.BOOKS[0], -10.0)
    f.vase(b.at(2.62, 2.0, 0, 0.42), 0.26, f.YELLOW)
    b.cylinder(2.82, 1.9, 0.42, 0.04, 0.09, f.BLUE)
    b.sphere(2.75, 2.14, 0.42, 0.045, f.RED)
    b.cylinder(1.25, 1.35, 0.0, 0.22, 0.36, f.RED)
