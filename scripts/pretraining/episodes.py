"""Episodes: fresh features adapt to a batch of crops, as mapping would adapt them.

Distances are in units of the level's truncation here, clipped to [-1, 1].
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from pretraining.adapt import Features
from pretraining.batch import SIZE, Batch
from pretraining.field import Decoder

SPREAD = {"middle": 0.03, "fine": 0.003}  # of fresh features
NOISE = 0.02  # of a fused distance at fine vertices, in truncations


@dataclass(frozen=True)
class Rates:
    """Adam's rates on line, in NICE-SLAM's two stages."""

    middle: float = 0.1
    settled: float = 0.005  # of the middle level while the fine one adapts
    fine: float = 0.01
    num_middle_steps: int = 20
    num_steps: int = 50


def middle_steps(
    batch: Batch, decoder: Decoder, rates: Rates, n: int, generator: torch.Generator
) -> Iterator[Features]:
    """Adapt the middle level to n samples a crop and step; yield it after each."""
    features = Features.fresh(batch.grid("middle"), decoder, SPREAD["middle"], generator)
    for k in range(rates.num_steps):
        seen = batch.draw(n, generator)
        rate = rates.middle if k < rates.num_middle_steps else rates.settled
        features.step(seen.points, seen.target, rate)
        yield features


@dataclass
class FineField:
    """A base and the fine level's residual on it."""

    middle: Features
    fine: Features
    fused: torch.Tensor  # (vertices, 1): noisy distances at the fine level's vertices
    is_fused: torch.Tensor  # (crops,) whether the base of a crop is that, or the middle level

    def read(self, points: torch.Tensor) -> torch.Tensor:
        """Return base plus residual."""
        middle, base = self._base(points)
        return base + self.fine.read(points, middle)

    def step(self, seen: Batch, rate: float) -> None:
        """Take a step of the fine level."""
        middle, base = self._base(seen.points)
        self.fine.step(seen.points, seen.target - base, rate, middle)

    @torch.no_grad()
    def _base(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the middle level's features, and what the residual is added to."""
        phi = self.middle.at(points)
        fused = self.fine.grid.interpolate(self.fused, points)[:, 0]
        choice = self.is_fused.repeat_interleave(points.shape[1])
        return phi, torch.where(choice, fused, self.middle.decoder(phi, None)[0])


def fine_steps(
    batch: Batch,
    decoders: tuple[Decoder, Decoder],
    is_fused: torch.Tensor,
    rates: Rates,
    n: int,
    generator: torch.Generator,
) -> Iterator[FineField]:
    """Adapt the middle level, then the fine one while the middle one settles.

    Yields after each step of the fine one.
    """
    middle, fine = decoders
    fused = (batch.vertex_sdf_m / SIZE.band_m).clamp(-1, 1)
    fused = fused + NOISE * torch.randn(fused.shape, generator=generator)
    features = Features.fresh(batch.grid("fine"), fine, SPREAD["fine"], generator)
    steps = middle_steps(batch, middle, rates, n, generator)
    for k in range(rates.num_steps):
        with torch.no_grad():
            level = next(steps)
        if k >= rates.num_middle_steps:
            field = FineField(level, features, fused, is_fused)
            field.step(batch.draw(n, generator), rates.fine)
            yield field
