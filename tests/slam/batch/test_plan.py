"""The jobs of a batch: which there are, what they are called, and what is refused."""

import itertools

import pytest

from slam.batch.plan import plan, sweeps_of
from slam.config import Config
from slam.errors import SlamError


def planned(sources=("synthetic:room",), maps="tsdf,neural", sweeps=(), repeats=1, config=None):
    return plan(sources, maps, sweeps_of(sweeps), repeats, config or Config())


def test_every_source_with_every_map_as_often_as_asked():
    jobs = planned(["synthetic:room", "synthetic:wall"], "tsdf,neural,neural:neural.rays=9", (), 2)
    wanted = itertools.product(
        (1, 2), ("synthetic_room", "synthetic_wall"), ("tsdf", "neural", "neural-rays-9")
    )
    assert [(job.repeat, job.row, job.column) for job in jobs] == list(wanted)
    assert len({job.path for job in jobs}) == len(jobs) == 12
    assert [job.config.neural.rays for job in jobs[:3]] == [2048, 2048, 9]
    assert [job.config.map for job in jobs[:3]] == ["tsdf", "neural", "neural"]


def test_settings_of_the_recording_make_rows_and_those_of_the_method_columns():
    jobs = planned(sweeps=["noise.outliers=0,0.1", "neural.rays=512,1024"])
    assert [(job.row, job.column) for job in jobs] == [
        *((f"synthetic_room-noise.outliers-{share}", column)
          for share in ("0", "0.1")
          for column in ("tsdf", "neural-rays-512", "neural-rays-1024")),
    ]  # fmt: skip
    for job in jobs:
        assert job.config.noise.outliers == float(job.swept["noise.outliers"])
        assert ("neural.rays" in job.swept) == (job.config.map == "neural")
    assert [job.config.neural.rays for job in jobs[1:3]] == [512, 1024]


def test_a_source_is_called_by_as_much_of_its_path_as_needed(tmp_path):
    folders = [tmp_path / "a" / "seq 1", tmp_path / "b" / "seq 1"]
    for folder in folders:
        folder.mkdir(parents=True)
    assert [job.row for job in planned([str(folders[0])], "tsdf")] == ["seq_1"]
    jobs = planned(list(map(str, folders)), "tsdf")
    assert [job.row for job in jobs] == ["a_seq_1", "b_seq_1"]
    assert [job.source for job in jobs] == list(map(str, folders))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sources": ["realsense"]}, "a live camera cannot be run again"),
        ({"sources": ["synthetic:room", "synthetic:room"]}, "synthetic:room is given twice"),
        ({"maps": "tsdf,octree"}, "there is no map 'octree'"),
        ({"repeats": 0}, "--repeat 0: at least 1 run"),
        ({"sweeps": ["tsdf.voxel-size-m"]}, "give SECTION.FIELD=VALUE,VALUE"),
        ({"sweeps": ["tsdf.voxel-size-m=0.01,"]}, "give SECTION.FIELD=VALUE,VALUE"),
        ({"sweeps": ["tsdf.voxels=1"]}, "there is no setting tsdf.voxels"),
        ({"sweeps": ["map=tsdf,neural"]}, "--maps names the maps"),
        ({"sweeps": ["compare.min-fps=1"]}, "compare.min_fps is not for batches"),
        ({"sweeps": ["holdout=3,3"]}, "given twice"),
        ({"sweeps": ["holdout=3", "holdout=4"]}, "given twice"),
        (
            {"maps": "tsdf,implicit", "sweeps": ["neural.rays=5,6"]},
            "--set neural.rays has no effect: no map of --maps tsdf,implicit has it",
        ),
        ({"sweeps": ["holdout=often"]}, "holdout must be int, got 'often'"),
        (
            {"maps": "neural:neural.rays=5", "sweeps": ["neural.rays=6"]},
            "--set neural.rays: neural-rays-5 of --maps sets it, too",
        ),
    ],
)
def test_what_makes_no_batch_is_said_in_one_line(options, message):
    with pytest.raises(SlamError, match=message) as caught:
        planned(**options)
    assert "\n" not in str(caught.value)
