"""The furniture of the apartment's rooms."""

from slam.scenes import furniture as f
from slam.scenes.scene import Builder, Material

RUG = Material((120, 44, 48), (226, 190, 140), "pattern", 0.004)
TILES = Material((196, 200, 196), (110, 126, 132), "tiles", 0.003)
CARPET = Material((86, 100, 122), (150, 160, 172), "fabric", 0.004)

# x, y, yaw of the wall, which picture
PICTURES = (
    (1.2, 0.0, 0, 0), (2.6, 0.0, 0, 1), (0.0, 3.6, -90, 2), (5.92, 4.1, 90, 0), (6.08, 3.9, -90, 1),
    (8.0, 4.92, 180, 2),
    (10.08, 4.0, -90, 0), (13.9, 4.92, 180, 1), (11.0, 4.92, 180, 2),
    (7.58, 5.9, -90, 1), (14.0, 5.08, 0, 0), (10.3, 5.08, 0, 2),
    (0.0, 8.6, -90, 1), (7.42, 9.0, 90, 0), (4.7, 5.08, 0, 2), (1.4, 4.92, 180, 0),
)  # fmt: skip


def living(b: Builder) -> None:
    """x 0..6, y 0..5."""
    b.box(3.0, 2.5, 0.0, (2.2, 1.7, 0.012), RUG, 3.0)
    f.table(b.at(3.0, 2.2, 5.0), 1.0, 0.55, 0.42, f.WALNUT)
    b.box(2.8, 2.5, 0.42, (0.3, 0.22, 0.04), f.BOOKS[3], 20.0)
    f.vase(b.at(3.2, 2.5, 0, 0.42), 0.24, f.YELLOW)
    f.sofa(b.at(1.9, 0.02), 2.2)
    f.floor_lamp(b.at(0.4, 0.4))
    f.shelf(b.at(4.2, 0.0), 1.4, 2.05, 5)
    f.plant(b.at(5.5, 0.5))
    f.window(b.at(0, 2.4, -90), 1.4)
    b.box(0.2, 2.4, 0.0, (0.36, 1.2, 0.45), f.OAK)
    f.cupboard(b.at(0.9, 4.9, 180), 1.4, 0.42, 0.8)
    f.vase(b.at(0.6, 4.7, 0, 0.8), 0.3)
    b.box(1.2, 4.7, 0.8, (0.34, 0.2, 0.24), f.BOOKS[1], 8.0)
    f.cupboard(b.at(4.7, 4.92, 180), 1.6, 0.42, 0.55, f.WALNUT)
    b.box(4.7, 4.72, 0.6, (1.2, 0.04, 0.66), f.SCREEN)
    b.box(4.7, 4.72, 0.55, (0.3, 0.2, 0.05), f.BLACK)
    f.chair(b.at(5.6, 1.35, 70), f.OAK, f.BLUE)


def kitchen(b: Builder) -> None:
    """x 6..10, y 0..5."""
    b.box(8.0, 2.5, 0.0, (3.8, 4.8, 0.008), TILES)
    f.kitchen_unit(b.at(7.7, 0.01), 3.0)
    b.box(9.55, 0.34, 0.0, (0.64, 0.66, 1.85), f.STEEL)
    b.box(9.26, 0.69, 0.9, (0.03, 0.04, 0.5), f.BLACK)
    b.box(9.55, 0.67, 0.64, (0.6, 0.02, 0.015), f.BLACK)
    f.table(b.at(8.2, 4.0), 1.2, 0.75, 0.75)
    f.vase(b.at(8.3, 4.35, 0, 0.75), 0.22, f.GREEN)
    b.cylinder(7.9, 4.3, 0.75, 0.12, 0.05, f.BLUE)
    b.box(8.55, 4.5, 0.75, (0.25, 0.18, 0.06), f.RED, 25.0)
    f.chair(b.at(7.3, 4.4, -85))
    f.chair(b.at(9.15, 4.35, 95))
    f.shelf(b.at(6.1, 1.2, -90), 0.7, 1.9, 5, f.OAK)
    f.cupboard(b.at(9.9, 4.1, 90), 0.9, 0.36, 1.1, f.WHITE)
    f.vase(b.at(9.72, 4.2, 0, 1.1), 0.24, f.RED)


def bedroom(b: Builder) -> None:
    """x 10..15, y 0..5."""
    b.box(12.4, 2.6, 0.0, (2.4, 1.8, 0.014), CARPET, -4.0)
    f.bed(b.at(14.98, 2.5, 90), 1.5)
    for y in (1.4, 3.6):
        f.cupboard(b.at(14.98, y, 90), 0.45, 0.38, 0.5, f.WALNUT, doors=1)
        f.floor_lamp(b.at(14.8, y, 0, 0.5), 0.5)
    f.window(b.at(12.4, 0.0), 1.4, f.BLUE)
    f.cupboard(b.at(10.7, 0.02), 1.1, 0.55, 2.05, f.WHITE)
    f.chair(b.at(14.2, 0.25), f.WALNUT, f.YELLOW)
    f.cupboard(b.at(10.9, 4.9, 180), 1.3, 0.45, 0.85, f.OAK, doors=3)
    b.box(10.6, 4.7, 0.85, (0.3, 0.2, 0.2), f.BOOKS[2], 12.0)
    f.vase(b.at(11.2, 4.7, 0, 0.85), 0.28, f.BLUE)
    f.plant(b.at(14.5, 4.5), 1.5)


def study(b: Builder) -> None:
    """x 7.5..15, y 5..10."""
    b.box(11.6, 7.5, 0.0, (2.2, 1.6, 0.014), RUG, 8.0)
    f.desk(b.at(12.2, 9.98, 180), 1.6)
    f.chair(b.at(12.3, 8.98, 5), f.OAK, f.GREEN)
    for y in (6.2, 7.5, 8.8):
        f.shelf(b.at(14.98, y, 90), 1.2, 2.05, 5, f.WALNUT if y < 8 else f.OAK)
    f.window(b.at(9.6, 9.99, 180), 1.3, f.GREEN)
    f.sofa(b.at(9.2, 5.1), 1.8, f.RED)
    f.cupboard(b.at(7.6, 9.0, -90), 1.2, 0.42, 0.85)
    b.sphere(7.8, 8.8, 0.85, 0.12, f.BLUE)
    b.box(7.8, 9.3, 0.85, (0.22, 0.34, 0.25), f.BOOKS[0])
    f.cupboard(b.at(14.0, 5.1), 1.0, 0.4, 0.75, f.WHITE)
    b.box(14.0, 5.3, 0.75, (0.5, 0.3, 0.2), f.BLACK)
    f.plant(b.at(13.9, 9.5), 1.4)
    f.floor_lamp(b.at(10.7, 9.6))
    f.table(b.at(9.3, 8.4), 0.7, 0.7, 0.5, f.WALNUT)
    b.box(9.3, 8.75, 0.5, (0.4, 0.3, 0.04), f.BOOKS[1], 30.0)


def dining(b: Builder) -> None:
    """x 0..7.5, y 5..10."""
    table = b.at(2.05, 7.5)
    f.table(table.at(0, -0.45), 1.6, 0.9, 0.75, f.WALNUT)
    for x in (-0.4, 0.4):
        f.chair(table.at(x, -0.78, 3.0), f.WALNUT)
        f.chair(table.at(x, 0.78, 178.0), f.WALNUT)
    f.vase(table.at(0, 0, 0, 0.75), 0.2, f.GREEN)
    for k, (x, y) in enumerate(((-0.5, -0.25), (0.45, -0.2), (-0.45, 0.25), (0.4, 0.2))):
        table.cylinder(x, y, 0.75, 0.12, 0.012, f.WHITE)
        table.cylinder(x + 0.17, y, 0.75, 0.03, 0.1, (f.BLUE, f.RED, f.YELLOW, f.GREEN)[k])
    b.box(4.5, 7.6, 0.0, (1.9, 1.5, 0.014), CARPET, 10.0)
    f.cupboard(b.at(0.02, 7.5, -90), 1.8, 0.45, 0.9, f.OAK, doors=4)
    f.vase(b.at(0.25, 7.0, 0, 0.9), 0.34)
    b.box(0.25, 7.8, 0.9, (0.2, 0.5, 0.18), f.BOOKS[2], 4.0)
    f.window(b.at(3.4, 9.99, 180), 1.6, f.YELLOW)
    f.shelf(b.at(1.2, 9.98, 180), 1.3, 2.05, 5, f.OAK)
    f.plant(b.at(5.3, 9.5), 1.6)
    f.sofa(b.at(6.2, 9.96, 180), 1.7, f.GREEN)
    f.shelf(b.at(6.4, 5.1), 1.3, 1.6, 4)
    f.cupboard(b.at(1.0, 5.1), 1.2, 0.42, 1.2, f.WHITE)
    f.floor_lamp(b.at(0.35, 9.0))
    f.chair(b.at(4.9, 5.25), f.OAK, f.BLUE)
