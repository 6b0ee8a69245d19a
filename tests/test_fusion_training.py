"""The training of the network that judges readings, in small."""

import numpy as np
import pytest
import torch
import train_fusion
from fusion_training import fit, views

from kernels.judge import NUM_FEATURES, NUM_OUTPUTS
from kernels.reference.judge import answers, judged_depth, look
from slam.tracking.judge import load_network


@pytest.fixture(scope="module")
def some_views():
    return [views.random_view((5, 0, k)) for k in range(12)]


def test_views_have_readings_and_gross_errors(some_views):
    for view in some_views:
        has_depth = view.depth_m > 0
        assert view.depth_m.dtype == view.noise.dtype == np.float32
        assert has_depth.mean() > 0.2
        at_most = {"none": 0.1, "single": 0.3, "small": 0.3, "specks": 0.35}[view.disturbance]
        assert view.is_gross[has_depth].mean() < at_most
    assert {view.sensor for view in some_views} == set(views.SENSORS)
    assert len({view.disturbance for view in some_views}) > 2


def test_a_view_is_the_same_for_its_seed(some_views):
    again = views.random_view((5, 0, 3))
    np.testing.assert_array_equal(again.depth_m, some_views[3].depth_m)
    np.testing.assert_array_equal(again.is_gross, some_views[3].is_gross)


def test_validation_has_other_rooms():
    train, validate = (fit.drawn(0, use, 0).samples for use in (fit.TRAINING, fit.VALIDATION))
    assert train.features.shape[1] == NUM_FEATURES
    assert not torch.equal(train.features[:100], validate.features[:100])


def test_the_op_computes_what_was_fitted(some_views):
    torch.manual_seed(1)
    model, view = fit.new_model(), some_views[0]
    seen = look(view.depth_m, view.noise).features.astype(np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(seen)).numpy()
    found = answers(seen, fit.flat(model))
    assert found.shape[-1] == NUM_OUTPUTS
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_the_corrected_error_is_that_of_the_op(some_views):
    """Random and lasting part together."""
    model, view = fit.new_model(), some_views[1]
    model[2].bias.data = torch.tensor([9.0, 0.5, 0.5])  # believe everything
    is_good = (view.depth_m > 0) & ~view.is_gross
    z, true_m = view.depth_m[is_good].astype(np.float64), view.true_m[is_good].astype(np.float64)
    seen, true = look(view.depth_m, view.noise), look(view.true_m, view.noise)
    per_sigma = z / seen.relative[is_good]
    columns = seen.features[is_good], seen.pairs[is_good], true.pairs[is_good]
    tensors = [torch.from_numpy(column.astype(np.float32)) for column in columns]
    error = torch.from_numpy(((1 / z - 1 / true_m) * per_sigma).astype(np.float32))
    batch = fit.Samples(*tensors, error, torch.zeros(len(error), dtype=torch.bool))
    with torch.no_grad():
        random, lasting = fit.corrected(model(batch.features), batch)
    judged_m = judged_depth(view.depth_m, view.noise, fit.flat(model))[is_good]
    assert (judged_m > 0).all()
    expected = (1 / judged_m.astype(np.float64) - 1 / true_m) * per_sigma
    is_inside = np.abs(random.numpy()) < fit.FARTHEST
    np.testing.assert_allclose(
        (random + lasting).numpy()[is_inside], expected[is_inside], atol=0.01
    )


def test_a_few_views_teach_it(tmp_path):
    sizes = ["--views", "12", "--validation-views", "6", "--epochs", "20"]
    train_fusion.main(["--out", str(tmp_path), *sizes])
    network = load_network(tmp_path / "judge.npz")
    scores = network.header["validation"]["all"]
    assert scores["told"] > 0.6
    assert scores["lost"] < 0.03
    assert scores["after"] < scores["before"]
    assert "--views 12" in network.header["command"]
