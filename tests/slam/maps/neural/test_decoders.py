"""The decoders that come with the package."""

from dataclasses import fields

import numpy as np

from slam.maps.neural.decoders import WEIGHTS, GeometryDecoders, load_decoders, save_decoders


def test_shipped_decoders_are_finite_and_as_documented():
    decoders = load_decoders()  # their annotations state shapes and types
    for name in WEIGHTS:
        assert np.all(np.isfinite(getattr(decoders, name)))
        assert np.any(getattr(decoders, name) != 0)
    assert {field.name for field in fields(GeometryDecoders)} == {*WEIGHTS, "header"}


def test_the_header_says_how_they_were_made():
    header = load_decoders().header
    assert header["command"].startswith("scripts/pretrain_decoders.py --out ")
    assert header["spacings_m"] == {"middle": 0.12, "fine": 0.03}
    assert header["truncations_m"] == {"middle": 0.12, "fine": 0.12}
    assert header["plan"]["seed"] >= 0


def test_shipped_decoders_beat_none_on_unseen_rooms():
    """On every level, at the rates they were trained for."""
    errors = load_decoders().header["validation"]["rms_error_mm"]
    trained, linear = errors["pretrained, 50 steps"], errors["linear, 50 steps"]
    assert {name: trained[name] < linear[name] for name in linear} == dict.fromkeys(linear, True)


def test_what_is_saved_is_loaded(tmp_path):
    rng = np.random.default_rng(0)
    shapes = {name: getattr(load_decoders(), name).shape for name in WEIGHTS}
    weights = {name: rng.normal(size=shape).astype("f4") for name, shape in shapes.items()}
    save_decoders(tmp_path / "a.npz", GeometryDecoders(**weights, header={"seed": 3}))
    loaded = load_decoders(tmp_path / "a.npz")
    assert loaded.header == {"seed": 3}
    for name in WEIGHTS:
        np.testing.assert_array_equal(getattr(loaded, name), weights[name])
