"""The import rules that keep the parts apart, read from the syntax trees.

A rule is one test; where it is broken, the test lists every offence as `file:line imports name`.
"""

import ast
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*ROOT.glob("slam/**/*.py"), *ROOT.glob("kernels/**/*.py")])
BASE_LAYER = (
    "slam.errors", "slam.geometry", "slam.camera", "slam.frame", "slam.trajectory", "slam.timing",
    "slam.config", "slam.section", "slam.config_file", "slam.imageio", "slam.text",
)  # fmt: skip
MAX_TOP_MODULES = 17  # of slam/ itself: the base layer, system, workers; the rest has rooms
KNOW_THE_MAP_PROTOCOL_ONLY = ("slam.tracking", "slam.places", "slam.graph", "slam.system")
HEAVY = ("open3d", "pyrealsense2", "rerun", "rosbags", "ray", "torch")
ON_CUDA = (
    "kernels.cuda", "slam.gpu", "slam.maps.tsdf.cuda", "slam.maps.neural.cuda",
    "slam.tracking.cuda",
)  # fmt: skip
ON_TORCH = (*ON_CUDA, "slam.maps.implicit")
# what a machine with a GPU, set up for the core alone, may lack
BESIDE_THE_CORE = ("open3d", "rerun", "tyro", "pyrealsense2", "trimesh", "evo", "beartype")
THREADS = ("threading", "queue", "multiprocessing", "concurrent")
LOCKS = ("threading.Lock", "threading.RLock")


@dataclass(frozen=True)
class Import:
    """A name that a statement imports, and whether the statement runs when its module is loaded."""

    name: str
    line: int
    at_load: bool


def imports(tree: ast.AST, path: Path) -> Iterator[Import]:
    """Yield everything that is imported: `from a import b` gives a.b."""
    for node, at_load in statements(tree):
        for name in imported_names(node, path):
            yield Import(name, getattr(node, "lineno", 0), at_load)


def imported_names(node: ast.AST, path: Path) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        module = node.module or ""
        if node.level:
            package = path.relative_to(ROOT).parts[: -node.level]
            module = ".".join([*package, *filter(None, [module])])
        yield from (f"{module}.{alias.name}" for alias in node.names)


def statements(tree: ast.AST, at_load: bool = True) -> Iterator[tuple[ast.AST, bool]]:
    """Walk a tree. What runs at load is outside of function bodies and TYPE_CHECKING."""
    for node in ast.iter_child_nodes(tree):
        is_later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        is_typing = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        node_at_load = at_load and not is_later and not is_typing
        yield node, node_at_load
        yield from statements(node, node_at_load)


@dataclass(frozen=True)
class Module:
    """A file of the project, by its dotted name (slam.maps.tsdf), with what it imports."""

    name: str
    path: Path
    imports: tuple[Import, ...]
    reads_ground_truth_in: tuple[int, ...]

    @classmethod
    @cache
    def of(cls, path: Path) -> "Module":
        parts = path.relative_to(ROOT).with_suffix("").parts
        tree = ast.parse(path.read_text())
        reads = [
            node.lineno
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr == "ground_truth"
        ]
        return cls(
            ".".join(parts[:-1] if parts[-1] == "__init__" else parts),
            path,
            tuple(imports(tree, path)),
            tuple(reads),
        )

    def is_in(self, *packages: str) -> bool:
        return is_within(self.name, *packages)

    def offences(
        self, forbidden: Iterable[str], but: Iterable[str] = (), at_load_only: bool = False
    ) -> list[str]:
        """Return a line for each import of a forbidden package that is not within `but`."""
        return [
            f"{self.path.relative_to(ROOT)}:{found.line} imports {found.name}"
            for found in self.imports
            if is_within(found.name, *forbidden)
            and not is_within(found.name, *but)
            and (found.at_load or not at_load_only)
        ]


def is_within(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    found = [Module.of(path) for path in FILES]
    names = {module.name for module in found}
    assert {"slam", "slam.errors", "slam.maps.base", "kernels", "kernels.cpu"} <= names
    return found


def none_of(offences: Iterable[list[str]]) -> None:
    """Fail with every offence on a line of its own."""
    lines = [line for found in offences for line in found]
    if lines:
        pytest.fail("\n" + "\n".join(lines), pytrace=False)


def test_kernels_never_import_slam(modules):
    none_of(module.offences(["slam"]) for module in modules if module.is_in("kernels"))


def test_the_base_layer_imports_nothing_above_itself(modules):
    none_of(
        module.offences(["slam", "kernels"], but=BASE_LAYER)
        for module in modules
        if module.name in BASE_LAYER
    )


def test_the_top_of_slam_stays_small(modules):
    top = [module.path.name for module in modules if module.path.parent == ROOT / "slam"]
    assert "system.py" in top
    assert len(top) <= MAX_TOP_MODULES, f"find a room for some of {', '.join(top)}"


def test_trackers_places_and_the_system_know_only_the_map_protocol(modules):
    """But for `Slam.from_config`, which asks the factory for the map that a config names."""
    for_from_config = {"slam.system": ["slam.maps.factory"]}
    none_of(
        module.offences(
            ["slam.maps"],
            but=["slam.maps.base", *for_from_config.get(module.name, [])],
        )
        for module in modules
        if module.is_in(*KNOW_THE_MAP_PROTOCOL_ONLY)
    )
    none_of(
        module.offences(["slam.maps.factory"], at_load_only=True)
        for module in modules
        if module.name in for_from_config
    )


def test_the_graph_lies_between_places_and_the_system(modules):
    below = ("slam.tracking", "slam.places", "slam.maps", "slam.sources")
    none_of(module.offences(["slam.graph"]) for module in modules if module.is_in(*below))
    above = ("slam.system", "slam.runs", "slam.sources", "slam.evaluation", "slam.cli")
    none_of(module.offences(above) for module in modules if module.is_in("slam.graph"))


def test_only_the_factory_names_concrete_maps(modules):
    none_of(
        module.offences(
            ["slam.maps"], but=["slam.maps.base", "slam.maps.chunks", "slam.maps.factory"]
        )
        for module in modules
        if not module.is_in("slam.maps")
    )


def test_heavy_packages_are_imported_where_they_are_used(modules):
    with_torch_only = {True: ["torch"], False: []}  # modules that are imported where it is needed
    none_of(
        module.offences(HEAVY, but=with_torch_only[module.is_in(*ON_TORCH)], at_load_only=True)
        for module in modules
    )


def test_ray_is_known_to_the_runner_of_batches_only(modules):
    """And what a node loads for a job loads no kernels, which count their cores at that time."""
    none_of(
        module.offences(["ray"]) for module in modules if module.name != "slam.batch.ray_runner"
    )
    loads_no_kernels = ("slam.batch", "slam.config", "slam.section", "slam.errors")
    none_of(
        module.offences(["slam", "kernels", "numba"], but=loads_no_kernels, at_load_only=True)
        for module in modules
        if module.name in ("slam.batch", "slam.batch.job", "slam.batch.ray_task")
    )
    none_of(
        module.offences(["slam.batch"])
        for module in modules
        if not module.is_in("slam.batch", "slam.cli")
    )


def test_cuda_is_imported_where_it_is_used(modules):
    none_of(
        module.offences([*ON_CUDA, "numba.cuda"], at_load_only=True)
        for module in modules
        if not module.is_in(*ON_CUDA)
    )


def test_the_implicit_map_is_imported_where_it_is_used(modules):
    none_of(
        module.offences(["slam.maps.implicit"], at_load_only=True)
        for module in modules
        if not module.is_in("slam.maps.implicit")
    )


RUN_TSDF = """
import sys
from slam.cli import main
words = ["run", "synthetic:wall", "--map", "tsdf", "--limit", "2", "--tsdf.voxel-size-m", "0.02"]
assert main([*words, "--device", "cpu", "--out", sys.argv[1]]) == 0
others = {"torch", "ray"}
print([m for m in sys.modules if m.partition(".")[0] in others or "implicit" in m or ".batch" in m])
"""
HELP = """
import sys
from slam.cli import main
try:
    main(["run", "--help"])
except SystemExit:
    print([m for m in ("numba", "scipy", "open3d", "torch", "ray", "rerun") if m in sys.modules])
"""


def said_last(program: str, *words: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()[-1]


def test_a_run_of_another_map_loads_no_implicit_map_torch_batch_or_ray(tmp_path):
    assert said_last(RUN_TSDF, str(tmp_path)) == "[]"


def test_help_loads_nothing_that_takes_long():
    assert said_last(HELP) == "[]"


def test_only_reports_draw(modules):
    none_of(
        module.offences(["matplotlib"]) for module in modules if not module.is_in("slam.report")
    )


def test_threads_live_in_workers_and_locks_in_maps(modules):
    may_lock = ("slam.maps", "kernels.cuda", "slam.gpu.upload")
    none_of(
        module.offences(THREADS, but=LOCKS if module.is_in(*may_lock) else ())
        for module in modules
        if module.name != "slam.workers"
    )


def test_only_evaluation_and_use_gt_poses_read_ground_truth(modules):
    may_read = ("slam.evaluation", "slam.report", "slam.sources", "slam.cli.tools")  # tools: bench
    for_use_gt_poses = "slam.runs.single"
    none_of(
        [
            f"{module.path.relative_to(ROOT)}:{line} reads ground_truth"
            for line in module.reads_ground_truth_in
        ]
        for module in modules
        if not module.is_in(*may_read, for_use_gt_poses)
    )


@pytest.mark.parametrize(
    ("source", "at_load", "later"),
    [
        ("import torch", {"torch"}, set()),
        ("try:\n    import torch.cuda\nexcept ImportError:\n    pass", {"torch.cuda"}, set()),
        ("class A:\n    from torch import nn", {"torch.nn"}, set()),
        ("def f():\n    import torch", set(), {"torch"}),
        ("def f():\n    if a:\n        import torch", set(), {"torch"}),
        ("if TYPE_CHECKING:\n    import torch", set(), {"torch"}),
        ("from . import tsdf", {"slam.maps.tsdf"}, set()),
        ("from ..sources.base import Source", {"slam.sources.base.Source"}, set()),
    ],
)
def test_imports_are_found(source, at_load, later):
    found = list(imports(ast.parse(source), ROOT / "slam" / "maps" / "example.py"))
    assert {each.name for each in found if each.at_load} == at_load
    assert {each.name for each in found if not each.at_load} == later


def test_an_offence_names_file_line_and_import():
    path = ROOT / "slam" / "maps" / "example.py"
    source = "import ast\nfrom slam.runs import single\ndef f():\n    import slam.system\n"
    module = Module("slam.maps.example", path, tuple(imports(ast.parse(source), path)), ())
    in_function = "slam/maps/example.py:4 imports slam.system"
    assert module.offences(["slam"], but=["slam.runs"]) == [in_function]
    at_load = "slam/maps/example.py:2 imports slam.runs.single"
    assert module.offences(["slam"], at_load_only=True) == [at_load]
    with pytest.raises(pytest.fail.Exception, match=rf"(?s){at_load}.*{in_function}"):
        none_of([[at_load], [], [in_function]])


BLOCK = """
import importlib, pkgutil, sys
for name in {blocked!r}:
    sys.modules[name] = None  # importing it raises ModuleNotFoundError
import slam, kernels
"""
LATER = ("__main__", ".cuda", "slam.gpu", "slam.maps.implicit")  # they need torch or a GPU
IMPORT_EVERYTHING = f"""
for package in (slam, kernels):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not any(part in module.name for part in {LATER!r}):
            importlib.import_module(module.name)
"""
RUN_AND_BENCH = """
from slam.cli import main
words = ["synthetic:wall", "--limit", "3", "--tsdf.voxel-size-m", "0.02", "--device", "cpu"]
assert main(["run", *words, "--out", sys.argv[1]]) == 0
assert main(["bench", *words, "--repeats", "1"]) == 0
"""
GPU_CHECK = """
sys.path[:0] = ["scripts", "tests"]
import gpu_checks.session, kernel_cases.suite
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
