"""What a benchmark's figures depend on beside the code."""

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numba

from slam.doctor.machine import cpu_name, num_cores

PACKAGES = ("twinmap", "numpy", "numba", "opencv-python", "open3d")


def machine() -> dict[str, Any]:
    """Return CPU, cores, system and versions, no names; ask before a run splits the threads."""
    return {
        "cpu": cpu_name(),
        "cores": num_cores(),
        "numba_threads": numba.get_num_threads(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
