"""Result folders: ours and other systems'."""

import pytest

from slam.errors import SlamError
from slam.evaluation.systems import load_systems


def test_ours_and_others(tmp_path, write_ours, write_other):
    ours, other = write_ours(tmp_path / "ours", fps=3.0), write_other(tmp_path / "other", mesh=None)
    first, second = load_systems([ours, other])
    assert (first.name, first.metrics["fps"]) == ("ours", 3.0)
    assert first.run is not None
    assert second.run is None
    assert second.mesh_path is None
    assert len(second.trajectory) == len(first.trajectory)


def test_names_tell_apart(tmp_path, write_ours):
    paths = [write_ours(tmp_path / place / "tsdf") for place in ("desk", "kitchen")]
    assert [system.name for system in load_systems(paths)] == ["desk/tsdf", "kitchen/tsdf"]
    with pytest.raises(SlamError, match="is given twice"):
        load_systems([paths[0], paths[0]])
    with pytest.raises(SlamError, match="2 runs need as many different names, got a, a"):
        load_systems(paths, ["a", "a"])


def test_what_is_no_result(tmp_path, write_ours):
    with pytest.raises(SlamError, match="no run folder at"):
        load_systems([tmp_path / "none"])
    with pytest.raises(SlamError, match=r"config\.yaml is missing"):
        load_systems([tmp_path])
    damaged = write_ours(tmp_path / "damaged")
    (damaged / "config.yaml").unlink()
    with pytest.raises(SlamError, match=r"config\.yaml is missing"):  # it is not another system's
        load_systems([damaged])
    (tmp_path / "trajectory.txt").write_text("a line")
    with pytest.raises(SlamError, match=r"trajectory\.txt holds no pose"):
        load_systems([tmp_path])
