"""What the losses are smallest for, and the distances that outputs become."""

import numpy as np
import pytest
import torch

from slam.maps.implicit.outputs import (
    Batch,
    density_distances,
    density_losses,
    occupancy_losses,
    rendering_weights,
    sdf_losses,
    trained_distances,
)


def rays_to_a_wall(depth_m=2.0, num=8, num_samples=64, truncation_m=0.1) -> Batch:
    """Rays straight at a wall, with samples up to half a truncation behind it."""
    along_m = torch.linspace(0.2, depth_m + 0.5 * truncation_m, num_samples)[None].repeat(num, 1)
    points = torch.zeros(num, num_samples, 3)
    points[..., 2] = along_m
    return Batch(
        points, (depth_m - along_m) / truncation_m, along_m, torch.full((num,), depth_m),
        torch.full((num, 3), 0.5), torch.ones(num), truncation_m,
    )  # fmt: skip


GRAY = torch.zeros(8, 64, 3)  # logits of 0.5


@pytest.mark.parametrize("losses", [sdf_losses, occupancy_losses])
def test_the_true_distance_has_no_loss_and_any_other_has(losses):
    batch = rays_to_a_wall()
    true = batch.distance.clamp(-1.0, 1.0)
    assert losses(true, GRAY, batch).geometry.abs().max() < 1e-6
    for wrong in (true + 0.05, true - 0.05, 0.8 * true, -true):
        assert (losses(wrong, GRAY, batch).geometry > 1e-4).all()


def test_free_space_may_be_as_free_as_it_likes():
    batch = rays_to_a_wall()
    free = torch.where(batch.distance >= 1.0, 7.0, batch.distance)
    assert sdf_losses(free, GRAY, batch).geometry.abs().max() == 0.0


def test_a_density_is_best_where_the_reading_is():
    batch = rays_to_a_wall(num_samples=64)
    true, moved = batch.distance, [batch.distance + off for off in (-3.0, -1.0)]
    found = density_losses(true, GRAY, batch).geometry
    for other in moved:
        assert (density_losses(other, GRAY, batch).geometry > found + 0.1).all()


def test_rendering_weights_are_those_of_the_formula():
    """Against a plain loop over the samples: w = T (1 - exp(-sigma step))."""
    rng = np.random.default_rng(0)
    geometry = rng.normal(size=(3, 10))
    depth_m = np.sort(rng.uniform(0.2, 3.0, (3, 10)), axis=1)
    found = rendering_weights(torch.tensor(geometry), torch.tensor(depth_m)).numpy()
    for i in range(3):
        passed = 1.0
        for k in range(10):
            step_m = depth_m[i, min(k, 8) + 1] - depth_m[i, min(k, 8)]
            sigma = 100.0 * np.log1p(np.exp(-5.0 * geometry[i, k]))
            kept = np.exp(-sigma * step_m)
            assert found[i, k] == pytest.approx(passed * (1.0 - kept), rel=1e-6, abs=1e-12)
            passed *= kept


def test_a_miss_is_the_way_from_the_reading_to_the_surface():
    batch = rays_to_a_wall()
    for losses in (sdf_losses, occupancy_losses):  # of the sample on the reading, the first
        batch.distance[:, 0] = 0.0
        assert losses(batch.distance + 0.3, GRAY, batch).miss == pytest.approx(0.3, abs=1e-6)
    found = density_losses(rays_to_a_wall().distance - 1.0, GRAY, rays_to_a_wall()).miss
    assert found == pytest.approx(1.0, abs=0.5)  # a truncation nearer; samples are 0.3 apart


def test_colour_counts_only_where_there_is_some():
    batch = rays_to_a_wall()
    rgb = batch.rgb.clone()
    rgb[0] = -1.0
    logits = GRAY + 3.0
    for losses in (sdf_losses, occupancy_losses, density_losses):
        color = losses(batch.distance, logits, batch._replace(rgb=rgb)).color
        assert color[0] == 0.0
        assert (color[1:] > 0.01).all()


def wall(points: torch.Tensor, steepness: float = 1.0) -> torch.Tensor:
    """A wall at z = 2, its geometry as steep as said, in truncations of 10 cm."""
    values = torch.zeros(len(points), 4)
    return values + torch.cat([10.0 * steepness * (2.0 - points[:, 2:]), values[:, 1:]], dim=1)


AT = torch.tensor([[0.3, 0.1, 1.97], [0.0, 0.0, 2.0], [0.0, 0.5, 2.04]])


@pytest.mark.parametrize("slope", [True, False])
def test_distances_are_the_geometry(slope):
    found = trained_distances(wall, AT.clone(), slope)
    torch.testing.assert_close(found.distance, torch.tensor([0.3, 0.0, -0.4]), atol=1e-5, rtol=0)
    assert found.is_known.all()
    if slope:
        torch.testing.assert_close(found.gradient, torch.tensor([[0.0, 0.0, -10.0]] * 3))


@pytest.mark.parametrize("steepness", [0.5, 1.0, 4.0])
def test_a_density_becomes_a_distance_however_steep_it_is(steepness):
    found = density_distances(lambda points: wall(points, steepness), AT.clone(), True, 0.1, 0.0)
    torch.testing.assert_close(found.distance, torch.tensor([0.3, 0.0, -0.4]), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.gradient, torch.tensor([[0.0, 0.0, -10.0]] * 3))
    assert found.is_known.all()


def test_the_surface_of_a_density_is_at_its_level():
    found = density_distances(wall, AT.clone(), True, 0.1, level=0.2)
    torch.testing.assert_close(found.distance, torch.tensor([0.1, -0.2, -0.6]), atol=1e-5, rtol=0)


def test_of_a_flat_density_no_distance_is_known():
    found = density_distances(lambda points: wall(points, 0.01), AT.clone(), True, 0.1, 0.0)
    assert not found.is_known.any()
    assert torch.isfinite(found.distance).all()
