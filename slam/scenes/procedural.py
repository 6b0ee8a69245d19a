"""Random furnished rooms: endless scenes to learn shapes from."""

import numpy as np

from slam.scenes import furniture as f
from slam.scenes.scene import Builder, Material, Scene

WALL_M = 0.2
MATERIALS = (f.OAK, f.WALNUT, f.WHITE, f.STEEL, f.BLUE, f.RED, f.GREEN, f.YELLOW, f.TERRACOTTA)


def random_room(seed: int | tuple[int, ...]) -> Scene:
    """Build a room of 3 to 8 m, 2.3 to 3 m high; one corner of its floor is the origin.

    Furniture stands along the walls and in the middle, and simple solids are strewn over it. They
    may overlap, as things pushed against each other do.
    """
    rng = np.random.default_rng(seed)
    width, depth, height = rng.uniform(3, 8), rng.uniform(3, 8), rng.uniform(2.3, 3.0)
    b = Builder()
    _shell(b, width, depth, height)
    corners = ((0, 0, width, 0), (width, 0, depth, 90), (width, depth, width, 180))
    for x, y, length, yaw_deg in (*corners, (0, depth, depth, 270)):
        _along_wall(b.at(x, y, yaw_deg), length, rng)
    for _ in range(int(width * depth / 8)):
        x, y = rng.uniform(1, width - 1), rng.uniform(1, depth - 1)
        _piece(b.at(x, y, rng.uniform(0, 360)), rng)
    for _ in range(int(rng.integers(15, 40))):
        x, y, z = rng.uniform(0, width), rng.uniform(0, depth), rng.uniform(0, height - 0.2)
        _solid(b.at(x, y, z=z * float(rng.random() < 0.7)), rng)
    return b.build("procedural")


def _shell(b: Builder, width: float, depth: float, height: float) -> None:
    """Closed floor, ceiling and walls, whose inner faces bound the room."""
    size = (width + 2 * WALL_M, depth + 2 * WALL_M, WALL_M)
    for z in (-WALL_M, height):
        b.box(width / 2, depth / 2, z, size, f.WHITE)
    for x in (-WALL_M / 2, width + WALL_M / 2):
        b.box(x, depth / 2, 0, (WALL_M, depth, height), f.WHITE)
    for y in (-WALL_M / 2, depth + WALL_M / 2):
        b.box(width / 2, y, 0, (width + 2 * WALL_M, WALL_M, height), f.WHITE)


def _along_wall(b: Builder, length: float, rng: np.random.Generator) -> None:
    """Pieces side by side, their backs to the wall along +x of the builder's frame."""
    x = rng.uniform(0.5, 1.0)
    while x < length - 0.7:
        _piece(b.at(x, rng.uniform(0.0, 0.1), rng.normal(0, 3)), rng)
        x += rng.uniform(0.8, 2.4)


def _piece(b: Builder, rng: np.random.Generator) -> None:
    """One piece of furniture of a random kind and size."""
    width, height = rng.uniform(0.5, 1.6), rng.uniform(0.4, 1.0)
    kinds = (
        lambda: f.table(b, width, rng.uniform(0.4, 0.9), height),
        lambda: f.chair(b),
        lambda: f.sofa(b, rng.uniform(1.4, 2.4)),
        lambda: f.bed(b, rng.uniform(0.9, 1.6)),
        lambda: f.shelf(b, width, rng.uniform(0.8, 2.2), int(rng.integers(2, 7))),
        lambda: f.cupboard(b, width, rng.uniform(0.3, 0.6), 2 * height),
        lambda: f.plant(b, rng.uniform(0.8, 1.6)),
        lambda: f.floor_lamp(b, rng.uniform(1.3, 1.8)),
        lambda: f.picture(b, width, height, rng.uniform(0.9, 1.3), f.ART[0]),
        lambda: f.window(b, rng.uniform(0.8, 1.6)),
        lambda: f.desk(b, rng.uniform(1.2, 1.8)),
        lambda: f.kitchen_unit(b, rng.uniform(1.2, 2.8)),
        lambda: f.vase(b, rng.uniform(0.15, 0.5)),
    )
    kinds[int(rng.integers(len(kinds)))]()


def _solid(b: Builder, rng: np.random.Generator) -> None:
    """One box, cylinder or sphere, often thin: sizes of 1 cm to 1 m, small ones as likely."""
    size = np.exp(rng.uniform(np.log(0.01), np.log(1.0), 3))
    material: Material = MATERIALS[int(rng.integers(len(MATERIALS)))]
    kind = rng.random()
    if kind < 0.6:
        b.box(0, 0, 0, (float(size[0]), float(size[1]), float(size[2])), material, 360 * kind)
    elif kind < 0.85:
        b.cylinder(0, 0, 0, float(size[0]) / 2, float(size[1]), material)
    else:
        b.sphere(0, 0, 0, float(max(size)) / 3, material)
