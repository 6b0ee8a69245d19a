import dataclasses
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from slam.config import Config
from slam.config_file import build, dump_config, load_config
from slam.errors import SlamError

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs").glob("*.yaml"))


@pytest.fixture
def write(tmp_path):
    """Write YAML texts to files; return their paths."""

    def write_files(*texts):
        paths = [tmp_path / f"{number}.yaml" for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.write_text(text)
        return paths

    return write_files


def test_no_file_gives_the_defaults():
    assert load_config([]) == Config()


@pytest.mark.parametrize("text", ["", "# only a comment\n", "{}\n"])
def test_an_empty_file_changes_nothing(write, text):
    assert load_config(write(text)) == Config()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "tsdf: {voxl_size_m: 0.02}",
            "unknown config key tsdf.voxl_size_m; known here: voxel_size_m",
        ),
        ("tsfd: {}", "unknown config key tsfd; known here: map"),
        ("1: 2", "unknown config key 1;"),
        ("tsdf: 0.01", "config tsdf is a section, got 0.01"),
        ("tsdf: [1, 2]", "config tsdf is a section"),
        ("tsdf:", "config tsdf is a section, got None"),
        ("playback: {stride: 2.5}", "config playback.stride must be int, got 2.5"),
        ("playback: {stride: two}", "config playback.stride must be int, got 'two'"),
        ("playback: {stride: true}", "config playback.stride must be int, got True"),
        ("playback: {stride: }", "config playback.stride must be int, got None"),
        ("tracking: {photometric: 1}", "config tracking.photometric must be bool, got 1"),
        ("tsdf: {voxel_size_m: small}", "config tsdf.voxel_size_m must be a number, got 'small'"),
        ("tsdf: {voxel_size_m: true}", "config tsdf.voxel_size_m must be a number, got True"),
        ("tsdf: {voxel_size_m: [0.01]}", "config tsdf.voxel_size_m must be a number"),
        ("tsdf: {voxel_size_m: .nan}", "config tsdf.voxel_size_m must be a number, got nan"),
        (f"tsdf: {{voxel_size_m: 1{'0' * 400}}}", "config tsdf.voxel_size_m must be a number"),
        ("playback: {pace: fast}", "config playback.pace must be one of max, realtime; got 'fast'"),
        ("playback: {pace: [max]}", "config playback.pace must be one of max, realtime"),
        ("- tsdf", "must hold sections, got list"),
        ("tsdf: {", "is not valid YAML"),
    ],
)
def test_a_mistake_is_one_line_that_names_it(write, text, message):
    with pytest.raises(SlamError) as error:
        load_config(write(text))
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SlamError, match=r"cannot read config .*none\.yaml: No such file"):
        load_config([tmp_path / "none.yaml"])
    with pytest.raises(SlamError, match="cannot read config"):
        load_config([tmp_path])
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(SlamError, match="not valid YAML"):
        load_config([tmp_path / "binary.yaml"])


@pytest.mark.parametrize(
    ("text", "value"), [("1e-3", 1e-3), ("1.0e-3", 1e-3), ("2", 2.0), (".5", 0.5)]
)
def test_numbers_as_people_write_them(write, text, value):
    """YAML 1.1 takes 1e-3, without a dot, for a string."""
    sigma = load_config(write(f"noise: {{color_sigma: {text}}}")).noise.color_sigma
    assert sigma == value
    assert isinstance(sigma, float)


def test_files_merge_left_to_right(write):
    first, second = write(
        "tsdf: {voxel_size_m: 0.02, max_weight: 64}\nplayback: {stride: 2}",
        "tsdf: {voxel_size_m: 0.03}\nnoise: {model: kinect}",
    )
    config = load_config([first, second])
    assert (config.tsdf.voxel_size_m, config.tsdf.max_weight) == (0.03, 64.0)
    assert (config.playback.stride, config.noise.model) == (2, "kinect")
    assert load_config([second, first]).tsdf.voxel_size_m == 0.02


def test_overrides_win_over_files_and_take_dashes(write):
    overrides = {
        "tsdf.voxel-size-m": "5e-3",
        "tsdf.budget_mb": "100",
        "playback.pace": "realtime",
        "tracking.photometric": "false",
    }
    config = load_config(write("tsdf: {voxel_size_m: 0.02, max_weight: 64}"), overrides)
    assert (config.tsdf.voxel_size_m, config.tsdf.budget_mb) == (0.005, 100)
    assert config.tsdf.max_weight == 64.0
    assert config.playback.pace == "realtime"
    assert config.tracking.photometric is False


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("tsdf.voxl-size-m", "1", "unknown config key tsdf.voxl_size_m"),
        ("tsdf", "1", "config tsdf is a section, got '1'"),
        ("tsdf.voxel_size_m.x", "1", "config tsdf.voxel_size_m must be a number"),
        ("playback.stride", "", "config playback.stride must be int, got ''"),
        ("playback.stride", "2.5", "config playback.stride must be int, got '2.5'"),
        ("tracking.photometric", "1", "config tracking.photometric must be bool, got '1'"),
        ("tsdf.voxel_size_m", "nan", "config tsdf.voxel_size_m must be a number, got 'nan'"),
    ],
)
def test_a_wrong_override_is_named(name, text, message):
    with pytest.raises(SlamError) as error:
        load_config([], {name: text})
    assert message in str(error.value)


def test_a_text_is_read_as_the_type_of_its_field_and_nothing_else():
    overrides = {"realsense.serial": "0123", "realsense.preset": "1e3", "realsense.emitter": "off"}
    config = load_config([], overrides | {"realsense.laser_power": "150"}).realsense
    assert (config.serial, config.preset, config.emitter) == ("0123", "1e3", False)
    assert config.laser_power == 150.0
    assert load_config([], {"realsense.laser_power": "none"}).realsense.laser_power is None


def test_dump_loads_to_an_equal_config(write):
    overrides = {
        "tracking.normal_variance": "1e-7",
        "noise.disparity_sigma": "0.1234567890123456789",
        "playback.pace": "realtime",
        "tracking.photometric": "no",
    }
    for config in (Config(), load_config([], overrides)):
        assert load_config(write(dump_config(config))) == config


@pytest.mark.parametrize("section", dataclasses.fields(Config), ids=lambda section: section.name)
def test_every_default_has_the_type_it_declares(section):
    """Building from the defaults runs each of them through the strict loader."""
    value = dataclasses.asdict(Config())[section.name]
    assert build(Config, {section.name: value}) == Config()


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_config_loads(path):
    load_config([path])


def test_optional_fields():
    @dataclass(frozen=True)
    class Section:
        limit_m: float | None = None
        names: list[str] = field(default_factory=list)

    assert build(Section, {"limit_m": "1e-3"}).limit_m == 1e-3
    assert build(Section, {"limit_m": None}).limit_m is None
    with pytest.raises(SlamError, match="limit_m must be a number"):
        build(Section, {"limit_m": "x"})
