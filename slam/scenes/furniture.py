"""Furniture for the scenes.

Each piece stands in its builder's frame: the origin on the floor at the middle of its back, its
front towards +y.
"""

from slam.scenes.scene import Builder, Material

OAK = Material((176, 128, 78), (118, 76, 38), "wood", 0.0025)
WALNUT = Material((104, 66, 40), (58, 34, 20), "wood", 0.0025)
WHITE = Material((226, 224, 216), (170, 166, 156), "plaster", 0.002)
STEEL = Material((150, 154, 160), (90, 94, 102), "plaster", 0.0015)
BLACK = Material((42, 42, 46), (84, 84, 90), "plaster", 0.0015)
BLUE = Material((52, 84, 140), (126, 158, 206), "fabric", 0.0025)
RED = Material((150, 48, 44), (222, 136, 112), "fabric", 0.0025)
GREEN = Material((48, 104, 62), (128, 176, 108), "pattern", 0.002)
CREAM = Material((222, 206, 172), (164, 138, 98), "fabric", 0.003)
GREY = Material((120, 120, 126), (66, 68, 78), "fabric", 0.0025)
YELLOW = Material((226, 178, 62), (160, 104, 30), "pattern", 0.002)
TERRACOTTA = Material((190, 106, 70), (126, 62, 40), "plaster", 0.002)
SCREEN = Material((28, 40, 66), (150, 190, 220), "picture", 0.002)
SKY = Material((150, 190, 230), (236, 244, 250), "picture", 0.005)
LEAF = Material((38, 92, 40), (120, 170, 70), "pattern", 0.0012)
BOOKS = (
    Material((60, 30, 26), (214, 120, 84), "books", 0.0025),
    Material((24, 44, 78), (150, 190, 220), "books", 0.0025),
    Material((30, 62, 38), (206, 204, 130), "books", 0.0025),
    Material((70, 58, 44), (236, 222, 190), "books", 0.0025),
)
ART = (
    Material((40, 60, 110), (240, 210, 130), "picture", 0.002),
    Material((120, 40, 50), (230, 226, 206), "picture", 0.0016),
    Material((30, 80, 70), (240, 180, 120), "picture", 0.0025),
)


def legs(b: Builder, width: float, depth: float, height: float, thick: float, m: Material) -> None:
    """Four square legs, flush with the corners, the back pair at y = 0."""
    for x in (-(width - thick) / 2, (width - thick) / 2):
        for y in (thick / 2, depth - thick / 2):
            b.box(x, y, 0.0, (thick, thick, height), m)


def table(b: Builder, width: float, depth: float, height: float, m: Material = OAK) -> None:
    """A table with a 3 cm top and an apron."""
    b.box(0, depth / 2, height - 0.03, (width, depth, 0.03), m)
    b.box(0, depth / 2, height - 0.09, (width - 0.1, depth - 0.1, 0.06), m)
    legs(b.at(0, 0.02), width - 0.04, depth - 0.04, height - 0.03, 0.05, m)


def chair(b: Builder, m: Material = OAK, cushion: Material = RED) -> None:
    """A chair with a slatted back."""
    legs(b, 0.42, 0.42, 0.43, 0.035, m)
    b.box(0, 0.21, 0.43, (0.44, 0.44, 0.03), m)
    b.box(0, 0.22, 0.46, (0.38, 0.38, 0.035), cushion)
    for x in (-0.19, -0.065, 0.065, 0.19):
        b.box(x, 0.015, 0.46, (0.03, 0.025, 0.36), m)
    b.box(0, 0.015, 0.82, (0.44, 0.03, 0.12), m)


def sofa(b: Builder, width: float = 2.0, m: Material = BLUE) -> None:
    """A sofa with arm rests, seat and back cushions."""
    b.box(0, 0.42, 0.08, (width, 0.8, 0.22), m)
    b.box(0, 0.1, 0.3, (width, 0.16, 0.5), m)
    for side in (-1, 1):
        b.box(side * (width / 2 - 0.09), 0.45, 0.3, (0.18, 0.78, 0.28), m)
        b.box(side * (width / 4 - 0.05), 0.48, 0.3, (width / 2 - 0.22, 0.66, 0.14), GREY)
        b.box(side * (width / 4 - 0.05), 0.26, 0.44, (width / 2 - 0.3, 0.14, 0.36), GREY)
        b.box(side * (width / 2 - 0.4), 0.42, 0.44, (0.36, 0.12, 0.34), YELLOW, side * 14.0)
        b.cylinder(side * (width / 2 - 0.1), 0.72, 0.0, 0.03, 0.08, WALNUT)
        b.cylinder(side * (width / 2 - 0.1), 0.12, 0.0, 0.03, 0.08, WALNUT)


def bed(b: Builder, width: float = 1.4, m: Material = WALNUT, cover: Material = CREAM) -> None:
    """A bed, its head at the wall."""
    b.box(0, 0.04, 0.0, (width + 0.1, 0.06, 0.95), m)
    legs(b.at(0, 0.07), width, 1.96, 0.18, 0.08, m)
    b.box(0, 1.05, 0.18, (width, 1.96, 0.14), m)
    b.box(0, 1.05, 0.32, (width - 0.04, 1.92, 0.18), WHITE)
    b.box(0, 1.34, 0.46, (width + 0.02, 1.32, 0.08), cover)
    b.box(0, 1.86, 0.535, (width - 0.1, 0.3, 0.06), BLUE, 2.0)
    for x in (-width / 4, width / 4):
        b.box(x, 0.3, 0.5, (width / 2 - 0.12, 0.38, 0.12), GREY, 5.0 if x > 0 else -4.0)


def shelf(b: Builder, width: float, height: float, num_boards: int, m: Material = WALNUT) -> None:
    """Open shelves, 30 cm deep, with books, vases and boxes on them."""
    for x in (-width / 2 + 0.01, width / 2 - 0.01):
        b.box(x, 0.15, 0.0, (0.02, 0.3, height), m)
    b.box(0, 0.005, 0.0, (width - 0.04, 0.01, height), m)
    gap = (height - 0.02) / num_boards
    for k in range(num_boards + 1):
        b.box(0, 0.155, k * gap, (width - 0.04, 0.29, 0.02), m)
    for k in range(num_boards):
        _fill_board(b.at(0, 0, 0, k * gap + 0.02), width - 0.08, gap - 0.02, k)


def _fill_board(b: Builder, width: float, room: float, k: int) -> None:
    """Two rows of books and a thing or two between them, different on each board."""
    share = 0.3 + 0.07 * (k % 3)
    left, right = width * share, width * (0.68 - share)
    tall = min(0.27, room - 0.05)
    b.box(-width / 2 + left / 2, 0.14, 0.0, (left, 0.2, tall), BOOKS[k % 4])
    b.box(width / 2 - right / 2, 0.13, 0.0, (right, 0.18, tall * 0.85), BOOKS[(k + 1) % 4])
    middle = -width / 2 + left + 0.16 * width
    if k % 3 == 0:
        vase(b.at(middle, 0.15), min(tall, 0.22))
    elif k % 3 == 1:
        b.sphere(middle, 0.15, 0.0, min(0.08, width * 0.1), YELLOW)
    else:
        b.box(middle, 0.16, 0.0, (0.2 * width, 0.16, tall * 0.5), RED, 12.0)


def cupboard(
    b: Builder, width: float, depth: float, height: float, m: Material = OAK, doors: int = 2
) -> None:
    """A cupboard with raised doors, handles and a plinth."""
    b.box(0, depth / 2 - 0.01, 0.0, (width - 0.06, depth - 0.06, 0.08), BLACK)
    b.box(0, depth / 2, 0.08, (width, depth, height - 0.08), m)
    panel = width / doors
    for k in range(doors):
        x = -width / 2 + (k + 0.5) * panel
        b.box(x, depth, 0.11, (panel - 0.03, 0.036, height - 0.15), m)
        handle_x = x + (0.38 if k % 2 == 0 else -0.38) * panel
        b.box(handle_x, depth + 0.03, height * 0.5, (0.02, 0.03, 0.14), STEEL)


def vase(b: Builder, height: float = 0.25, m: Material = TERRACOTTA) -> None:
    """A vase round the origin."""
    b.sphere(0, 0, 0.0, height * 0.3, m)
    b.cylinder(0, 0, height * 0.45, height * 0.13, height * 0.55, m)


def plant(b: Builder, height: float = 1.3) -> None:
    """A potted plant round the origin."""
    b.cylinder(0, 0, 0.0, 0.16, 0.32, TERRACOTTA)
    b.cylinder(0, 0, 0.32, 0.018, height - 0.6, OAK)
    for x, y, z, radius in (
        (0.0, 0.0, 0.28, 0.2),
        (0.12, 0.05, 0.45, 0.14),
        (-0.11, 0.07, 0.5, 0.15),
        (0.02, -0.12, 0.55, 0.13),
    ):
        b.sphere(x, y, height - z - radius + 0.1, radius, LEAF)


def floor_lamp(b: Builder, height: float = 1.65) -> None:
    """A floor lamp round the origin."""
    b.cylinder(0, 0, 0.0, 0.15, 0.025, BLACK)
    b.cylinder(0, 0, 0.025, 0.014, height - 0.2, STEEL)
    b.cylinder(0, 0, height - 0.28, 0.18, 0.28, CREAM)


def picture(b: Builder, width: float, height: float, bottom: float, art: Material) -> None:
    """A framed picture on the wall."""
    b.box(0, 0.015, bottom, (width, 0.03, height), WALNUT)
    b.box(0, 0.02, bottom + 0.04, (width - 0.08, 0.03, height - 0.08), art)


def window(b: Builder, width: float = 1.3, curtains: Material = RED) -> None:
    """A closed window with a sill, a cross, a rod and curtains in folds."""
    b.box(0, 0.01, 0.9, (width, 0.03, 1.2), WHITE)
    for x in (-width / 4, width / 4):
        b.box(x, 0.015, 0.96, (width / 2 - 0.09, 0.03, 1.08), SKY)
    b.box(0, 0.09, 0.86, (width + 0.15, 0.18, 0.04), WHITE)
    b.box(0, 0.1, 2.2, (width + 0.7, 0.025, 0.025), STEEL)
    for side in (-1, 1):
        for fold in range(4):
            x = side * (width / 2 + 0.02 + 0.075 * fold)
            b.cylinder(x, 0.1 + 0.015 * (fold % 2), 0.06, 0.045, 2.14, curtains)


def desk(b: Builder, width: float = 1.4) -> None:
    """A desk with a monitor, a keyboard, a mug, papers and a lamp."""
    table(b, width, 0.65, 0.74, WHITE)
    b.box(0, 0.22, 0.74, (0.24, 0.18, 0.012), BLACK)
    b.box(0, 0.18, 0.752, (0.05, 0.03, 0.12), BLACK)
    b.box(0, 0.2, 0.86, (0.62, 0.03, 0.36), BLACK)
    b.box(0, 0.205, 0.875, (0.58, 0.03, 0.33), SCREEN)
    b.box(-0.03, 0.46, 0.74, (0.44, 0.14, 0.02), STEEL, 3.0)
    b.cylinder(0.4, 0.45, 0.74, 0.04, 0.1, RED)
    b.box(-0.47, 0.4, 0.74, (0.22, 0.3, 0.03), BOOKS[3], 14.0)
    b.box(-0.46, 0.39, 0.77, (0.2, 0.27, 0.025), BOOKS[0], 4.0)
    b.cylinder(0.52, 0.16, 0.74, 0.08, 0.02, BLACK)
    b.cylinder(0.52, 0.16, 0.76, 0.01, 0.36, STEEL)
    b.sphere(0.52, 0.16, 1.08, 0.09, YELLOW)


def kitchen_unit(b: Builder, width: float = 2.4) -> None:
    """Base cupboards with a worktop and things on it, wall cupboards above."""
    cupboard(b, width, 0.58, 0.88, CREAM, doors=int(width / 0.55))
    b.box(0, 0.31, 0.88, (width + 0.02, 0.64, 0.04), BLACK)
    cupboard(b.at(0, 0, 0, 1.45), width, 0.34, 0.7, CREAM, doors=int(width / 0.55))
    b.box(
        0,
        0.006,
        0.92,
        (width, 0.012, 0.53),
        Material((210, 220, 214), (90, 140, 150), "tiles", 0.0015),
    )
    for k, x in enumerate((-0.42, -0.28, -0.05, 0.22, 0.4)):
        jar = (RED, STEEL, YELLOW, GREEN, TERRACOTTA)[k]
        radius, height = 0.05 + 0.012 * (k % 3), 0.14 + 0.05 * (k % 3)
        b.cylinder(x * width, 0.22 + 0.05 * (k % 2), 0.92, radius, height, jar)
    b.box(0.1 * width, 0.42, 0.92, (0.36, 0.24, 0.02), OAK, 10.0)
    b.box(0.44 * width, 0.3, 0.92, (0.24, 0.3, 0.2), STEEL)
