"""Entries of `--maps`: what they make of a config, and what is refused."""

import pytest

from slam.config import Config, NeuralConfig
from slam.config_file import settings, with_settings
from slam.errors import SlamError
from slam.maps.factory import KINDS
from slam.runs.variants import SHARED_BY_MAPS, label, shared_device, variants_of


def test_plain_entries_are_the_config_with_each_map():
    variants = variants_of(",".join(KINDS), Config(holdout=5))
    assert [variant.name for variant in variants] == list(KINDS)
    assert [variant.config for variant in variants] == [Config(map=k, holdout=5) for k in KINDS]


def test_settings_are_of_their_entry_alone():
    text = "neural, neural:neural.rays=512:neural.adjust-poses=no:tracking.photometric=no"
    plain, changed = variants_of(text, Config())
    assert plain.config == Config(map="neural")
    wanted = {"neural.rays": "512", "neural.adjust_poses": "no", "tracking.photometric": "no"}
    assert changed.settings == wanted
    assert changed.config == with_settings(Config(map="neural"), wanted)
    assert changed.config.neural == NeuralConfig(rays=512, adjust_poses=False)
    assert not changed.config.tracking.photometric
    assert changed.name == "neural-rays-512-adjust-poses-no-tracking.photometric-no"


@pytest.mark.parametrize("value", ["0.02", "-1", "a b/c:d=e", "..", "\N{GREEK SMALL LETTER MU}"])
def test_a_name_can_be_that_of_a_folder(tmp_path, value):
    name = label("neural", {"neural.fine_spacing_m": value})
    assert name.startswith("neural-fine-spacing-m-")
    assert name.isascii()
    (tmp_path / name).mkdir()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_every_field_of_a_map_can_be_set():
    for setting in settings():
        if setting.section in ("tsdf", *SHARED_BY_MAPS):
            value = "none" if setting.default is None else str(setting.default).lower()
            (variant,) = variants_of(f"tsdf:{setting.name}={value}", Config())
            assert variant.config == Config()


def test_one_map_may_judge_readings_and_another_not():
    learned, average = variants_of("tsdf:fusion=learned,tsdf", Config())
    assert (learned.name, average.name) == ("tsdf-fusion-learned", "tsdf")
    assert (learned.config.fusion, average.config.fusion) == ("learned", "average")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no map ''"),
        ("tsdf,", "there is no map ''"),
        ("tsdf,Neural", "there is no map 'Neural', only tsdf, neural, implicit"),
        ("tsdf,tsdf", "tsdf is there twice; another setting .* tsdf:SECTION.FIELD=VALUE"),
        ("neural:neural.rays=1,neural:neural.rays=1", "neural-rays-1 is there twice"),
        ("neural:rays", "'rays' is no SECTION.FIELD=VALUE"),
        ("neural:neural.rais=5", "there is no setting neural.rais"),
        ("neural:neural.rays=many", "neural.rays must be int, got 'many'"),
        ("tsdf:neural.rays=5", "neural.rays is no setting of this map alone, .* tsdf, tracking"),
        ("tsdf:playback.limit=5", "playback.limit is no setting of this map alone"),
        ("tsdf:map=neural", "map is no setting of this map alone"),
    ],
)
def test_a_wrong_entry_is_named(text, message):
    with pytest.raises(SlamError, match=message) as caught:
        variants_of(text, Config())
    assert "\n" not in str(caught.value)


def test_maps_on_one_device_run_where_all_can(monkeypatch):
    monkeypatch.setattr("slam.device.find_obstacle", lambda: None)
    both, studied = "tsdf,neural", "tsdf,neural:neural.field=reference"
    assert shared_device("auto", variants_of(both, Config())).kind == "cuda"
    device = shared_device("auto", variants_of(studied, Config()))
    assert device.kind == "cpu"
    assert "reference" in device.reason
    with pytest.raises(SlamError, match=r"--device cuda: .*reference"):
        shared_device("cuda", variants_of(studied, Config()))
