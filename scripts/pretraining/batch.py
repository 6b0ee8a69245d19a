"""Batches of crops, as tensors."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from pretraining.crops import Crop, CropSize, random_crop
from pretraining.field import LEVELS, Grid

SEEN = slice(0, 50_000)  # a crop's samples to adapt to
NEW = slice(50_000, None)  # those on which the error is taken
ALL = slice(None)
FAR_WEIGHT = 0.2  # in the error, of a sample that is not next to a surface
SIZE = CropSize(0.72, near_m=0.03, band_m=0.12, vertex_spacing_m=0.03)  # for both levels


@dataclass(frozen=True)
class Batch:
    """Samples of some crops, and the distance at the vertices that a fused map would hold."""

    points: torch.Tensor  # (crops, n, 3)
    sdf_m: torch.Tensor  # (crops, n)
    vertex_sdf_m: torch.Tensor  # (vertices, 1)

    def grid(self, name: str) -> Grid:
        """Return the grid of a level over these crops."""
        return Grid(len(self.points), SIZE.size_m, LEVELS[name])

    def draw(self, n: int, generator: torch.Generator) -> "Batch":
        """Draw n samples a crop."""
        return self.take(
            torch.randint(self.points.shape[1], (len(self.points), n), generator=generator)
        )

    def take(self, index: torch.Tensor) -> "Batch":
        """Return the samples (crops, n) of an index."""
        points = torch.gather(self.points, 1, index[..., None].expand(-1, -1, 3))
        return replace(self, points=points, sdf_m=torch.gather(self.sdf_m, 1, index))

    def only(self, samples: slice, crops: torch.Tensor | None = None) -> "Batch":
        """Return some of the samples, of some of the crops."""
        rows = torch.arange(len(self.points)) if crops is None else crops
        points = self.points[rows, samples].contiguous()
        return replace(self, points=points, sdf_m=self.sdf_m[rows, samples].contiguous())

    @property
    def target(self) -> torch.Tensor:
        """The truncated distance of all samples, -1 to 1."""
        return (self.sdf_m.reshape(-1) / SIZE.band_m).clamp(-1, 1)

    def error(self, values: torch.Tensor) -> torch.Tensor:
        """Return the mean square error, most of it next to surfaces."""
        weight = FAR_WEIGHT + (self.sdf_m.reshape(-1).abs() < SIZE.near_m).float()
        return (weight * (values - self.target) ** 2).sum() / weight.sum()


class Rooms:
    """Crops of random rooms for one use, each made when it is first asked for."""

    def __init__(self, seed: int, use: int) -> None:
        self.seed, self.use = seed, use
        self.crops: dict[int, Crop] = {}

    def batch(self, numbers: Sequence[int]) -> Batch:
        """Return the crops of these numbers."""
        for i in numbers:
            if i not in self.crops:
                self.crops[i] = random_crop((self.seed, self.use, i), SIZE)
        crops = [self.crops[i] for i in numbers]
        vertices = torch.from_numpy(np.stack([crop.vertex_sdf_m for crop in crops]))
        return Batch(
            torch.from_numpy(np.stack([crop.points for crop in crops])),
            torch.from_numpy(np.stack([crop.sdf_m for crop in crops])),
            vertices.reshape(-1, 1),
        )
