"""The network: an encoding, hidden layers, and four numbers of a point."""

import copy
from collections.abc import Sequence
from itertools import pairwise
from math import pi, sqrt

import torch
from torch import Tensor, nn

from slam.config import ImplicitConfig
from slam.maps.implicit.encodings import SEED, frequency_of, new_encoding

LAYERS, WIDTH = 4, 256  # iMAP's
HASH_LAYERS, HASH_WIDTH = 2, 64  # features of a hash have learned most already
FREE = 1.0  # truncations: what density begins with everywhere
SIREN_OMEGA = 30.0  # of hidden layers (Sitzmann et al. 2020, section 3.2)


class Network(nn.Module):
    """A function of space: geometry in truncations, positive in free space, and three logits of
    colour. What geometry means is up to `slam.maps.implicit.outputs`.
    """

    origin_m: Tensor  # (3,), of the encoding, in the world
    level: Tensor  # geometry at the surface; 0 but of density

    def __init__(self, config: ImplicitConfig) -> None:
        super().__init__()
        is_hash, self._is_siren = config.encoding == "hash", config.encoding == "siren"
        layers = config.layers or (HASH_LAYERS if is_hash else LAYERS)
        width = config.width or (HASH_WIDTH if is_hash else WIDTH)
        self.encoding = new_encoding(config)
        sizes = [self.encoding.size, *layers * [width]]
        # the same network from the same config: a run can be repeated
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SEED)
            hidden = [nn.Linear(*size) for size in pairwise(sizes)]
            self.layers = nn.ModuleList(hidden)
            self.head = nn.Linear(width, 4)
            if self._is_siren:
                _init_siren([*hidden, self.head], frequency_of(config))
        if config.output == "density":
            # or all would be opaque, and no ray would see what is behind its first sample
            nn.init.constant_(self.head.bias[:1], FREE)
        self.register_buffer("origin_m", torch.zeros(3))
        self.register_buffer("level", torch.zeros(()))

    def forward(self, points: Tensor) -> Tensor:
        """Return geometry and logits of colour (n, 4) of world points (n, 3)."""
        values = self.encoding(points - self.origin_m)
        for number, layer in enumerate(self.layers):
            values = layer(values)
            if not self._is_siren:
                values = torch.relu(values)
            else:
                values = torch.sin(SIREN_OMEGA * values if number else values)
        return self.head(values)

    def frozen(self) -> "Network":
        """Return a copy that is never trained, for readers."""
        return copy.deepcopy(self).requires_grad_(False)

    @property
    def nbytes(self) -> int:
        """Bytes of what is trained."""
        return sum(value.nbytes for value in self.parameters())


def _init_siren(layers: Sequence[nn.Linear], frequency_per_m: float) -> None:
    """Sitzmann et al.'s initialisation, which includes the head: with torch's own weights, 12 times
    as large, a network begins with noise that it has to unlearn first. Their first layer is scaled
    by the bound of a scene; here its frequencies are those of the config.
    """
    first, *others = layers
    limit = 2.0 * pi * sqrt(3.0) * frequency_per_m
    nn.init.uniform_(first.weight, -limit, limit)
    nn.init.uniform_(first.bias, -pi, pi)
    for layer in others:
        limit = sqrt(6.0 / layer.in_features) / SIREN_OMEGA
        nn.init.uniform_(layer.weight, -limit, limit)
