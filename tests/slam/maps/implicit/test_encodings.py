"""What an encoding makes of points, wherever they are."""

import numpy as np
import pytest
import torch

from slam.config import ImplicitConfig
from slam.maps.implicit.encodings import Fourier, HashGrid, new_encoding
from slam.maps.implicit.network import Network

ENCODINGS = ["fourier", "siren", "hash", "none"]


def points(half_m=1.0, num=500, seed=0) -> torch.Tensor:
    return half_m * (2.0 * torch.rand((num, 3), generator=torch.Generator().manual_seed(seed)) - 1)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("half_m", [1.0, 1000.0])
def test_no_scene_is_too_large(encoding, half_m):
    network = Network(ImplicitConfig(encoding=encoding, width=32))
    found = network(points(half_m))
    assert found.shape == (500, 4)
    assert torch.isfinite(found).all()
    assert found.std() > 0


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_same_config_makes_the_same_network(encoding):
    torch.manual_seed(1)
    one, drawn = Network(ImplicitConfig(encoding=encoding)), torch.rand(1)
    torch.manual_seed(1)
    assert torch.rand(1) == drawn  # and nobody else's random numbers change
    other = Network(ImplicitConfig(encoding=encoding))
    for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_gradient_is_that_of_the_function(encoding):
    network = Network(ImplicitConfig(encoding=encoding, width=32, frequency_per_m=0.5)).double()
    at = points(num=50).double().requires_grad_()
    (gradient,) = torch.autograd.grad(network(at)[:, 0].sum(), at)
    step_m = 1e-6  # far under a cell or a wave, but some points may lie beside a bend
    for axis in range(3):
        offset = step_m * torch.eye(3, dtype=torch.float64)[axis]
        with torch.no_grad():
            change = network(at + offset)[:, 0] - network(at - offset)[:, 0]
        error = (change / (2 * step_m) - gradient[:, axis]).abs()
        assert error.median() < 1e-6
        assert (error < 1e-4).float().mean() > 0.9


def test_frequencies_are_per_metre():
    """How fast features change is set by the frequency, however large the scene: the mean square of
    a feature's slope is half of omega's, (2 pi f)^2 / 2 each axis.
    """
    for frequency_per_m in (0.5, 2.0):
        encoding = Fourier(frequency_per_m)
        at, step_m = points(20.0, num=2000), 1e-3
        change = encoding(at + torch.tensor([step_m, 0.0, 0.0])) - encoding(at)
        slope = change[:, 3:] / step_m
        expected = 2.0 * np.pi * frequency_per_m / np.sqrt(2.0)
        assert float(slope.square().mean().sqrt()) == pytest.approx(expected, rel=0.3)


@pytest.mark.parametrize("half_m", [1.0, 100.0])
def test_a_siren_begins_as_its_authors_say(half_m):
    """The arguments of its sines are spread by about 1 in every layer (Sitzmann et al. 2020,
    theorem 1.8; their biases, by about as much again), and what comes out by 1/30: there is no
    noise to be unlearned.
    """
    network = Network(ImplicitConfig(encoding="siren", layers=6)).requires_grad_(False)
    values = points(half_m, num=2000)
    for number, layer in enumerate(network.layers):
        values = layer(values) * (30.0 if number else 1.0)
        assert number == 0 or 0.9 < float(values.std()) < 1.7
        values = torch.sin(values)
    spread = (network(points(half_m)) - network.head.bias).square().mean().sqrt()
    assert float(spread) == pytest.approx(1 / 30, rel=0.4)


class TestHashGrid:
    CONFIG = ImplicitConfig(
        encoding="hash", hash_levels=2, hash_coarse_m=0.4, hash_fine_m=0.1, hash_table_bits=12
    )

    def test_it_interpolates_trilinearly(self):
        grid = HashGrid(self.CONFIG)
        low = torch.tensor([[0.1, -0.2, 0.3]])  # a vertex of the fine level
        ends = grid(torch.cat([low, low + torch.tensor([[0.1, 0.0, 0.0]])]))[:, 2:]
        inside = grid(low + torch.tensor([[0.025, 0.0, 0.0]]))[:, 2:]
        torch.testing.assert_close(inside[0], 0.75 * ends[0] + 0.25 * ends[1], atol=1e-8, rtol=1e-4)

    def test_it_goes_on_across_cells(self):
        grid = HashGrid(self.CONFIG)
        at = torch.tensor([[0.4, 0.4, -0.8]])
        before, after = grid(at - 1e-5), grid(at + 1e-5)
        torch.testing.assert_close(before, after, atol=1e-7, rtol=0.0)

    def test_what_one_place_learns_leaves_others_alone(self):
        grid = HashGrid(self.CONFIG)
        far = points() + torch.tensor([30.0, 0.0, 0.0])
        before = grid(far).detach()
        optimiser = torch.optim.SGD(grid.parameters(), 1.0)
        grid(torch.zeros(1, 3)).sum().backward()
        optimiser.step()
        changed = (grid(far).detach() - before).abs().amax(dim=1) > 1e-6
        assert changed.float().mean() < 0.05  # those whose vertices share an entry

    def test_levels_are_spaced_evenly_in_the_logarithm(self):
        grid = HashGrid(ImplicitConfig(hash_levels=3, hash_coarse_m=0.4, hash_fine_m=0.1))
        np.testing.assert_allclose(grid.spacings_m.ravel(), [0.4, 0.2, 0.1], rtol=1e-6)


def test_one_level_is_a_hash_too():
    config = ImplicitConfig(encoding="hash", hash_levels=1)
    assert new_encoding(config)(points()).shape == (500, 2)
