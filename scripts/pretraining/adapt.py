"""What mapping does with fresh features: steps of Adam on random samples, decoders frozen.

The steps are plain differentiable arithmetic, so that the error after them has a gradient by the
decoder's weights.
"""

from dataclasses import dataclass, field

import torch

from pretraining.field import Decoder, Grid
from slam.maps.neural.decoders import CHANNELS

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
TINY = 1e-20  # keeps the root differentiable at zero


@dataclass
class Adam:
    """The optimiser's moments, and the steps taken."""

    first: torch.Tensor | float = 0.0
    second: torch.Tensor | float = 0.0
    num_steps: int = 0

    def change(self, gradient: torch.Tensor, rate: float) -> torch.Tensor:
        """Return what to add to the features; scaling the loss does not change it."""
        self.num_steps += 1
        self.first = BETA1 * self.first + (1 - BETA1) * gradient
        self.second = BETA2 * self.second + (1 - BETA2) * gradient**2
        mean = self.first / (1 - BETA1**self.num_steps)
        spread = (self.second / (1 - BETA2**self.num_steps) + TINY).sqrt()
        return -rate * mean / (spread + EPSILON)


@dataclass
class Features:
    """One level's features while they adapt to a batch of crops."""

    grid: Grid
    decoder: Decoder
    values: torch.Tensor  # (vertices, 4)
    adam: Adam = field(default_factory=Adam)

    @staticmethod
    def fresh(
        grid: Grid, decoder: Decoder, spread: float, generator: torch.Generator
    ) -> "Features":
        """Draw features of a new map from N(0, spread)."""
        values = spread * torch.randn(grid.num_vertices, CHANNELS, generator=generator)
        return Features(grid, decoder, values)

    def at(self, points: torch.Tensor) -> torch.Tensor:
        """Interpolate the features."""
        return self.grid.interpolate(self.values, points)

    def read(self, points: torch.Tensor, middle: torch.Tensor | None = None) -> torch.Tensor:
        """Decode at points."""
        return self.decoder(self.at(points), middle)[0]

    def step(
        self,
        points: torch.Tensor,
        target: torch.Tensor,
        rate: float,
        middle: torch.Tensor | None = None,
    ) -> None:
        """Take one step towards less squared error on samples."""
        values, gradients = self.decoder(self.at(points), middle)
        # Times 1, not 1 / n: Adam does not see it, and EPSILON stays small beside the gradients.
        slope = self.grid.scatter((values - target)[:, None] * gradients, points)
        self.values = self.values + self.adam.change(slope, rate)
