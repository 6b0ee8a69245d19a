"""The pre-training of the decoders, in small."""

import numpy as np
import pytest
import torch
from pretraining import batch, crops, meta, train
from pretraining.adapt import Features
from pretraining.episodes import Rates
from pretraining.field import (
    LEVELS,
    Grid,
    decoder_of,
    linear_weights,
    random_weights,
)

GRID = Grid(2, 0.48, LEVELS["middle"])


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


def points_in(grid, n, generator):
    return grid.size_m * torch.rand(grid.num_cubes, n, 3, generator=generator)


def test_interpolation_is_exact_for_linear_functions(generator):
    axis = torch.arange(GRID.edge) * GRID.level.spacing_m
    vertices = torch.cartesian_prod(axis, axis, axis)
    slopes = torch.randn(3, 2, generator=generator)
    points = points_in(GRID, 50, generator)
    values = GRID.interpolate((vertices @ slopes).repeat(2, 1), points)
    torch.testing.assert_close(values, points.reshape(-1, 3) @ slopes)


def test_scatter_is_the_transpose_of_interpolation(generator):
    points = points_in(GRID, 50, generator)
    features = torch.randn(GRID.num_vertices, 4, generator=generator)
    values = torch.randn(100, 4, generator=generator)
    left = (GRID.interpolate(features, points) * values).sum()
    right = (features * GRID.scatter(values, points)).sum()
    torch.testing.assert_close(left, right)


@pytest.mark.parametrize("name", ["middle", "fine"])
def test_a_decoder_is_homogeneous_and_knows_its_gradient(name, generator):
    decoder = decoder_of(random_weights(1), name)
    phi = torch.randn(20, 4, generator=generator, requires_grad=True)
    middle = torch.randn(20, 4, generator=generator) if name == "fine" else None
    values, gradients = decoder(phi, middle)
    torch.testing.assert_close(torch.autograd.grad(values.sum(), phi)[0], gradients)
    twice, _ = decoder(2 * phi, None if middle is None else 2 * middle)
    torch.testing.assert_close(twice, 2 * values)
    assert torch.all(decoder(0 * phi, middle)[0] == 0)


def test_steps_are_those_of_torch_adam(generator):
    """Five steps on the middle level, against autograd and torch.optim."""
    decoder = decoder_of(random_weights(1), "middle")
    features = Features.fresh(GRID, decoder, 0.5, generator)
    expected = features.values.clone().requires_grad_()
    optimiser = torch.optim.Adam([expected], lr=0.1)
    for _ in range(5):
        points, target = points_in(GRID, 200, generator), torch.rand(400, generator=generator)
        features.step(points, target, 0.1)
        optimiser.zero_grad()
        values, _ = decoder(GRID.interpolate(expected, points), None)
        (0.5 * (values - target).square().sum()).backward()
        optimiser.step()
    torch.testing.assert_close(features.values, expected.detach(), rtol=1e-4, atol=1e-4)


@pytest.fixture
def small(monkeypatch):
    """Small crops, few samples, short episodes."""
    monkeypatch.setattr(crops, "CANDIDATES", 3000)
    monkeypatch.setattr(crops, "NUM_SAMPLES", 1000)
    monkeypatch.setattr(batch, "SEEN", slice(0, 800))
    monkeypatch.setattr(meta, "SEEN", slice(0, 800))
    monkeypatch.setattr(meta, "NEW", slice(800, None))
    monkeypatch.setattr(meta, "NUM_CROPS", 8)
    monkeypatch.setattr(meta, "MIDDLE_RATES", Rates(num_steps=5))
    monkeypatch.setattr(meta, "FINE_RATES", Rates(num_middle_steps=5, num_steps=10))


@pytest.mark.usefixtures("small")
def test_training_goes_on_where_it_stopped(tmp_path):
    plan = train.Plan(seed=0, middle=2, fine=2)
    whole = train.train(plan, tmp_path / "whole.pt")
    for until in (1, 3, None):
        parts = train.train(plan, tmp_path / "parts.pt", until)
    for name, weight in whole.items():
        np.testing.assert_array_equal(weight.numpy(), parts[name].numpy())
        assert not torch.equal(weight, random_weights(0)[name])
    with pytest.raises(ValueError, match="is of the plan"):
        train.train(train.Plan(1, 2, 2), tmp_path / "parts.pt")


def test_crops_hold_the_distance_of_what_can_be_seen():
    size = batch.SIZE
    crop = crops.random_crop((0, 0, 1), size)
    again = crops.random_crop((0, 0, 1), size)
    np.testing.assert_array_equal(crop.points, again.points)
    assert crop.points.min() >= 0
    assert crop.points.max() <= size.size_m
    # The distance changes no faster than the place: trilinear between exact vertices it is within
    # the cell's diagonal of the exact one.
    grid = Grid(1, size.size_m, LEVELS["fine"])
    vertices = torch.from_numpy(crop.vertex_sdf_m.reshape(-1, 1))
    between = grid.interpolate(vertices, torch.from_numpy(crop.points[None]))[:, 0].numpy()
    assert np.abs(between - crop.sdf_m).max() < 0.03 * np.sqrt(3)


def test_the_linear_level_is_its_first_channel(generator):
    phi = torch.randn(5, 4, generator=generator)
    values, _ = decoder_of(linear_weights(), "middle")(phi, None)
    torch.testing.assert_close(values, phi[:, 0])
