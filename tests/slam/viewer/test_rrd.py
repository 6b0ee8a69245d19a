"""Recordings are written and read back with rerun's own tools."""

import logging
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slam.geometry import se3_exp
from slam.graph.corrections import Corrections
from slam.graph.detector import Loop
from slam.graph.graph import Move, Moved
from slam.graph.no_loops import NoLoops
from slam.graph.pose_graph import Edge
from slam.graph.registration import Evidence
from slam.tracking.base import TrackState
from slam.viewer.base import MapView, Snapshot, Viewer
from slam.viewer.blueprint import PLOTS
from slam.viewer.open import open_viewer
from slam.viewer.rerun_screen import colors_of

from .conftest import tracked

NAMES = ("tsdf", "neural")


def open_file(path: Path, names=NAMES, truth=None) -> Viewer:
    return open_viewer(str(path), names, truth, say=pytest.fail)


class Recording:
    """What a file holds, by entity."""

    def __init__(self, path: Path) -> None:
        from rerun.chunk import RrdReader

        self.tables: dict[str, list] = {}
        self.timelines: dict[str, set[str]] = {}
        for chunk in RrdReader(path).stream():
            table = chunk.to_record_batch().to_pylist()
            self.tables.setdefault(chunk.entity_path, []).extend(table)
            self.timelines.setdefault(chunk.entity_path, set()).update(chunk.timeline_names)

    def column(self, entity: str, component: str) -> list:
        """Return the values of a component, row by row, where it has one."""
        rows = self.tables[entity]
        found = [row[key] for row in rows for key in row if key.endswith(component)]
        return [value for value in found if value]


@pytest.fixture
def recorded(tmp_path, walk, make_maps, run_through) -> tuple[Path, Recording]:
    """Record a short run of both maps; return the file and what it holds."""
    path = tmp_path / "run.rrd"
    viewer = open_file(path, truth=walk.truth)
    for snapshot in run_through(make_maps()):
        viewer.show(snapshot)
    viewer.close()
    return path, Recording(path)


def test_a_run_is_recorded_whole(recorded, walk):
    path, recording = recorded
    verified = subprocess.run(
        [sys.executable, "-m", "rerun_cli", "rrd", "verify", str(path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stderr

    frames = [frame.index for frame in walk.frames]
    for entity in ["/plots/fps", *(f"/plots/{plot}/{name}" for plot in PLOTS for name in NAMES)]:
        rows = [row for row in recording.tables[entity] if row.get("frame") is not None]
        assert [row["frame"] for row in rows] == frames  # every one, whatever the views
        assert recording.timelines[entity] == {"frame", "time"}
        seconds = [row["time"].total_seconds() for row in rows]
        np.testing.assert_allclose(seconds, np.array(frames) / 30, atol=1e-6)
    assert recording.column("/plots/state/neural", "scalars") == [[2.0]] * len(frames)
    assert recording.column("/plots/residual_mm/tsdf", "scalars") == [[2.0]] * len(frames)
    assert recording.column("/plots/ate_cm/tsdf", "scalars")[-1][0] < 1e-4  # poses are true

    images = [f"/images/{who}" for who in ("camera/color", "camera/depth", "difference", "legend")]
    images += [f"/images/{name}/{what}" for name in NAMES for what in ("color", "depth", "error")]
    assert set(images) <= recording.tables.keys()


def test_space_holds_meshes_paths_and_cameras_of_both_maps(recorded, walk):
    _, recording = recorded
    for name in NAMES:
        meshes = [entity for entity in recording.tables if entity.startswith(f"/{name}/mesh/")]
        assert len(meshes) > 10
        vertices = np.concatenate(
            [recording.column(entity, "vertex_positions")[-1] for entity in meshes]
        )
        assert len(vertices) > 1000
        (pose,) = recording.column(f"/{name}/camera", "translation")[-1]
        np.testing.assert_allclose(pose, walk.Ts_world_camera[-1, :3, 3], atol=1e-6)
        for path in ("path", "true_path"):  # aligned at the first pose, both are the same
            (line,) = recording.column(f"/{name}/{path}/0", "strips")[-1]
            np.testing.assert_allclose(line, walk.Ts_world_camera[:, :3, 3], atol=1e-5)
    assert recording.column("/neural/predicted", "vertex_positions")
    assert "/tsdf/predicted" not in recording.tables


class LoopsAt(NoLoops):
    """Has a node each other frame, and from some frame on a loop that moves the world."""

    def __init__(self, frame_index, T_new_old):
        self._frame_index, self._T_new_old = frame_index, T_new_old

    def pass_frame(self, index, map_):
        nodes = np.arange(0, index + 1, 2)
        Ts = np.tile(np.eye(4), (len(nodes), 1, 1))
        self.corrections = Corrections(nodes, Ts, np.zeros(0, np.int64))
        if index == self._frame_index:
            Ts = np.tile(self._T_new_old, (len(nodes), 1, 1))
            correction = map_.correct(nodes, Ts)
            while not correction.advance():
                pass
            move = Move(nodes, Ts, np.full(len(nodes), 0.3), ())
            self.moves = (Moved.after(index, move, correction.swap()),)
            edge = Edge(0, 2, np.eye(4), np.eye(6))
            evidence = Evidence(1.0, 1.0, 0.0, 1.0, 0.001)
            found = Loop(edge, (0, 4), 50, evidence, 0.3, 0.0, "")
            self.found = (found, replace(found, frame_indices=(0, 2), refusal="no"))


def test_a_correction_redraws_the_path_and_moves_the_mesh(tmp_path, walk, make_maps, run_through):
    viewer = open_file(tmp_path / "loop.rrd", names=("tsdf",))
    maps = {"tsdf": make_maps()["tsdf"]}
    T_new_old = se3_exp(np.array([0.3, 0.0, 0.15, 0.0, 0.1, 0.0]))
    loops, last = LoopsAt(7, T_new_old), 7
    T_world = np.eye(4)
    for index in range(len(walk.frames)):
        (frame,), Ts = walk.frames[index : index + 1], walk.Ts_world_camera
        maps["tsdf"].integrate(frame, T_world @ Ts[index])
        result = tracked(T_world @ Ts[index])
        viewer.show(Snapshot(frame, (MapView("tsdf", maps["tsdf"], result, loops),), 30.0))
        while viewer._rows:
            time.sleep(0.01)
        loops.pass_frame(index, maps["tsdf"])
        if index == last:
            T_world = T_new_old
    viewer.close()
    recording = Recording(tmp_path / "loop.rrd")
    (line,) = recording.column("/tsdf/path/0", "strips")[-1]
    moved = T_new_old @ walk.Ts_world_camera
    np.testing.assert_allclose(line, moved[:, :3, 3], atol=1e-5)
    nodes = recording.column("/tsdf/graph/nodes", "positions")[-1]
    np.testing.assert_allclose(nodes, moved[::2, :3, 3], atol=1e-5)
    (loop,) = recording.column("/tsdf/graph/loops", "strips")[-1]  # the accepted one
    np.testing.assert_allclose(loop, moved[[0, 4], :3, 3], atol=1e-5)
    meshes = [entity for entity in recording.tables if entity.startswith("/tsdf/mesh/")]
    shifts = {entity: recording.column(entity, "translation") for entity in meshes}
    at_once = [each for each in shifts.values() if each]
    assert at_once
    for each in at_once:  # moved at once, then made anew where it is
        np.testing.assert_allclose(each[0][0], T_new_old[:3, 3], atol=1e-5)
        np.testing.assert_array_equal(each[-1][0], 0.0)


def test_one_map_without_truth_has_neither_a_second_one_nor_an_ate(
    tmp_path, make_maps, run_through
):
    viewer = open_file(tmp_path / "one.rrd", names=("tsdf",))
    for snapshot in run_through({"tsdf": make_maps()["tsdf"]}):
        viewer.show(snapshot)
    viewer.close()
    entities = Recording(tmp_path / "one.rrd").tables.keys()
    assert not [entity for entity in entities if "neural" in entity or "true_path" in entity]
    assert "/images/difference" not in entities


def test_three_maps_have_their_own_place_and_colour(tmp_path, make_maps, run_through):
    maps, more = make_maps(), make_maps()
    maps["neural-rays-512"] = more["neural"]
    viewer = open_file(tmp_path / "three.rrd", names=tuple(maps))
    for snapshot in run_through(maps, slice(0, 4)):
        viewer.show(snapshot)
    viewer.close()
    entities = Recording(tmp_path / "three.rrd").tables.keys()
    for name in maps:
        assert any(entity.startswith(f"/{name}/mesh/") for entity in entities)
        assert {f"/images/{name}/color", f"/plots/map_mb/{name}"} <= entities
    assert len(set(colors_of([*maps, "neural-rays-256"]).values())) == 4


def test_a_system_that_starts_anew_clears_what_it_had(tmp_path, make_maps, run_through):
    from rerun.chunk import RrdReader

    viewer = open_file(tmp_path / "anew.rrd", names=("tsdf",))
    for _ in range(2):
        for snapshot in run_through({"tsdf": make_maps()["tsdf"]}, slice(0, 4)):
            viewer.show(snapshot)
        while viewer._rows:
            time.sleep(0.01)
    viewer.close()
    cleared = {
        chunk.entity_path
        for chunk in RrdReader(tmp_path / "anew.rrd").stream()
        if any(name.startswith("Clear:") for name in chunk.to_record_batch().schema.names)
    }
    assert {"/tsdf/mesh", "/tsdf/path"} <= cleared


def test_a_lost_frame_is_in_the_plots_and_not_in_the_path(tmp_path, make_maps, run_through):
    viewer = open_file(tmp_path / "lost.rrd", names=("tsdf",))
    maps = {"tsdf": make_maps()["tsdf"]}
    for state, frames in ((TrackState.OK, slice(0, 3)), (TrackState.LOST, slice(3, 6))):
        for snapshot in run_through(maps, frames, state):
            viewer.show(snapshot)
    viewer.close()
    recording = Recording(tmp_path / "lost.rrd")
    assert recording.column("/plots/state/tsdf", "scalars") == [[2.0]] * 3 + [[0.0]] * 3
    (line,) = recording.column("/tsdf/path/0", "strips")[-1]
    assert len(line) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk_is_one_warning_and_the_run_goes_on(tmp_path, make_maps, run_through, caplog):
    os.symlink("/dev/full", tmp_path / "full.rrd")
    viewer = open_file(tmp_path / "full.rrd")
    maps = make_maps()
    with caplog.at_level(logging.WARNING):
        for snapshot in run_through(maps):
            viewer.show(snapshot)
        viewer.close()
    assert len(caplog.records) == 1
    assert "the run goes on without it" in caplog.text
    assert "No space left" in caplog.text
    assert maps["tsdf"].num_integrated == 12
