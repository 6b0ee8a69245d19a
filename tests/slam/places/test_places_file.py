"""Keyframes in a map file."""

import numpy as np
import pytest

from slam.camera import DepthNoise
from slam.config import Config, TsdfConfig
from slam.errors import SlamError
from slam.maps.factory import arrays_beside, load_map, new_map
from slam.places.keyframes import Keyframes
from slam.places.places_file import PREFIX, arrays_of, keyframes_in


@pytest.mark.parametrize("kind", ["tsdf", "neural"])
def test_they_come_back_from_the_file_of_either_map(tmp_path, keyframes, kind):
    map_ = new_map(Config(map=kind, tsdf=TsdfConfig(budget_mb=64)), DepthNoise.rendered())
    map_.save(tmp_path / "map.npz", arrays_of(keyframes))
    assert load_map(tmp_path / "map.npz").nbytes == map_.nbytes  # the map reads its own as ever
    again = keyframes_in(arrays_beside(tmp_path / "map.npz", PREFIX))
    assert len(again) == len(keyframes) == 8
    for found, kept in zip(again.items, keyframes.items, strict=True):
        np.testing.assert_array_equal(found.T_world_camera, kept.T_world_camera)
        for name in ("points", "descriptors", "words"):
            np.testing.assert_array_equal(
                getattr(found.features, name), getattr(kept.features, name)
            )


def test_a_map_file_without_them_has_none(tmp_path):
    new_map(Config(tsdf=TsdfConfig(budget_mb=64)), DepthNoise.rendered()).save(tmp_path / "m.npz")
    assert len(keyframes_in(arrays_beside(tmp_path / "m.npz", PREFIX))) == 0
    assert keyframes_in(arrays_of(Keyframes())).items == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("places_poses", np.full((8, 4, 4), np.nan)),
        ("places_poses", np.zeros((7, 4, 4))),
        ("places_counts", np.full(8, -1)),
        ("places_counts", np.zeros(8)),
        ("places_points", np.zeros((1, 3), np.float32)),
        ("places_descriptors", np.zeros((1, 32), np.uint8)),
        ("places_counts", None),
    ],
)
def test_damage_is_one_line(keyframes, name, value):
    arrays = arrays_of(keyframes) | {name: value}
    with pytest.raises(SlamError, match=r"damaged: (places_|a keyframe)"):
        keyframes_in({key: array for key, array in arrays.items() if array is not None})
