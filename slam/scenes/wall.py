"""A flat textured wall alone: geometry cannot see a camera that slides along it."""

import numpy as np

from slam.scenes.scene import Builder, Material, Scene
from slam.scenes.walk import Walk

PAINT = Material((210, 196, 168), (92, 84, 96), "pattern", 0.004)


def scene() -> Scene:
    """Build a wall of 8 x 4 m in the plane y = 0, seen from y < 0."""
    b = Builder()
    b.box(0, 0.1, 0.0, (8.0, 0.2, 4.0), PAINT)
    return b.build("wall")


def walk() -> Walk:
    """Slide 2 m to the right and back at 1.5 to 2 m from the wall."""
    side = np.array([-1.0, -0.4, 0.4, 1.0, 0.45, -0.35, -1.0])
    far = np.array([1.75, 1.65, 1.6, 1.75, 1.85, 1.8, 1.75])
    up = np.array([1.9, 2.0, 2.05, 1.95, 1.85, 1.85, 1.9])
    yaw_deg = np.array([90.0, 87.0, 90.0, 93.0, 91.0, 88.0, 90.0])
    pitch_deg = np.array([0.0, -2.0, 1.0, 2.0, 0.0, -1.0, 0.0])
    keys = np.stack([side, -far, up, yaw_deg, pitch_deg], axis=1)
    return Walk(keys, seed=3, period_frames=200)
