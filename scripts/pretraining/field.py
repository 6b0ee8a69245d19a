"""The feature grids of a batch of crops and the decoders that read them, in torch."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numba import njit

from slam.maps.neural.decoders import CHANNELS, HIDDEN

Weights = dict[str, torch.Tensor]
NAMES = ("middle", "fine")


@dataclass(frozen=True)
class Level:
    """Vertices of a level: how far apart, and the distance that is 1 in its units."""

    spacing_m: float
    truncation_m: float


LEVELS = {
    "middle": Level(spacing_m=0.12, truncation_m=0.12),
    "fine": Level(spacing_m=0.03, truncation_m=0.12),
}


@dataclass(frozen=True)
class Grid:
    """Vertices of one level for a batch of cubes: values are (num_vertices, channels)."""

    num_cubes: int
    size_m: float
    level: Level

    @property
    def edge(self) -> int:
        """How many vertices lie along an edge of a cube."""
        return round(self.size_m / self.level.spacing_m) + 1

    @property
    def num_vertices(self) -> int:
        """How many vertices all cubes have."""
        return self.num_cubes * self.edge**3

    def interpolate(self, values: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Read the values (vertices, c) at points (cubes, n, 3): (cubes * n, c)."""
        return _Interpolate.apply(values, points, self)

    def scatter(self, values: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        """Add values at points to the vertices round them: the transpose of `interpolate`."""
        return _Scatter.apply(values, points, self)


class _Interpolate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, points: torch.Tensor, grid: Grid) -> torch.Tensor:
        ctx.points, ctx.grid = points, grid
        result = torch.empty(points[..., 0].numel(), values.shape[1])
        scale = 1 / grid.level.spacing_m
        arrays = (values.detach().numpy(), points.numpy(), result.numpy())
        _interpolate(*arrays, np.float32(scale), grid.edge)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return ctx.grid.scatter(gradients[0].contiguous(), ctx.points), None, None


class _Scatter(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: torch.Tensor, points: torch.Tensor, grid: Grid) -> torch.Tensor:
        ctx.points, ctx.grid = points, grid
        result = torch.zeros(grid.num_vertices, values.shape[1])
        scale = 1 / grid.level.spacing_m
        arrays = (result.numpy(), points.numpy(), values.detach().numpy())
        _scatter(*arrays, np.float32(scale), grid.edge)
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return ctx.grid.interpolate(gradients[0].contiguous(), ctx.points), None, None


@njit(inline="always")
def _cell(point, scale, edge):
    """Return the cell's lower vertex in its cube, and the point's place in the cell."""
    x, y, z = point[0] * scale, point[1] * scale, point[2] * scale
    i, j, k = min(int(x), edge - 2), min(int(y), edge - 2), min(int(z), edge - 2)
    return (i * edge + j) * edge + k, x - np.float32(i), y - np.float32(j), z - np.float32(k)


@njit(inline="always")
def _corner(corner, first, x, y, z, edge):
    """Return one of the cell's vertices and its trilinear share."""
    one = np.float32(1)
    i, j, k = corner >> 2, (corner >> 1) & 1, corner & 1
    share = (x if i else one - x) * (y if j else one - y) * (z if k else one - z)
    return first + (i * edge + j) * edge + k, share


@njit(cache=True)
def _interpolate(values, points, result, scale, edge):
    num_cubes, n = points.shape[:2]
    for cube in range(num_cubes):
        for s in range(n):
            first, x, y, z = _cell(points[cube, s], scale, edge)
            first += cube * edge**3
            row = cube * n + s
            for c in range(values.shape[1]):
                result[row, c] = 0
            for corner in range(8):
                vertex, share = _corner(corner, first, x, y, z, edge)
                for c in range(values.shape[1]):
                    result[row, c] += share * values[vertex, c]


@njit(cache=True)
def _scatter(result, points, values, scale, edge):
    num_cubes, n = points.shape[:2]
    for cube in range(num_cubes):
        for s in range(n):
            first, x, y, z = _cell(points[cube, s], scale, edge)
            first += cube * edge**3
            for corner in range(8):
                vertex, share = _corner(corner, first, x, y, z, edge)
                for c in range(values.shape[1]):
                    result[vertex, c] += share * values[cube * n + s, c]


@dataclass(frozen=True)
class Decoder:
    """One level's decoder: `slam.maps.neural.decoders` states its formula."""

    w1: torch.Tensor
    w2: torch.Tensor

    def __call__(
        self, phi: torch.Tensor, middle: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return values (n,) and their gradients by the features (n, 4), both differentiable.

        With features of the middle level it is the fine one's residual.
        """
        hidden = phi @ self.w1[:CHANNELS]
        before = torch.zeros(1)
        if middle is not None:
            given = middle @ self.w1[CHANNELS:]
            hidden, before = hidden + given, torch.relu(given) @ self.w2
        is_active = (hidden > 0).float()
        values = phi[:, 0] + ((hidden * is_active) @ self.w2 - before)[:, 0]
        gradients = (is_active * self.w2[:, 0]) @ self.w1[:CHANNELS].T
        return values, gradients + torch.eye(CHANNELS)[0]


def random_weights(seed: int) -> Weights:
    """Draw decoders whose hidden layers about keep the scale of their input.

    Middle features are some 30 times larger than the fine level's residual. A unit that takes both
    alike bends only where the middle ones vanish; so units differ in how much of them they take.
    """
    rng = np.random.default_rng((seed, 0))
    weights = {}
    for name in NAMES:
        inputs = 2 * CHANNELS if name == "fine" else CHANNELS
        weights[f"{name}_w1"] = rng.normal(0, 2 / np.sqrt(inputs), (inputs, HIDDEN))
        weights[f"{name}_w2"] = rng.normal(0, 0.5 / np.sqrt(HIDDEN), (HIDDEN, 1))
    weights["fine_w1"][CHANNELS:] *= np.exp(rng.uniform(np.log(0.01), 0, HIDDEN))
    return {name: torch.tensor(weight, dtype=torch.float32) for name, weight in weights.items()}


def linear_weights() -> Weights:
    """Return decoders without effect: a level's value is its first channel."""
    return {name: torch.zeros_like(weight) for name, weight in random_weights(0).items()}


def decoder_of(weights: Weights, name: str) -> Decoder:
    """Return the decoder of a level."""
    return Decoder(weights[f"{name}_w1"], weights[f"{name}_w2"])
