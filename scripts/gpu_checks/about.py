"""What the figures depend on: card, driver, versions, date."""

import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from kernels.cuda.launch import IS_SIMULATED
from slam.bench.machine import machine

PACKAGES = ("twinmap", "torch", "numba", "numba-cuda", "nvidia-cuda-nvrtc", "numpy")
QUERY = ("nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader")


def about() -> dict[str, Any]:
    """Return what a report says of the machine."""
    here = machine()
    return {
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "GPU": "numba's simulator" if IS_SIMULATED else _gpu(),
        "CPU": f"{here['cpu']}, {here['cores']} cores",
        "system": f"{here['system']}, Python {here['python']}",
        "versions": {name: _version(name) for name in PACKAGES},
    }


def _gpu() -> str:
    import torch

    name, capability = torch.cuda.get_device_name(), torch.cuda.get_device_capability()
    try:
        run = subprocess.run(QUERY, capture_output=True, text=True, timeout=20, check=True)
        name, driver, memory = map(str.strip, run.stdout.splitlines()[0].split(","))
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        driver, memory = "unknown", "unknown"
    sm = "".join(map(str, capability))
    return f"{name} (sm_{sm}), {memory}, driver {driver}, torch for CUDA {torch.version.cuda}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "-"
