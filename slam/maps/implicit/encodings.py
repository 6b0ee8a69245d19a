"""What a network makes of points before its layers. None of them needs to know how large a scene
is: frequencies are per metre, and hashed vertices go on without end.
"""

from math import pi

import torch
from torch import Tensor, nn

from slam.config import ImplicitConfig

SEED = 0
NUM_FREQUENCIES = 64
# unless the config says otherwise; a SIREN's omega of 30 is 0.3 / m in a box of 6 m
FREQUENCY_PER_M = {"fourier": 0.5, "siren": 0.3}
HASH_FEATURES = 2
HASH_PRIMES = (1, 2_654_435_761, 805_459_861)  # Mueller et al. 2022, equation (4)
CORNERS = torch.tensor([[i >> 2, i >> 1 & 1, i & 1] for i in range(8)])


class Plain(nn.Module):
    """The coordinates themselves, in metres."""

    size = 3

    def forward(self, points: Tensor) -> Tensor:
        """Return the points (n, 3)."""
        return points


class Fourier(nn.Module):
    """Random Fourier features (Tancik et al. 2020): sines and cosines of frequencies drawn from an
    isotropic normal distribution, and the coordinates.
    """

    size = 3 + 2 * NUM_FREQUENCIES
    omega_per_m: Tensor  # (3, NUM_FREQUENCIES)

    def __init__(self, frequency_per_m: float) -> None:
        super().__init__()
        drawn = torch.randn((3, NUM_FREQUENCIES), generator=_generator())
        self.register_buffer("omega_per_m", 2.0 * pi * frequency_per_m * drawn)

    def forward(self, points: Tensor) -> Tensor:
        """Return features (n, size) of points (n, 3)."""
        angles = points @ self.omega_per_m
        return torch.cat([points, torch.sin(angles), torch.cos(angles)], dim=1)


class HashGrid(nn.Module):
    """A multi-resolution hash of trained features (Mueller et al. 2022), trilinearly interpolated.

    The vertices of all levels are hashed, so that a scene has no bound: one level's vertices share
    the entries of its table, and what they disagree about is left to the other levels.
    """

    spacings_m: Tensor  # (levels, 1)
    corners: Tensor  # (8, 3)
    primes: Tensor  # (3,)

    def __init__(self, config: ImplicitConfig) -> None:
        super().__init__()
        levels, self._num_entries = config.hash_levels, 1 << config.hash_table_bits
        self.size = levels * HASH_FEATURES
        ratio = (config.hash_fine_m / config.hash_coarse_m) ** (1.0 / max(levels - 1, 1))
        spacings_m = config.hash_coarse_m * ratio ** torch.arange(levels)
        self.register_buffer("spacings_m", spacings_m[:, None])
        self.register_buffer("corners", CORNERS.clone())
        self.register_buffer("primes", torch.tensor(HASH_PRIMES))
        shape = (levels * self._num_entries, HASH_FEATURES)
        drawn = torch.rand(shape, generator=_generator()) - 0.5
        self.tables = nn.Parameter(2e-4 * drawn)

    def forward(self, points: Tensor) -> Tensor:
        """Return features (n, size) of points (n, 3)."""
        cells = points[:, None] / self.spacings_m  # (n, levels, 3)
        low = torch.floor(cells)
        inside = (cells - low)[:, :, None]
        hashed = (low.long()[:, :, None] + self.corners) * self.primes
        entry = (hashed[..., 0] ^ hashed[..., 1] ^ hashed[..., 2]) & (self._num_entries - 1)
        entry += self._num_entries * torch.arange(entry.shape[1], device=entry.device)[:, None]
        weight = torch.where(self.corners > 0, inside, 1.0 - inside).prod(dim=3)
        features = nn.functional.embedding(entry, self.tables)  # (n, levels, 8, features)
        return (weight[..., None] * features).sum(dim=2).flatten(1)


def frequency_of(config: ImplicitConfig) -> float:
    """Return the standard deviation of an encoding's frequencies, in 1/m."""
    if config.frequency_per_m is not None:
        return config.frequency_per_m
    return FREQUENCY_PER_M[config.encoding]


def new_encoding(config: ImplicitConfig) -> Plain | Fourier | HashGrid:
    """Make the encoding that a config names; what is special of a SIREN is in its layers."""
    if config.encoding == "fourier":
        return Fourier(frequency_of(config))
    return HashGrid(config) if config.encoding == "hash" else Plain()


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(SEED)
