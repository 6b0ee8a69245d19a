"""The studies: what they measure, on maps whose error is known, and what they run."""

import importlib.util
import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from slam.cli import main
from slam.config_file import load_config
from slam.geometry import inverse, transform_points
from slam.meshio import read_mesh, write_ply
from slam.runs.finished import load_run
from slam.sources.synthetic import SyntheticSource, open_synthetic
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.given import GivenPoses

ROOT = Path(__file__).resolve().parents[1]


def load(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)  # dataclasses look themselves up there
    monkeypatch.syspath_prepend(str(ROOT))
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def forgetting(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load("forgetting_study", monkeypatch)


@pytest.fixture
def noise(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load("noise_study", monkeypatch)


@pytest.fixture
def survival(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    yield load("survival_study", monkeypatch)
    logging.disable(logging.NOTSET)  # the study silences the warnings of a process


@pytest.fixture
def kidnaps(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("survival.kidnaps")


def test_surface_that_no_reading_shows_is_counted(tmp_path, monkeypatch: pytest.MonkeyPatch):
    study = load("seen_surface_study", monkeypatch)
    out = str(tmp_path / "run")
    assert main(["run", "synthetic:room", "--use-gt-poses", "--limit", "3", "--out", out]) == 0
    run = load_run(tmp_path / "run")
    source = open_synthetic("room")
    unseen, complete = study.shares(run, source)
    assert unseen < 0.02
    assert complete > 0.97
    mesh = read_mesh(run.mesh_path)
    guess = replace(mesh, vertices_m=mesh.vertices_m + np.float32(30))
    both = replace(
        mesh,
        vertices_m=np.concatenate([mesh.vertices_m, guess.vertices_m]),
        colors=np.concatenate([mesh.colors, mesh.colors]),
        triangles=np.concatenate([mesh.triangles, mesh.triangles + np.int32(len(mesh.vertices_m))]),
    )
    write_ply(run.mesh_path, both)
    assert study.shares(run, source)[0] == pytest.approx(0.5, abs=0.02)


def test_what_residuals_add_is_a_table(capsys, monkeypatch: pytest.MonkeyPatch):
    study = load("residual_study", monkeypatch)
    small = replace(study.TIMELESS, budget_mb=256, rays=256, first_steps=1, steps=1)
    variants = {
        "base alone": replace(small, first_steps=0, steps=0), "and what is learned": small,
    }  # fmt: skip
    monkeypatch.setattr(study, "TIMELESS", small)
    monkeypatch.setattr(study, "VARIANTS", variants)
    assert study.main(["synthetic:room", "--limit", "12"]) == 0
    rows = [line.split("|")[1:-1] for line in capsys.readouterr().out.splitlines()]
    assert [row[0].strip() for row in rows[2:]] == ["TSDF", *variants, "and polished"]
    for row in rows[2:]:
        color_db, depth_cm = map(float, row[1:3])
        assert color_db > 20
        assert depth_cm < 1.0


@pytest.fixture
def methods(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load("methods_study", monkeypatch)


class KnownMap:
    """Renders the true scene in the world of the first camera, `shift_m` too deep, with holes."""

    def __init__(self, source: SyntheticSource, shift_m: float = 0.0, hole_rows: int = 0) -> None:
        self.scene = source.scene
        self.T_scene_world = source.ground_truth().Ts_world_camera[0]
        self.shift_m, self.hole_rows = shift_m, hole_rows

    def render(self, camera, T_world_camera):
        depth_m, _ = self.scene.render(camera, self.T_scene_world @ T_world_camera)
        depth_m = depth_m + np.float32(self.shift_m)
        depth_m[: self.hole_rows] = 0
        return SimpleNamespace(depth_m=depth_m)


@pytest.fixture(scope="module")
def apartment() -> SyntheticSource:
    return open_synthetic("apartment")


@pytest.fixture
def views(forgetting: ModuleType, apartment: SyntheticSource) -> list:
    Ts_scene_camera = apartment.ground_truth().Ts_world_camera
    T_world_scene = inverse(Ts_scene_camera[0])
    return [forgetting.View(k, T_world_scene @ Ts_scene_camera[k]) for k in (0, 150, 300)]


def test_first_visit_ends_at_the_kitchen_and_the_last_begins_at_the_dining_room(
    forgetting: ModuleType, apartment: SyntheticSource
) -> None:
    positions_m = apartment.ground_truth().positions_m
    left, back = forgetting.first_visit(positions_m)
    np.testing.assert_allclose(positions_m[left, :2], [6.0, 2.5], atol=0.06)
    np.testing.assert_allclose(positions_m[back, :2], [3.0, 5.0], atol=0.06)
    assert left < back < len(positions_m)
    assert forgetting.first_visit(positions_m[: back - 1]) == (left, back - 1)
    with pytest.raises(ValueError, match="leave it"):
        forgetting.first_visit(positions_m[:left])


def test_the_room_ends_within_its_inner_walls(forgetting: ModuleType) -> None:
    inside = [(0.0, 2.0, 1.0), (2.0, 0.0, 1.0), (5.92, 2.0, 0.0), (2.0, 4.92, 2.5)]  # faces
    outside = [(6.08, 2.0, 1.0), (2.0, 5.08, 1.0), (-0.2, 2.0, 1.0), (2.0, -0.2, 1.0)]
    assert forgetting.is_in_room(np.array(inside)).all()
    assert not forgetting.is_in_room(np.array(outside)).any()


def test_depth_errors_of_known_maps(
    forgetting: ModuleType, apartment: SyntheticSource, views: list
) -> None:
    true_m = forgetting.true_depth_m(apartment, views)
    assert true_m.shape == (3, 120, 160)

    def errors_of(*maps: KnownMap) -> list:
        shown = [forgetting.mapped_depth_m(map_, apartment.camera, views) for map_ in maps]
        return forgetting.depth_errors(true_m, shown)

    exact, shifted, far = errors_of(
        *(KnownMap(apartment, shift_m) for shift_m in (0.0, 0.02, 0.03))
    )
    # the way through the first camera's frame rounds; a grazing ray turns that into up to 0.1 mm
    assert exact.mean_cm < 1e-3
    assert exact.hole_share == 0.0
    for error, expected_cm in ((shifted, 2.0), (far, 3.0)):
        cm = (error.mean_cm, error.median_cm, error.common_mean_cm)
        assert cm == pytest.approx((expected_cm,) * 3, abs=1e-3)
    assert errors_of(KnownMap(apartment, 0.02), KnownMap(apartment, 0.03))[1].change_percent == (
        pytest.approx(50.0, abs=0.1)
    )
    holes, none = errors_of(KnownMap(apartment, hole_rows=60), KnownMap(apartment))
    assert holes.hole_share == pytest.approx(0.5, abs=0.05)
    assert none.hole_share == 0.0
    nothing = errors_of(KnownMap(apartment, hole_rows=120))[0]
    assert nothing == forgetting.DepthError(None, None, None, None, 1.0)


def test_a_hole_that_fills_is_no_change(forgetting: ModuleType) -> None:
    """What comes in has an error of its own, but the rest is remembered as it was."""
    true_m = np.full((1, 2, 2), 2.0, np.float32)
    before, after = np.full((1, 2, 2), 2.01, np.float32), np.full((1, 2, 2), 2.01, np.float32)
    before[0, 0, 0], after[0, 0, 0] = 0.0, 3.0
    first, second = forgetting.depth_errors(true_m, [before, after])
    assert second.change_percent == pytest.approx(0.0)
    assert second.mean_cm > 20 * first.mean_cm
    assert (first.hole_share, second.hole_share) == (0.25, 0.0)


def test_only_pixels_of_the_first_room_count(
    forgetting: ModuleType, apartment: SyntheticSource
) -> None:
    """The last view before the door is filled by the kitchen behind it."""
    left, _ = forgetting.first_visit(apartment.ground_truth().positions_m)
    true_m = forgetting.true_depth_m(apartment, [forgetting.View(left - 1, np.eye(4))])
    assert (true_m > 0).mean() < 0.1


def test_a_whole_study_on_few_frames(forgetting: ModuleType, apartment: SyntheticSource) -> None:
    overrides = {"playback.stride": "60", "tsdf.voxel_size_m": "0.06", "deterministic": "true"}
    config = load_config([], overrides)
    map_ = forgetting.new_map(config, apartment.depth_noise)
    tracker = GivenPoses(apartment.ground_truth())
    report = forgetting.study(apartment, config, tracker, map_, view_every=2)
    num_frames = len(range(0, len(apartment.timestamps_s), 60))
    assert (report["frames"], report["lost"]) == (num_frames, 0)
    assert report["views"] == len(range(0, report["left_at_frame"], 120))
    assert list(report["errors"]) == ["on leaving it", "before coming back", "after the walk"]
    for error in report["errors"].values():
        assert 0.0 < error["mean_cm"] < 6.0  # a voxel
        assert error["hole_share"] < 0.2
    assert report["errors"]["on leaving it"]["change_percent"] == 0.0
    lines = forgetting.table(report).splitlines()
    assert len(lines) == 7
    assert json.loads(json.dumps(report)) == report


SCORES = {"accuracy_cm": 0.2, "completion_ratio": 0.99, "f1": 0.9, "depth_l1_cm": 0.4}


class CommandLine:
    """Stands in for `slam`: writes the metrics of a run, and fails with the neural map."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...]] = []

    def __call__(self, *words: str) -> None:
        self.calls.append(words)
        if "neural" in words:
            raise sys.modules["study_runs"].StudyError("slam run ended with 2: no such map")
        run = Path(words[1] if words[0] == "eval" else words[-1])
        metrics = {"ate_rmse_m": 0.001, "frames": 9, "lost": 1}
        run.mkdir(parents=True, exist_ok=True)
        metrics |= {"mesh": SCORES} if words[0] == "eval" else {}
        (run / "metrics.json").write_text(json.dumps(metrics))


def test_noise_study_runs_each_once_and_goes_on_after_a_failure(
    noise: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    slam = CommandLine()
    monkeypatch.setattr("study_runs.slam", slam)
    arguments = ["--outliers", "0,0.05", "--limit", "9", "--fusion", "average"]
    arguments += ["--out", str(tmp_path)]
    assert noise.main([*arguments, "--maps", "neural,tsdf"]) == 1
    said = capsys.readouterr().out
    assert "| tsdf | average | 5% | 0.100 | 1 of 9 | 0.200 | 99.00 | 90.00 | 0.400 |" in said
    assert "| neural | average | 0% | failed: slam run ended with 2: no such map |" in said
    assert [words[0] for words in slam.calls] == ["run", "run", "run", "eval", "run", "eval"]
    slam.calls.clear()
    assert noise.main([*arguments, "--maps", "tsdf"]) == 0
    assert slam.calls == []
    learned = [word.replace("average", "learned") for word in arguments]
    assert noise.main([*learned, "--maps", "tsdf"]) == 0
    assert [words[0] for words in slam.calls] == ["run", "eval", "run", "eval"]
    slam.calls.clear()
    assert noise.main([*arguments[:-1], str(tmp_path / "new"), "--maps", "tsdf"]) == 0
    assert [words[0] for words in slam.calls] == ["run", "eval", "run", "eval"]


def test_a_study_measures_an_unscored_run_again(
    noise: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted run leaves metrics, but nobody scored its surface."""
    slam = CommandLine()
    monkeypatch.setattr("study_runs.slam", slam)
    (tmp_path / "metrics.json").write_text(json.dumps({"frames": 3, "ate_rmse_m": 0.1}))
    assert sys.modules["study_runs"].measured(tmp_path, "synthetic:room", ())["frames"] == 9
    assert [words[0] for words in slam.calls] == ["run", "eval"]


def test_a_study_says_what_the_command_line_said(noise: ModuleType) -> None:
    runs = sys.modules["study_runs"]
    with pytest.raises(runs.StudyError, match="slam eval ended with 2: slam: no run folder"):
        runs.slam("eval", "nowhere")


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    return load("map_study", monkeypatch)


def test_map_study_lays_out_both_maps_and_goes_on_after_a_failure(
    maps: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    slam = CommandLine()
    monkeypatch.setattr("study_runs.slam", slam)
    arguments = ["bedroom", "--data", str(tmp_path / "data"), "--out", str(tmp_path)]
    assert maps.main(arguments) == 1
    rows = capsys.readouterr().out.splitlines()
    failed = "failed: slam run ended with 2: no such map"
    assert rows[0] == "|  | tsdf | neural |"
    assert rows[2:] == [f"| {row.title} | 0.100 cm | {failed} |" for row in maps.PARTS["bedroom"]]
    assert slam.calls[0][:2] == ("run", str(tmp_path / "data" / "replica_bedroom"))
    assert maps.main([*arguments, "--maps", "tsdf"]) == 0
    with pytest.raises(SystemExit):
        maps.main(["rooms"])


def test_thin_things_without_a_mesh_are_not_complete(maps: ModuleType, tmp_path: Path) -> None:
    """The exact surface is complete but for rounding; moved by 1 cm it is not, and 1 cm off."""
    out = str(tmp_path / "thin")
    assert main(["run", "synthetic:thin", "--use-gt-poses", "--limit", "3", "--out", out]) == 0
    source = open_synthetic("thin")
    T_run_scene = inverse(source.ground_truth().Ts_world_camera[0])
    truth = source.scene.mesh()

    def scores(shift_m: float) -> tuple[float, float]:
        moved = transform_points(T_run_scene, truth.vertices_m + shift_m).astype(np.float32)
        write_ply(tmp_path / "thin" / "mesh.ply", replace(truth, vertices_m=moved))
        complete, accuracy = maps.thin(tmp_path / "thin", {}).split(",")
        return float(complete.split()[0]), float(accuracy.split()[0])

    assert scores(0.0) == (100.0, 0.0)
    complete, accuracy_cm = scores(0.008)
    assert complete < 50.0
    assert 0.3 < accuracy_cm < 1.4


def test_a_kidnap_there_and_back_is_survived(kidnaps, monkeypatch):
    """A third of a second of the room is mapped, then half a second is cut out of it."""
    monkeypatch.setattr(kidnaps, "FIRST_S", 0.3)
    monkeypatch.setattr(kidnaps, "GAP_S", (0.5, 0.6))
    monkeypatch.setattr(kidnaps, "NUM_AFTER", 1)
    source = open_synthetic("room", 60)
    truth = dict(enumerate(source.ground_truth().Ts_world_camera))
    config = load_config([], {"playback.stride": "3"})
    found = list(kidnaps.kidnaps(source, config, truth, num_cuts=1, seed=0))
    assert len(found) == 3
    for kidnap in found:
        assert kidnap.sees_map
        assert kidnap.frames_until_found <= 3
        assert kidnap.wrong == []


def test_a_pose_beside_the_truth_is_counted_as_wrong(kidnaps):
    kidnap = kidnaps.Kidnap("0 to 9")
    for step_m, num_wrong in ((0.04, 0), (0.06, 1)):
        T = np.eye(4)
        T[0, 3] = step_m
        result = TrackResult(T, TrackState.OK, "", 0.0, 0.9, 1.0, 1)
        kidnaps._check(kidnap, np.eye(4), 9, result)
        assert len(kidnap.wrong) == num_wrong
    assert kidnap.wrong[0].startswith("0 to 9: frame 9 OK but 6.0 cm, 0.0 deg off")


def test_survival_study_tells_what_became_of_a_walk(survival: ModuleType, capsys) -> None:
    """By depth alone, before a wall that holds nothing, and in a room."""
    sources = ["synthetic:wall", "synthetic:room"]
    arguments = ["walks", *sources, "--frames", "4", "--tracking.photometric", "false"]
    assert survival.main(arguments) == 0
    wall, room = capsys.readouterr().out.strip().splitlines()[-2:]
    assert wall.startswith("| synthetic:wall | 4 | 25.0 | 0.0 |")
    assert room.startswith("| synthetic:room | 4 | 100.0 | 0.0 | 0.0")


def test_survival_study_tells_what_a_box_does_to_a_camera(
    survival: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """A pose that stands still while the camera goes on is wrong; the true ones are not."""
    movers = importlib.import_module("survival.movers")
    config = load_config([], {})
    source = movers.before_a_box("synthetic:room", "starts", 3, config)
    assert len(source.timestamps_s) == movers.NUM_FRAMES
    shares = [source.mover_mask(i).mean() for i in (20, 33)]
    assert all(0.1 < share < 0.5 for share in shares)
    Ts_true = source.ground_truth().Ts_world_camera

    class Known:
        def __init__(self, poses):
            self._poses = iter(poses)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def step(self, _):
            return TrackResult(next(self._poses), TrackState.OK, "", 0.0, 1.0, 1.0, 1)

    def result_of(poses):
        made = SimpleNamespace(from_config=lambda *_: Known(poses))
        monkeypatch.setattr(movers, "Slam", made)
        return movers.carried(source, config, 0.01)

    T_other_world = np.array([[0, -1, 0, 3], [1, 0, 0, 4], [0, 0, 1, 5], [0, 0, 0, 1]], float)
    right = result_of(T_other_world @ Ts_true)
    assert (right.num_wrong, right.num_not_ok) == (0, 0)
    assert right.error_m < 1e-9
    still = result_of([Ts_true[0]] * movers.NUM_FRAMES)
    assert still.num_wrong > 30
    moved_m = np.linalg.norm(Ts_true[:, :3, 3] - Ts_true[0, :3, 3], axis=1).max()
    assert still.error_m == pytest.approx(moved_m)


def test_survival_study_tells_wrong_from_right_by_what_the_truth_can_tell(
    survival: ModuleType,
) -> None:
    """2 cm off counts where the truth is exact, not where it is a reconstruction; a pose that is
    not OK is never wrong.
    """
    T_error = np.eye(4)
    T_error[0, 3] = 0.02
    ok = TrackResult(np.eye(4), TrackState.OK, "", 0.001, 0.9, 0.01, 5)
    weak = TrackResult(np.eye(4), TrackState.WEAK, "why", 0.001, 0.9, 0.01, 5)
    for source, num_wrong in (("synthetic:room", 1), ("redkitchen", 0)):
        tally = survival.Tally()
        tally.add("frame 1", ok, T_error, survival.limits_of(source))
        tally.add("frame 1", weak, T_error, survival.limits_of(source))
        assert (tally.poses, tally.ok, len(tally.wrong)) == (2, 1, num_wrong)


class ForgetfulMap(KnownMap):
    """Is a centimetre farther off after each frame, and knows the true distance everywhere."""

    nbytes = 3_000_000

    def integrate(self, frame, T_world_camera):
        self.shift_m += 0.01

    def query(self, points):
        sdf_m = self.scene.sdf(points) + np.float32(self.shift_m)
        return SimpleNamespace(sdf_m=sdf_m, is_valid=np.ones(len(points), dtype=bool))

    def color(self, points):
        return np.zeros((len(points), 3), np.uint8)


def test_methods_study_measures_how_a_room_is_forgotten(methods, apartment, monkeypatch, tmp_path):
    def new_map(config, noise):
        map_ = ForgetfulMap(apartment)
        map_.T_scene_world = np.eye(4)
        return map_

    monkeypatch.setattr(methods, "new_map", new_map)
    indices = range(0, len(apartment.timestamps_s), 200)
    found = methods.forgetting({"one": None}, apartment, indices)
    rows = found["rows"]["one"]
    assert [row["frame"] for row in rows] == list(indices[3:])  # after leaving, every one of them
    assert rows[0]["mean_cm"] == pytest.approx(4.0, abs=0.01)  # the fourth frame is in it
    assert rows[-1]["mean_cm"] == pytest.approx(len(indices), abs=0.01)
    assert all(row["holes"] == 0.0 for row in rows)
    assert all(row["map_mb"] == 3.0 and row["frames_a_second"] > 100.0 for row in rows)
    assert rows[0]["wrong"] == 0.0  # by 4 cm
    assert all(row["wrong"] == 1.0 for row in rows[2:])  # by 6 cm and more
    methods.draw_forgetting(found, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


def test_methods_study_measures_convergence(methods, tmp_path):
    source = open_synthetic("room", 20)
    frames = [methods.small_frame(source, index) for index in (0, 10)]
    surface = methods.true_surface(source, frames)
    assert np.abs(source.scene.sdf(surface.points)).max() < 1e-3
    map_ = ForgetfulMap(source)
    rows = methods.convergence(map_, source, frames, surface, seconds=0.0)
    assert rows == []  # shown twice: measured is every third time
    map_.shift_m = 0.0
    errors = methods.surface_errors(map_, surface)
    assert errors["mean_cm"] < 0.1
    black = 10 * np.log10(255.0**2 / np.mean(surface.colors.astype(float) ** 2))
    assert errors["psnr_db"] == pytest.approx(black)
    map_.shift_m = 0.02
    assert methods.surface_errors(map_, surface)["mean_cm"] == pytest.approx(2.0, abs=0.05)
    rows = {"a": [{"seconds": 1.0, **errors}, {"seconds": 2.0, **errors}]}
    methods.draw_convergence({"rows": rows}, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000
