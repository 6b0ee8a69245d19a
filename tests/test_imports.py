"""The import rules that keep the parts apart, read from the syntax trees."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*ROOT.glob("slam/**/*.py"), *ROOT.glob("kernels/**/*.py")])
BASE_LAYER = ("errors", "geometry", "camera", "frame", "trajectory", "timing", "config")
HEAVY = ("open3d", "pyrealsense2", "rerun", "torch")
ON_CUDA = (
    "kernels.cuda", "slam.gpu", "slam.maps.tsdf.cuda", "slam.maps.neural.cuda",
    "slam.tracking.cuda",
)  # fmt: skip
# what a machine with a GPU, set up for the core alone, may lack
BESIDE_THE_CORE = ("open3d", "rerun", "tyro", "pyrealsense2", "trimesh", "evo", "beartype")
THREADS = ("threading", "queue", "multiprocessing", "concurrent")

each_file = pytest.mark.parametrize(
    "path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix()
)


def imported(tree: ast.AST, path: Path, top_level_only: bool = False) -> Iterator[str]:
    """Yield the dotted name of everything that is imported: `from a import b` gives a and a.b."""
    for node in statements(tree, top_level_only):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level:
                package = path.relative_to(ROOT).parts[: -node.level]
                module = ".".join([*package, *filter(None, [module])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def statements(tree: ast.AST, top_level_only: bool) -> Iterator[ast.AST]:
    """Walk a tree. Top level is what runs at import: no function bodies, no TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        is_later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        is_typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if top_level_only and (is_later or is_typing):
            continue
        yield node
        yield from statements(node, top_level_only)


def is_within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def imports_of(path: Path, top_level_only: bool = False) -> set[str]:
    return set(imported(ast.parse(path.read_text()), path, top_level_only))


def place(path: Path) -> str:
    """Return the dotted name of a module: slam.maps.tsdf."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def offending(path: Path, *packages: str, top_level_only: bool = False) -> set[str]:
    return {name for name in imports_of(path, top_level_only) if is_within(name, *packages)}


def test_there_is_something_to_check():
    assert {"slam", "slam.errors", "slam.maps.base", "kernels"} <= {place(path) for path in FILES}


@each_file
def test_kernels_never_import_slam(path):
    if is_within(place(path), "kernels"):
        assert not offending(path, "slam")


@each_file
def test_the_base_layer_imports_nothing_above_itself(path):
    if place(path) in {f"slam.{name}" for name in BASE_LAYER}:
        allowed = [f"slam.{name}" for name in BASE_LAYER]
        assert {name for name in offending(path, "slam") if not is_within(name, *allowed)} == set()
        assert not offending(path, "kernels")


@each_file
def test_tracking_and_the_system_know_only_the_map_protocol(path):
    """But for `Slam.from_config`, which asks the factory for the map that a config names."""
    known = ["slam.maps.base"]
    if place(path) == "slam.system":
        known += ["slam.maps.factory"]
        assert not offending(path, "slam.maps.factory", top_level_only=True)
    if is_within(place(path), "slam.tracking", "slam.system"):
        maps = offending(path, "slam.maps") - {"slam.maps"}
        assert {name for name in maps if not is_within(name, *known)} == set()


@each_file
def test_only_the_factory_names_concrete_maps(path):
    """But for meshing at another resolution, which each does in its own way."""
    known = ["slam.maps.base", "slam.maps.chunks", "slam.maps.factory"]
    if place(path) == "slam.cli.tools":
        known += ["slam.maps.tsdf.resample", "slam.maps.tsdf.map", "slam.maps.neural.map"]
    if not is_within(place(path), "slam.maps"):
        maps = offending(path, "slam.maps") - {"slam.maps"}
        assert {name for name in maps if not is_within(name, *known)} == set()


@each_file
def test_heavy_packages_are_imported_where_they_are_used(path):
    heavy = offending(path, *HEAVY, top_level_only=True)
    if is_within(place(path), *ON_CUDA):  # which is imported for a GPU only
        heavy = {name for name in heavy if not is_within(name, "torch")}
    assert heavy == set()


@each_file
def test_cuda_is_imported_where_it_is_used(path):
    if not is_within(place(path), *ON_CUDA):
        assert not offending(path, *ON_CUDA, "numba.cuda", top_level_only=True)


@each_file
def test_only_reports_draw(path):
    if not is_within(place(path), "slam.report"):
        assert not offending(path, "matplotlib")


@each_file
def test_threads_live_in_workers_and_locks_in_maps(path):
    if is_within(place(path), "slam.maps", "kernels.cuda"):
        assert not offending(path, *THREADS) - {"threading", "threading.Lock", "threading.RLock"}
    elif place(path) == "slam.gpu.upload":
        assert not offending(path, *THREADS) - {"threading", "threading.Lock"}
    elif place(path) != "slam.workers":
        assert not offending(path, *THREADS)


@each_file
def test_only_evaluation_and_use_gt_poses_read_ground_truth(path):
    may_read = ("slam.evaluation", "slam.report", "slam.sources", "slam.cli.tools")  # tools: bench
    for_use_gt_poses, to_write_a_recording = "slam.runs.single", "slam.sources.sequence_writer"
    if is_within(place(path), *may_read, for_use_gt_poses, to_write_a_recording):
        return
    tree = ast.parse(path.read_text())
    reads = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr == "ground_truth"
    ]
    assert reads == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import torch", {"torch"}),
        ("try:\n    import torch.cuda\nexcept ImportError:\n    pass", {"torch.cuda"}),
        ("class A:\n    from torch import nn", {"torch", "torch.nn"}),
        ("def f():\n    import torch", set()),
        ("if TYPE_CHECKING:\n    import torch", set()),
        ("from . import tsdf", {"slam.maps", "slam.maps.tsdf"}),
        ("from ..sources.base import Source", {"slam.sources.base", "slam.sources.base.Source"}),
    ],
)
def test_imports_are_found(source, expected):
    path = ROOT / "slam" / "maps" / "example.py"
    assert set(imported(ast.parse(source), path, top_level_only=True)) == expected


BLOCK = """
import importlib, pkgutil, sys
for name in {blocked!r}:
    sys.modules[name] = None  # importing it raises ModuleNotFoundError
import slam, kernels
"""
IMPORT_EVERYTHING = """
for package in (slam, kernels):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not any(part in module.name for part in ("__main__", ".cuda", "slam.gpu")):
            importlib.import_module(module.name)
"""
RUN_AND_BENCH = """
from slam.cli import main
words = ["synthetic:wall", "--limit", "3", "--tsdf.voxel-size-m", "0.02", "--device", "cpu"]
assert main(["run", *words, "--out", sys.argv[1]]) == 0
assert main(["bench", *words, "--repeats", "1"]) == 0
"""
GPU_CHECK = """
sys.path.insert(0, "scripts")
import gpu_checks.session, gpu_checks.suite
import slam.maps.neural.cuda.map, slam.maps.tsdf.cuda.map, slam.tracking.cuda.aligner
"""


@pytest.mark.parametrize(
    ("blocked", "imports"),
    [
        pytest.param((*HEAVY, "matplotlib"), "import slam.cli", id="command-line"),
        pytest.param(HEAVY, IMPORT_EVERYTHING, id="everything"),
        pytest.param(BESIDE_THE_CORE, RUN_AND_BENCH, id="run-and-bench"),
        pytest.param((*BESIDE_THE_CORE, "matplotlib", "pytest"), GPU_CHECK, id="gpu-check"),
    ],
)
def test_it_works_without_the_heavy_packages(blocked, imports, tmp_path):
    code = BLOCK.format(blocked=blocked) + imports
    result = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
