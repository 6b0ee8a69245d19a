"""The config on the command line: every field is an option, shown, used or refused."""

import re

import pytest

from slam.cli import main
from slam.config import Config
from slam.config_file import settings
from slam.sources.detect import open_source
from slam.sources.playback import playback


def shown(capsys, *words) -> str:
    with pytest.raises(SystemExit) as caught:
        main(words)
    assert caught.value.code == 0
    return capsys.readouterr().out


def refusal(capsys, *words) -> str:
    assert main(words) == 2
    return capsys.readouterr().err


def test_the_short_help_shows_what_most_people_need(capsys):
    text = shown(capsys, "run", "--help")
    assert "--limit" in text
    assert "--help all" in text
    assert "--tsdf." not in text
    assert len(text.splitlines()) < 60


@pytest.mark.parametrize("command", ["run", "compare", "batch"])
def test_the_whole_help_shows_every_field_that_is_used(capsys, command):
    text = shown(capsys, command, "--help", "all")
    for setting in settings():
        has_comparison, has_map = command == "compare", command == "run"
        is_used = (has_comparison or setting.section != "compare") and (
            has_map or setting.name != "map"
        )
        option = re.escape(f"--{setting.name.replace('_', '-')}")
        assert bool(re.search(rf"^  {option} ", text, re.MULTILINE)) == is_used
    line = next(line for line in text.splitlines() if "--playback.min-depth-m" in line)
    assert line.split()[1:] == ["0.2", *"readings below are treated as missing [m]".split()]


def test_a_command_shows_and_takes_only_what_it_uses(capsys, tmp_path):
    text = shown(capsys, "synth", "--help", "all")
    assert "--noise.outliers" in text
    assert "--tsdf" not in text
    assert "--limit" not in text
    out = str(tmp_path / "out")
    for words in (["synth", out], ["record", out]):
        assert f"slam {words[0]} does not use --tsdf.voxel-size-m, only" in refusal(
            capsys, *words, "--tsdf.voxel-size-m", "0.02"
        )
    assert not (tmp_path / "out").exists()
    assert "does not use --playback.pace" in refusal(capsys, "bench", "--playback.pace", "realtime")
    assert "does not use --map" in refusal(capsys, "compare", "synthetic:wall", "--map", "tsdf")
    assert "unknown option --tsdf" in refusal(capsys, "eval", ".", "--tsdf.voxel-size-m", "0.01")


def test_a_misspelled_field_is_named_with_the_right_one(capsys):
    line = refusal(capsys, "run", "synthetic:wall", "--tsdf.voxel_siez_m", "0.01")
    assert "--tsdf.voxel-siez-m; did you mean --tsdf.voxel-size-m?" in line
    assert "shows all" in refusal(capsys, "run", "synthetic:wall", "--nothing.of-the-kind", "1")


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        (["--noise.outliers", "0.5"], True),
        (["--noise", "kinect"], True),
        (["--noise=kinect", "--noise.seed", "3"], True),
        (["--noise", "none", "--noise.seed", "3"], False),
        ([], False),
    ],
)
def test_one_rule_says_when_noise_is_written(tmp_path, words, changes):
    def first_depth(source):
        return next(iter(playback(source, Config().playback))).depth_m

    assert main(["synth", str(tmp_path), "--scene", "wall", "--frames", "1", *words]) == 0
    clean = first_depth(open_source("synthetic:wall", Config()))
    written = first_depth(open_source(str(tmp_path), Config()))
    far = abs(clean - written) > 0.001  # rounding is 0.1 mm
    assert (far.mean() > 0.1) == changes


@pytest.mark.parametrize("command", ["synth", "run", "bench"])
def test_noise_of_no_model_is_refused(capsys, tmp_path, command):
    source = str(tmp_path / "out") if command == "synth" else "synthetic:wall"
    line = refusal(capsys, command, source, "--noise.disparity-sigma", "1")
    assert "--noise.disparity-sigma has no effect with --noise none: give --noise kinect" in line
    of_another = [command, source, "--noise", "stereo", "--noise.disparity-sigma", "1"]
    assert "has no effect with --noise stereo: give --noise kinect" in refusal(capsys, *of_another)
    assert "--noise.seed has no effect" in refusal(capsys, command, source, "--noise.seed", "1")
