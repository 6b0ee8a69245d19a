"""What `slam doctor` reports: versions, devices, what is missing and how to get it.

No check raises.
"""

import contextlib
import importlib
import os
import platform
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

import slam

_MIN_FREE_GB = 2.0

# (distribution, module, how to get it). Nothing runs without these:
_REQUIRED = [
    (distribution, module, "pip install twinmap")
    for distribution, module in [
        ("numpy", "numpy"),
        ("numba", "numba"),
        ("scipy", "scipy"),
        ("opencv-python", "cv2"),
        ("PyYAML", "yaml"),
        ("torch", "torch"),
    ]
]
# These serve one command each:
_OPTIONAL = [
    ("open3d", "open3d", "pip install open3d (for `slam bench`)"),
    ("rerun-sdk", "rerun", "pip install 'twinmap[viewer]' (for --viewer rerun)"),
    ("pyrealsense2", "pyrealsense2", "pip install 'twinmap[realsense]' (for live cameras)"),
]
_DEBIAN_PACKAGES = {
    "libusb-1.0.so.0": "libusb-1.0-0",
    "libGL.so.1": "libgl1",
    "libEGL.so.1": "libegl1",
    "libX11.so.6": "libx11-6",
    "libudev.so.1": "libudev1",
    "libgomp.so.1": "libgomp1",
    "libgthread-2.0.so.0": "libglib2.0-0",
}


@dataclass(frozen=True)
class Check:
    """One finding. "failed" means that the core does not work; a "note" is worth knowing."""

    name: str
    status: Literal["ok", "note", "failed"]
    detail: str


@dataclass(frozen=True)
class Diagnosis:
    """All findings."""

    checks: tuple[Check, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether the core works."""
        return not self._failed

    @property
    def lines(self) -> list[str]:
        """The findings as a table, and a last line that says whether the core works."""
        width = max(len(check.name) for check in self.checks)
        table = [
            f"{check.status:<6}  {check.name:<{width}}  {check.detail}" for check in self.checks
        ]
        return [
            *table,
            f"needs attention: {', '.join(self._failed)}" if self._failed else "the core works",
        ]

    @property
    def _failed(self) -> list[str]:
        return [check.name for check in self.checks if check.status == "failed"]


def diagnose() -> Diagnosis:
    """Run every check."""
    checks = [_guarded("python", _python), _guarded("kernels", _kernels)]
    for distribution, module, remedy in _REQUIRED:
        checks.append(_package(distribution, module, remedy, "failed"))
    checks.append(_guarded("cpu", _cpu, if_raised="note"))
    # Before the optional packages: open3d loads a TBB of its own, which numba would then find.
    checks.append(_guarded("threads", _threads))
    for distribution, module, remedy in _OPTIONAL:
        checks.append(_package(distribution, module, remedy, "note"))
    checks.append(_guarded("gpu", _gpu, if_raised="note"))
    checks.append(_guarded("cameras", _cameras, if_raised="note"))
    checks.append(_guarded("numba cache", _numba_cache))
    checks.append(_guarded("disk", _disk, if_raised="note"))
    return Diagnosis(tuple(checks))


def _guarded(
    name: str, check: Callable[[], Check], if_raised: Literal["note", "failed"] = "failed"
) -> Check:
    # The one place that swallows: a doctor who faints over the first finding helps nobody.
    try:
        return check()
    except Exception as error:
        return Check(name, if_raised, _one_line(error))


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300]


def _package(
    distribution: str, module: str, remedy: str, if_missing: Literal["note", "failed"]
) -> Check:
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != module:
            return Check(distribution, if_missing, f"{_one_line(error)}; {remedy}")
        return Check(distribution, if_missing, f"not installed: {remedy}")
    except Exception as error:  # a shared library is missing, or was built for other versions
        return Check(distribution, if_missing, f"{_one_line(error)}{_library_remedy(error)}")
    try:
        return Check(distribution, "ok", metadata.version(distribution))
    except metadata.PackageNotFoundError:  # built from source, or another distribution of it
        return Check(distribution, "ok", "version unknown")


def _library_remedy(error: Exception) -> str:
    for library, package in _DEBIAN_PACKAGES.items():
        if library in str(error):
            return f"; sudo apt-get install {package}"
    return ""


def _python() -> Check:
    version = f"{platform.python_version()} on {platform.platform()}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return Check("python", "failed", f"{version}; needs 3.11 to 3.13")
    return Check("python", "ok", version)


def _kernels() -> Check:
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


def _cpu() -> Check:
    from llvmlite import binding

    features = binding.get_host_cpu_features()
    simd = [name for name in ("sse4.2", "neon", "avx2", "fma", "avx512f") if features.get(name)]
    num_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = _cpu_model() or platform.processor() or platform.machine()
    detail = f"{name} ({binding.get_host_cpu_name()}), {num_cores} cores, {' '.join(simd)}"
    return Check("cpu", "ok", detail)


def _cpu_model() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return ""


def _threads() -> Check:
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
        return Check("threads", "failed", f"{_one_line(error)}; sudo apt-get install libgomp1")
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


def _gpu() -> Check:
    found = [*_torch_gpus(), *_numba_gpus()]
    return Check(
        "gpu", "ok" if found else "note", "; ".join(found) or "no CUDA device: runs on the CPU"
    )


def _torch_gpus() -> Iterator[str]:
    import torch

    if not torch.cuda.is_available():
        return
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        memory = f"{gpu.total_memory / 2**30:.0f} GiB"
        yield f"{gpu.name} (sm_{gpu.major}{gpu.minor}, {memory}, torch CUDA {torch.version.cuda})"


def _numba_gpus() -> Iterator[str]:
    from numba import cuda

    if os.environ.get("NUMBA_ENABLE_CUDASIM") == "1":
        yield "numba's CUDA simulator"
    elif cuda.is_available():
        yield f"numba sees {len(cuda.gpus)} CUDA device(s)"


def _cameras() -> Check:
    try:
        rs = importlib.import_module("pyrealsense2")
    except ImportError:
        return Check("cameras", "note", "not asked: pyrealsense2 does not import")
    # Listing is instant; starting a pipeline without a camera would wait for 15 s.
    found = [
        " ".join(
            device.get_info(info)
            for info in (rs.camera_info.name, rs.camera_info.serial_number)
            if device.supports(info)
        )
        for device in rs.context().query_devices()
    ]
    return Check("cameras", "ok" if found else "note", "; ".join(found) or "no RealSense connected")


def _numba_cache() -> Check:
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


def _disk() -> Check:
    free_gb = shutil.disk_usage(Path.cwd()).free / 1e9
    detail = f"{free_gb:.1f} GB free in {Path.cwd()}"
    if free_gb < _MIN_FREE_GB:
        return Check("disk", "note", f"{detail}: little for the runs of long recordings")
    return Check("disk", "ok", detail)
