"""The run folder."""

import csv
import json
import logging
import math
import resource

import numpy as np
import pytest

from slam.config import Config, TsdfConfig
from slam.errors import SlamError
from slam.graph.detector import Loop
from slam.graph.graph import Graph
from slam.graph.pose_graph import Edge
from slam.graph.registration import Evidence
from slam.journal import FrameRecord
from slam.maps.base import Mesh
from slam.runs.finished import load_run
from slam.runs.folder import RunFolder
from slam.tracking.base import TrackState
from slam.trajectory import Trajectory

NAN = math.nan
CONFIG = Config(tsdf=TsdfConfig(voxel_size_m=0.02))
TRAJECTORY = Trajectory(np.array([1.0, 1305031102.175304]), np.tile(np.eye(4), (2, 1, 1)))
MESH = Mesh(
    np.eye(3, dtype=np.float32), np.zeros((3, 3), np.uint8), np.array([[0, 1, 2]], np.int32)
)
RECORDS = [
    FrameRecord(0, 1305031102.175304, TrackState.OK, 12.3, 4.5, 0.0012, 0.93, 0.01, 12.5),
    FrameRecord(1, 1305031102.211214, TrackState.LOST, 10.0, NAN, NAN, 0.1, 1e-9, 12.5),
]


def write_run(path) -> RunFolder:
    folder = RunFolder(path)
    folder.write_config(CONFIG)
    folder.write_trajectory(TRAJECTORY)
    folder.write_metrics({"frames": 2, "source": "synthetic:room"})
    return folder


def test_run_roundtrip(tmp_path):
    folder = write_run(tmp_path / "a" / "run")
    run = load_run(folder.path)
    assert (run.mesh_path, run.map_path, run.frames) == (None, None, [])
    folder.write_mesh(MESH)
    folder.write_frames(RECORDS)
    folder.write_report("<p>é</p>")
    folder.map_path(".npz").write_bytes(b"")
    run = load_run(folder.path)
    assert run.config == CONFIG
    assert run.metrics == {"source": "synthetic:room", "frames": 2}
    np.testing.assert_allclose(run.trajectory.timestamps_s, TRAJECTORY.timestamps_s, atol=1e-6)
    assert run.mesh_path == folder.path / "mesh.ply"
    assert run.map_path == folder.path / "map.npz"
    assert repr(run.frames) == repr(RECORDS)  # repr, since NaN is not equal to itself
    names = {path.name for path in folder.path.iterdir()}
    texts = {"config.yaml", "frames.csv", "metrics.json", "report.html", "trajectory.txt"}
    assert names == texts | {"map.npz", "mesh.ply"}


def test_metrics_have_a_fixed_order_and_no_nan(tmp_path):
    folder = RunFolder(tmp_path)
    metrics = {
        "versions": {"numpy": "2"},
        "fps": np.float32(61.23456789),
        "ate_rmse_m": NAN,
        "mesh": {"f1": 1.0, "depth_l1_cm": math.inf, "sizes": (np.int64(3), NAN)},
        "tracked": np.int64(12345678),
        "frames": 12345678,
    }
    folder.write_metrics(metrics)
    text = (tmp_path / "metrics.json").read_text()
    assert "NaN" not in text
    assert "Infinity" not in text
    written = json.loads(text)
    assert list(written) == ["frames", "tracked", "fps", "ate_rmse_m", "mesh", "versions"]
    assert written["fps"] == 61.2346
    assert written["frames"] == written["tracked"] == 12345678
    assert written["ate_rmse_m"] is None
    assert written["mesh"] == {"f1": 1.0, "depth_l1_cm": None, "sizes": [3, None]}
    folder.write_metrics(dict(reversed(metrics.items())))
    assert list(json.loads((tmp_path / "metrics.json").read_text())) == list(written)


def test_run_log_is_one_file_and_is_started_anew(tmp_path):
    for word in ("first", "second"):
        folder = RunFolder(tmp_path)
        assert folder.log_handler() is folder.log_handler()
        record = logging.LogRecord("slam", logging.INFO, "", 1, word, None, None)
        folder.log_handler().handle(record)
        folder.log_handler().close()
    text = (tmp_path / "run.log").read_text()
    assert "second" in text
    assert "first" not in text


def test_full_disk_costs_only_what_does_not_fit(tmp_path, capsys):
    folder = RunFolder(tmp_path)
    log_file = folder.log_handler()
    log_file.handle(logging.LogRecord("slam", logging.INFO, "", 1, "a" * 500, None, None))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, limits[1]))
    try:
        for _ in range(3):
            log_file.handle(logging.LogRecord("slam", logging.INFO, "", 1, "b" * 7900, None, None))
        with pytest.raises(SlamError, match=r"cannot write .*report\.html: File too large"):
            folder.write_all(
                lambda: folder.write_config(CONFIG),
                lambda: folder.write_report("x" * 16000),
                lambda: folder.write_trajectory(TRAJECTORY),
                lambda: folder.write_metrics({"frames": 2}),
            )
        with pytest.raises(SlamError, match=r"cannot write .*run\.log: File too large"):
            folder.write_all()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"config.yaml", "metrics.json", "run.log", "trajectory.txt"}
    assert load_run(tmp_path).metrics == {"frames": 2}
    assert "Traceback" not in capsys.readouterr().err
    log_file.close()


def test_foreign_os_error_names_its_file(tmp_path):
    folder = RunFolder(tmp_path)

    def save_map() -> None:
        (tmp_path / "missing" / "map.npz").write_bytes(b"")

    done = []
    with pytest.raises(SlamError, match=r"cannot write .*map\.npz: No such file"):
        folder.write_all(save_map, lambda: done.append(True))
    assert done


def test_no_folder_is_an_error_of_one_line(tmp_path):
    with pytest.raises(SlamError, match="no run folder at"):
        load_run(tmp_path / "missing")
    (tmp_path / "file").write_text("")
    with pytest.raises(SlamError, match=r"cannot create run folder .*exists"):
        RunFolder(tmp_path / "file")


def test_loops_are_a_table_and_the_graph_is_read_back(tmp_path):
    edge = Edge(0, 1, np.eye(4), np.diag([0.0, 1e4, 1e6, 1e6, 1e6, 1e6]))
    evidence = Evidence(0.75, 0.96, 0.01, math.nan, 0.00123456789)
    loops = [
        Loop(edge, (3, 700), 41, evidence, 0.0123, 0.4, ""),
        Loop(edge, (9, 800), 25, evidence, 1.5, 9.0, "no, it is not"),
    ]
    folder = write_run(tmp_path)
    folder.write_graph(Graph.none())
    assert not (tmp_path / "loops.csv").exists()
    assert not (tmp_path / "graph.json").exists()
    assert len(load_run(tmp_path).graph) == 0
    Ts = np.tile(np.eye(4), (2, 1, 1))
    stamps_s = np.array([0.1, 23.3])
    graph = Graph(np.array([3, 700]), stamps_s, Ts, Ts, [edge], loops, [])
    folder.write_graph(graph)
    rows = list(csv.DictReader((tmp_path / "loops.csv").open()))
    assert [row["refusal"] for row in rows] == ["", "no, it is not"]
    assert rows[0]["residual_m"] == "0.00123457"
    assert rows[0]["sigma_m"] == rows[0]["same"] == ""  # open, and without colour
    assert float(rows[0]["sigma_deg"]) == pytest.approx(math.degrees(1e-3), rel=1e-5)
    assert load_run(tmp_path).graph.frame_indices.tolist() == [3, 700]
    (tmp_path / "graph.json").write_text('{"nodes": 3}')
    with pytest.raises(SlamError, match=r"graph\.json is no pose graph"):
        load_run(tmp_path)
