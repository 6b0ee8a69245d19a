"""A desk seen from 0.4 to 1 m: small things close to the camera, before paint without texture."""

import numpy as np

from slam.scenes import furniture as f
from slam.scenes.scene import Builder, Material, Scene
from slam.scenes.walk import Walk

TOP_M = 0.74
PAINT = Material((214, 210, 200), (196, 190, 180), "plain", 0.004)
LACQUER = Material((62, 60, 62), (96, 92, 92), "plain", 0.003)
FLOOR = Material((150, 112, 76), (92, 62, 38), "wood", 0.003)
PAPER = Material((232, 230, 222), (60, 60, 70), "books", 0.0012)
BOX = Material((196, 158, 108), (120, 84, 50), "pattern", 0.0012)
CABLE = Material((30, 30, 32), (70, 70, 74), "plain", 0.002)


def scene() -> Scene:
    """Build a corner of a room; the desk's back edge is the x axis, its middle the origin."""
    b = Builder()
    b.box(0, 0.9, -0.1, (4.4, 3.0, 0.1), FLOOR)
    b.box(0, -0.1, 0, (4.4, 0.2, 2.6), PAINT)
    b.box(-2.1, 0.9, 0, (0.2, 3.0, 2.6), PAINT)
    b.box(2.1, 0.9, 0, (0.2, 3.0, 2.6), f.CREAM)
    f.table(b.at(0, 0.01), 1.8, 0.78, TOP_M, f.OAK)
    b.box(0.1, 0.42, TOP_M, (0.7, 0.45, 0.002), LACQUER)  # a desk pad
    _screen(b.at(0.1, 0.2, 0, TOP_M))
    _left(b.at(-0.6, 0.36, 0, TOP_M))
    _right(b.at(0.66, 0.32, 0, TOP_M))
    f.picture(b.at(-0.62, 0), 0.5, 0.36, 1.3, f.ART[0])
    b.box(0.75, 0.1, 1.35, (0.7, 0.2, 0.02), f.OAK)
    b.box(0.62, 0.1, 1.37, (0.3, 0.15, 0.2), f.BOOKS[1])
    f.vase(b.at(0.95, 0.1, 0, 1.37), 0.18, f.YELLOW)
    return b.build("desk")


def _screen(b: Builder) -> None:
    """A dark glossy screen, a keyboard of two strips and a mouse."""
    b.box(0, 0.02, 0, (0.22, 0.16, 0.01), LACQUER)
    b.box(0, -0.01, 0.01, (0.05, 0.03, 0.1), LACQUER)
    b.box(0, 0, 0.1, (0.56, 0.03, 0.34), LACQUER)
    b.box(0, 0.008, 0.125, (0.52, 0.025, 0.29), f.SCREEN)
    b.box(0, 0.24, 0.002, (0.42, 0.13, 0.02), f.STEEL, 3.0)
    b.box(0, 0.22, 0.022, (0.38, 0.07, 0.006), PAPER, 3.0)
    b.sphere(0.3, 0.26, -0.02, 0.03, CABLE)
    b.box(0.3, 0.12, 0.002, (0.006, 0.22, 0.005), CABLE, 8.0)


def _left(b: Builder) -> None:
    """Books, papers, a mug and pens."""
    b.box(-0.04, -0.02, 0, (0.24, 0.31, 0.035), f.BOOKS[3], 12.0)
    b.box(-0.03, -0.03, 0.035, (0.2, 0.27, 0.03), f.BOOKS[0], 2.0)
    b.box(-0.05, -0.02, 0.065, (0.16, 0.22, 0.02), f.BOOKS[2], 30.0)
    b.box(0.12, 0.26, 0, (0.21, 0.297, 0.004), PAPER, -20.0)
    b.cylinder(0.22, 0.02, 0, 0.042, 0.1, f.RED)
    b.cylinder(-0.18, 0.26, 0, 0.04, 0.11, f.BLUE)
    for k, (x, y) in enumerate(((-0.19, 0.25), (-0.17, 0.27), (-0.17, 0.245))):
        b.cylinder(x, y, 0.02, 0.005, 0.16 + 0.02 * k, (f.YELLOW, f.RED, CABLE)[k])


def _right(b: Builder) -> None:
    """A lamp, a plant, a parcel and fruit."""
    b.cylinder(0.12, -0.1, 0, 0.08, 0.02, LACQUER)
    b.cylinder(0.12, -0.1, 0.02, 0.008, 0.36, f.STEEL)
    b.sphere(0.12, -0.08, 0.34, 0.08, f.YELLOW)
    b.box(-0.04, 0.12, 0, (0.26, 0.18, 0.14), BOX, 24.0)
    b.box(-0.05, 0.11, 0.14, (0.14, 0.1, 0.07), f.GREEN, -15.0)
    b.cylinder(0.14, 0.28, 0, 0.05, 0.09, f.TERRACOTTA)
    for x, y, z in ((0.14, 0.28, 0.08), (0.17, 0.26, 0.13), (0.11, 0.3, 0.15)):
        b.sphere(x, y, z, 0.045, f.LEAF)
    for x, y in ((-0.1, 0.34), (-0.02, 0.36), (-0.06, 0.29)):
        b.sphere(x, y, 0, 0.036, (f.RED, f.YELLOW, f.GREEN)[int(100 * x) % 3])


def walk() -> Walk:
    """Lean over the desk, from its left end to its right one and back."""
    x = [-0.45, -0.2, 0.1, 0.4, 0.55, 0.35, 0.1, -0.15, -0.4, -0.55, -0.45]
    y = [0.9, 0.86, 0.86, 0.87, 0.92, 1.06, 1.12, 1.04, 0.92, 0.94, 0.9]
    z = [1.17, 1.22, 1.26, 1.22, 1.18, 1.32, 1.24, 1.18, 1.16, 1.19, 1.17]
    yaw_deg = [-98, -92, -88, -82, -78, -96, -90, -84, -86, -102, -98]
    pitch_deg = [-38, -42, -40, -40, -34, -26, -22, -30, -36, -42, -38]
    keys = np.stack([x, y, z, yaw_deg, pitch_deg], axis=1).astype(np.float64)
    return Walk(keys, seed=6, speed_m_s=0.22, turn_deg_s=14.0)
