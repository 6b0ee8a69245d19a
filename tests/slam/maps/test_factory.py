"""From a config or a file to a map."""

import json
from dataclasses import replace

import numpy as np
import pytest

from slam.camera import DepthNoise
from slam.config import Config, TsdfConfig, without_time_budget
from slam.errors import SlamError
from slam.maps.base import Map
from slam.maps.factory import KINDS, class_of, load_map, new_map, resume_map

COARSE = Config(tsdf=TsdfConfig(voxel_size_m=0.05))


@pytest.mark.parametrize("name", KINDS)
def test_a_new_map_is_an_empty_map_of_its_section(name):
    map_ = new_map(replace(COARSE, map=name), DepthNoise.rendered())
    assert type(map_) is class_of(name)
    assert isinstance(map_, Map)
    assert map_.config == getattr(COARSE, name)


@pytest.mark.parametrize("name", KINDS)
def test_a_saved_map_is_loaded_as_what_it_was(name, tmp_path):
    path = tmp_path / "map.npz"
    new_map(replace(COARSE, map=name), DepthNoise.rendered()).save(path)
    assert type(load_map(path)) is class_of(name)
    map_, config = resume_map(path, Config(deterministic=True))
    assert type(map_) is class_of(name)
    assert config == replace(
        without_time_budget(Config(deterministic=True, map=name)), **{name: map_.config}
    )
    assert getattr(config, name) == getattr(without_time_budget(COARSE), name)


@pytest.mark.parametrize(
    ("header", "says"),
    [
        ({"format": "twinmap-octree"}, "it holds twinmap-octree; this program reads twinmap-tsdf"),
        ({"format": 7}, "it holds 7;"),
        ({}, "is not a readable map file"),
        ([], "is not a readable map file"),
    ],
)
def test_a_file_of_another_kind_is_an_error_of_one_line(header, says, tmp_path):
    path = tmp_path / "map.npz"
    np.savez(path, header=np.frombuffer(json.dumps(header).encode(), dtype=np.uint8))
    with pytest.raises(SlamError, match=says) as caught:
        load_map(path)
    assert "map.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_is_no_map_file_is_an_error_of_one_line(tmp_path):
    with pytest.raises(SlamError, match="no such map file"):
        load_map(tmp_path / "map.npz")
    (tmp_path / "map.npz").write_bytes(b"PK\x03\x04 nonsense")
    with pytest.raises(SlamError, match="is not a readable map file"):
        load_map(tmp_path / "map.npz")
