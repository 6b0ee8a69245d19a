"""The files in configs/."""

from pathlib import Path

import pytest
import yaml

from slam.config_file import dump_config, load_config

CONFIGS = sorted((Path(__file__).resolve().parents[3] / "configs").glob("*.yaml"))


def test_there_is_one_for_each_kind_of_source():
    names = {"tum_fr1", "tum_fr2", "tum_fr3", "replica", "scannet", "seven_scenes"}
    assert names | {"synthetic", "realsense"} <= {path.stem for path in CONFIGS}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_loads(path):
    load_config([path])


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_it_holds_only_differences_from_the_defaults(path):
    defaults = yaml.safe_load(dump_config(load_config([])))
    for section, values in (yaml.safe_load(path.read_text()) or {}).items():
        assert not set(values.items()) & set(defaults[section].items())
