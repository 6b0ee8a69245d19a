"""Thin things: plates of 1 and 2 cm, legs of 2 and 3 cm, the edge of an open door."""

import numpy as np

from slam.scenes import furniture as f
from slam.scenes.scene import Builder, Material, Scene
from slam.scenes.shell import CEILING, FLOOR
from slam.scenes.walk import Walk

BACK = Material((200, 188, 160), (128, 112, 92), "plaster", 0.0035)


def scene() -> Scene:
    """Build a corner of 5 x 4 m round the origin with thin things in its middle."""
    b = Builder()
    b.box(0, 0, -0.1, (5.0, 4.4, 0.1), FLOOR)
    b.box(0, 2.0, 0, (5.0, 0.2, 2.5), BACK)
    b.box(-2.4, 0, 0, (0.2, 4.0, 2.5), BACK)
    b.box(2.4, 0, 0, (0.2, 4.0, 2.5), CEILING)
    b.box(0, 0.35, 0, (0.5, 0.2, 0.7), f.WALNUT)
    b.box(-0.12, 0.35, 0.7, (0.01, 0.18, 0.4), f.YELLOW)  # upright plates, 1 and 2 cm
    b.box(0.12, 0.35, 0.7, (0.02, 0.18, 0.4), f.RED)
    b.box(0.0, 0.35, 1.1, (0.34, 0.24, 0.01), f.BLUE)  # a lying plate, 1 cm
    _stool(b.at(-0.75, 0.1, 20.0), 0.02)
    _stool(b.at(0.65, -0.05, -15.0), 0.03)
    b.box(1.25, 0.75, 0.02, (0.9, 0.04, 2.0), f.OAK, 62.0)  # a door leaf, 4 cm
    b.box(-1.3, 0.9, 0.0, (0.6, 0.01, 1.2), f.GREEN, -35.0)  # a screen, 1 cm
    b.cylinder(-0.35, 0.75, 0.0, 0.01, 1.5, f.STEEL)  # rods
    b.cylinder(0.4, 0.8, 0.0, 0.015, 1.5, f.STEEL)
    return b.build("thin")


def walk() -> Walk:
    """Swing 36 degrees to either side round the plates, looking at them."""
    swing = np.deg2rad(
        np.array([0.0, 18.0, 31.0, 36.0, 20.0, 0.0, -18.0, -31.0, -36.0, -20.0, 0.0])
    )
    up = np.array([1.35, 1.4, 1.5, 1.45, 1.3, 1.2, 1.15, 1.25, 1.4, 1.45, 1.35])
    far_m = 1.45
    target = np.array([0.0, 0.3, 0.7])
    x, y = target[0] + far_m * np.sin(swing), target[1] - far_m * np.cos(swing)
    pitch_deg = -np.rad2deg(np.arctan2(up - target[2], far_m))
    keys = np.stack([x, y, up, 90.0 + np.rad2deg(swing), pitch_deg], axis=1)
    return Walk(keys, seed=4, period_frames=200)


def _stool(b: Builder, thick_m: float) -> None:
    f.legs(b, 0.34, 0.34, 0.5, thick_m, f.WHITE)
    b.box(0, 0.17, 0.5, (0.36, 0.36, thick_m), f.OAK)
