"""Floors, ceilings, walls with door openings, skirting."""

from slam.scenes.furniture import OAK, WHITE
from slam.scenes.scene import Builder, Material

HEIGHT_M, DOOR_HEIGHT_M, SKIRTING_M = 2.5, 2.1, 0.09
FLOOR = Material((170, 120, 74), (104, 66, 36), "wood", 0.004)
CEILING = Material((232, 230, 222), (172, 168, 156), "plaster", 0.005)


def floor_and_ceiling(b: Builder, width: float, depth: float, floor: Material = FLOOR) -> None:
    """Slabs below and above the rectangle from the origin to (width, depth)."""
    b.box(width / 2, depth / 2, -0.1, (width, depth, 0.1), floor)
    b.box(width / 2, depth / 2, HEIGHT_M, (width, depth, 0.1), CEILING)


def wall(
    b: Builder,
    length: float,
    thick: float,
    material: Material,
    doors: tuple[float, ...] = (),
    door_width: float = 1.0,
) -> None:
    """A wall from the origin along +x, its middle at y = 0, with openings centred at `doors`."""
    start = 0.0
    for door in (*doors, length + door_width / 2):
        end = door - door_width / 2
        middle = (start + end) / 2
        b.box(middle, 0, 0, (end - start, thick, HEIGHT_M), material)
        b.box(middle, 0, 0, (end - start, thick + 0.03, SKIRTING_M), WHITE)
        start = door + door_width / 2
    for door in doors:
        lintel = HEIGHT_M - DOOR_HEIGHT_M
        b.box(door, 0, DOOR_HEIGHT_M, (door_width, thick, lintel), material)
        b.box(door, 0, DOOR_HEIGHT_M, (door_width + 0.12, thick + 0.03, 0.06), OAK)
        for side in (-1, 1):
            x = door + side * (door_width / 2 + 0.03)
            b.box(x, 0, 0, (0.06, thick + 0.04, DOOR_HEIGHT_M), OAK)


def closed_door(b: Builder) -> None:
    """A closed door on a wall's face at y = 0: frame, leaf, panels and handle."""
    b.box(0, 0.02, 0, (1.0, 0.04, 2.08), WHITE)
    b.box(0, 0.03, 0.01, (0.86, 0.05, 2.0), OAK)
    for z, height in ((0.15, 0.75), (1.05, 0.8)):
        b.box(0, 0.035, z, (0.62, 0.05, height), WHITE)
    b.box(0.36, 0.07, 1.0, (0.025, 0.06, 0.025), OAK)
    b.box(0.31, 0.1, 1.0, (0.12, 0.02, 0.025), OAK)
