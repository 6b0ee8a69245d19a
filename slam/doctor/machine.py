"""The machine and the installation."""

import contextlib
import importlib
import os
import platform
import shutil
import sys
import warnings
from pathlib import Path

import slam
from slam.doctor.check import Check, one_line

_MIN_FREE_GB = 2.0


def check_python() -> Check:
    """Tell Python's version."""
    version = f"{platform.python_version()} on {platform.platform()}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check("python", "failed", f"{version}; needs 3.11 to 3.13")
    return Check("python", "ok", version)


def check_kernels() -> Check:
    """Make sure that `kernels` is ours: PyPI has a package with the same import name."""
    kernels = importlib.import_module("kernels")
    ours = Path(slam.__file__).resolve().parents[1]
    folder = Path(kernels.__file__ or "").resolve().parent
    remedy = "pip uninstall kernels, then install twinmap again"
    if folder.parent != ours:
        return Check("kernels", "failed", f"another package of that name, in {folder}; {remedy}")
    if not (folder / "dispatch.py").is_file():
        return Check("kernels", "failed", f"{folder} is damaged; {remedy}")
    return Check("kernels", "ok", f"twinmap {slam.__version__} in {folder}")


def check_cpu() -> Check:
    """Tell the processor and the vector units that kernels may use."""
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    simd = [name for name in ("sse4.2", "neon", "avx2", "fma", "avx512f") if features.get(name)]
    detail = f"{cpu_name()} ({binding.get_host_cpu_name()}), {num_cores()} cores, {' '.join(simd)}"
    return Check("cpu", "ok", detail)


def cpu_name() -> str:
    """Return the processor's name."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def num_cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_threads() -> Check:
    """Run a parallel kernel: only then does numba choose its threading layer."""
    importlib.import_module("kernels")  # it states which layers are acceptable
    import numba
    import numpy as np
    from numba.np.ufunc import parallel

    # A lambda: the tests' type checks wrap every function of this package, and numba compiles none.
    double = numba.njit(parallel=True)(lambda values: 2 * values)
    values = np.arange(1000)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about layers that it tried first
            doubled = double(values)
    except ValueError as error:  # no acceptable layer could be loaded
        return Check("threads", "failed", f"{one_line(error)}; sudo apt-get install libgomp1")
    layer = parallel.threading_layer()
    detail = f"numba runs {numba.get_num_threads()} threads on {layer}"
    if not np.array_equal(doubled, 2 * values):
        return Check("threads", "failed", f"{detail}, and a parallel kernel went wrong")
    if layer == "workqueue":
        return Check(
            "threads",
            "failed",
            f"{detail}, which aborts when two threads meet; sudo apt-get install libgomp1",
        )
    return Check("threads", "ok", detail)


def check_numba_cache() -> Check:
    """Find the folder that keeps compiled kernels, in the order in which numba looks."""
    kernels = importlib.import_module("kernels")
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    beside = Path(kernels.__file__ or "").resolve().parent
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "numba"
    candidates = [Path(chosen)] if chosen else [beside, home]
    for folder in candidates:
        if _is_writable(folder):
            return Check("numba cache", "ok", str(folder))
    tried = " nor ".join(map(str, candidates))
    remedy = "set NUMBA_CACHE_DIR to a folder that can be written"
    return Check("numba cache", "failed", f"cannot write to {tried}; {remedy}")


def _is_writable(folder: Path) -> bool:
    existing = next(path for path in [folder, *folder.parents] if path.exists())
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def check_disk() -> Check:
    """Tell how much room a run has."""
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    detail = f"{free_gb:.1f} GB free in {Path.cwd()}"
    if free_gb < _MIN_FREE_GB:
        return Check("disk", "note", f"{detail}: little for the runs of long recordings")
    return Check("disk", "ok", detail)
