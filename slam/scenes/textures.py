"""Periodic grey textures: black shows a solid's base colour, white its accent colour."""

from functools import cache

import numpy as np
from jaxtyping import Float, UInt32

from kernels.scene import TEXTURE_SIZE

Image = Float[np.ndarray, "size size"]

NAMES = ("plaster", "wood", "fabric", "tiles", "books", "picture", "pattern", "plain")


@cache
def texture_pyramids() -> UInt32[np.ndarray, "k t"]:
    """Return the textures in the order of `NAMES`, as `kernels.scene` takes them."""
    rng = np.random.default_rng(20)
    make = {
        "plaster": _plaster,
        "wood": _wood,
        "fabric": _fabric,
        "tiles": _tiles,
        "books": _books,
        "picture": _picture,
        "pattern": _pattern,
        "plain": _plain,
    }
    return np.stack([_pyramid(make[name](rng)) for name in NAMES])


def _pyramid(image: Image) -> UInt32[np.ndarray, "t"]:
    level = np.clip(image, 0.0, 1.0) * 255.0
    levels = []
    while True:
        texels = np.round(level).astype(np.uint32)
        right, below = np.roll(texels, -1, axis=1), np.roll(texels, -1, axis=0)
        corner = np.roll(below, -1, axis=1)
        levels.append((texels | right << 8 | below << 16 | corner << 24).ravel())
        if level.shape[0] == 1:
            return np.concatenate(levels)
        level = (level[::2, ::2] + level[1::2, ::2] + level[::2, 1::2] + level[1::2, 1::2]) / 4.0


def _fractal(rng: np.random.Generator, slope: float, stretch: float = 1.0) -> Image:
    """Return noise of mean 0.5, its amplitude as frequency^-slope, lengthened along rows."""
    fv = np.fft.fftfreq(TEXTURE_SIZE)[:, None] * TEXTURE_SIZE
    fu = np.fft.rfftfreq(TEXTURE_SIZE)[None, :] * TEXTURE_SIZE * stretch
    frequency = np.maximum(np.hypot(fu, fv), 3.0)  # nothing longer than a third of the tile
    spectrum = np.fft.rfft2(rng.standard_normal((TEXTURE_SIZE, TEXTURE_SIZE))) / frequency**slope
    spectrum[0, 0] = 0.0
    noise = np.fft.irfft2(spectrum, s=(TEXTURE_SIZE, TEXTURE_SIZE))
    return 0.5 + 0.22 * noise / noise.std()


Place = tuple[np.ndarray, ...]  # indices of rows and of columns


def _square(u: int, v: int, width: int, height: int) -> Place:
    """Return the texels of a rectangle, round the edges of the tile."""
    return np.ix_((v + np.arange(height)) % TEXTURE_SIZE, (u + np.arange(width)) % TEXTURE_SIZE)


def _disc(u: float, v: float, reach: float) -> tuple[Place, Float[np.ndarray, "h w"]]:
    """Return the texels about a centre, at least to a distance, and how far they are from it."""
    size, half = 2 * int(reach) + 4, TEXTURE_SIZE / 2
    rows, columns = place = _square(int(u) - size // 2 + 1, int(v) - size // 2 + 1, size, size)
    du, dv = (
        (texel - center + half) % TEXTURE_SIZE - half for texel, center in ((columns, u), (rows, v))
    )
    return place, np.hypot(du, dv)


def _plaster(rng: np.random.Generator) -> Image:
    image = _fractal(rng, 1.15)
    for _ in range(140):  # stains and chips, which give corners to track
        (u, v), radius = rng.uniform(0, TEXTURE_SIZE, 2), rng.uniform(1.5, 7.0)
        place, distance = _disc(u, v, radius)
        image[place] += (distance < radius) * rng.choice([-0.35, 0.35])
    return image


def _wood(rng: np.random.Generator) -> Image:
    grain = _fractal(rng, 0.9, stretch=9.0)
    plank = np.arange(TEXTURE_SIZE) // 32
    shade = rng.uniform(-0.25, 0.25, TEXTURE_SIZE // 32)[plank][:, None]
    start = rng.integers(0, TEXTURE_SIZE, TEXTURE_SIZE // 32)[plank][:, None]
    ends = (np.arange(TEXTURE_SIZE)[None, :] - start) % 256 < 2
    seams = (np.arange(TEXTURE_SIZE) % 32 < 2)[:, None]
    return np.where(seams | ends, 0.05, grain + shade)


def _fabric(rng: np.random.Generator) -> Image:
    v, u = np.mgrid[:TEXTURE_SIZE, :TEXTURE_SIZE]
    weave = 0.12 * np.where((u // 4 + v // 4) % 2 == 0, 1.0, -1.0)
    bands = 0.22 * np.sign(np.sin(u * (2 * np.pi * 8 / TEXTURE_SIZE)) + 0.6)
    return _fractal(rng, 0.8) + weave + bands


def _tiles(rng: np.random.Generator) -> Image:
    v, u = np.mgrid[:TEXTURE_SIZE, :TEXTURE_SIZE]
    value = rng.uniform(0.2, 0.9, (8, 8))[v // 64, u // 64]
    grout = (u % 64 < 3) | (v % 64 < 3)
    return np.where(grout, 0.0, value + 0.8 * (_fractal(rng, 1.0) - 0.5))


def _books(rng: np.random.Generator) -> Image:
    image = np.zeros((TEXTURE_SIZE, TEXTURE_SIZE))
    u = 0
    while u < TEXTURE_SIZE:
        thickness = min(int(rng.integers(7, 17)), TEXTURE_SIZE - u)
        image[:, u : u + thickness] = rng.uniform(0.15, 1.0)
        for _ in range(int(rng.integers(8, 16))):  # titles
            v, length = int(rng.integers(0, TEXTURE_SIZE)), int(rng.integers(6, 28))
            image[v : v + length, u + 2 : u + thickness - 2] = rng.uniform(0.0, 1.0)
        image[:, u] = 0.0
        u += thickness
    return image + 0.5 * (_fractal(rng, 0.8) - 0.5)


def _picture(rng: np.random.Generator) -> Image:
    image = _fractal(rng, 1.3)
    for _ in range(260):
        u, v = rng.integers(0, TEXTURE_SIZE, 2)
        width, height = rng.integers(6, 70, 2)
        if rng.random() < 0.5:
            place, distance = _disc(u + width / 2, v + width / 2, width / 2)
            is_in = distance < width / 2
        else:
            place, is_in = _square(int(u), int(v), int(width), int(height)), True
        image[place] = np.where(is_in, 0.35 * image[place] + 0.65 * rng.random(), image[place])
    return image


def _pattern(rng: np.random.Generator) -> Image:
    image = _fractal(rng, 1.0) * 0.7
    for _ in range(130):
        (u, v), radius = rng.uniform(0, TEXTURE_SIZE, 2), rng.uniform(4.0, 22.0)
        place, distance = _disc(u, v, radius + 1.2)
        part = np.where(distance < radius, 0.3 * image[place] + rng.uniform(0.1, 0.8), image[place])
        image[place] = np.where(np.abs(distance - radius) < 1.2, 0.0, part)
    return image


def _plain(rng: np.random.Generator) -> Image:
    """Return what paint and lacquer look like: nothing that a camera could match."""
    return 0.5 + 0.06 * (_fractal(rng, 1.6) - 0.5)
