"""The furnished room with a mover: a box as large as a person, seen by the same camera."""

import dataclasses

import numpy as np
from jaxtyping import Float64

from slam.scenes import room
from slam.scenes.scene import Builder, Material, Scene
from slam.scenes.walk import Walk

SIZE_M = (0.5, 0.5, 1.2)
YAW_DEG = 20.0
COVER = Material((36, 92, 116), (240, 186, 84), "picture", 0.0025)
# When (seconds) it is where (x, y). Between equal places it stands, and after the last one. The
# first time the look passes over it; the second time the look leaves it there, and it comes after.
WAY = np.array(
    [
        (0.0, 1.85, 1.22), (1.5, 2.90, 1.20), (2.95, 2.90, 1.20), (4.2, 3.75, 1.30),
        (5.4, 3.90, 2.15), (6.6, 3.90, 2.15), (7.8, 3.15, 2.68), (9.1, 2.50, 3.20),
        (10.1, 1.80, 3.30),
    ]
)  # fmt: skip
SMOOTHING_S = 0.4  # it starts, turns and stops in this time


def scene() -> Scene:
    """Build the room without the mover: what a map of it should hold."""
    return dataclasses.replace(room.scene(), name="moving")


def walk() -> Walk:
    """Walk as in the room."""
    return room.walk()


def mover(time_s: float) -> Scene:
    """Build the box where it is at a time."""
    b = Builder()
    x, y = position_m(time_s)
    b.box(x, y, 0.0, SIZE_M, COVER, YAW_DEG)
    return b.build("mover")


def position_m(time_s: float) -> Float64[np.ndarray, "2"]:
    """Return x, y of the mover: straight between the places of its way, averaged over a time."""
    window_s = time_s + SMOOTHING_S * np.linspace(-0.5, 0.5, 21)
    at_s, x, y = WAY.T
    return np.array([np.interp(window_s, at_s, x).mean(), np.interp(window_s, at_s, y).mean()])
