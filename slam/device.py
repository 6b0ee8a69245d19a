"""Where maps and tracker run: on the CPU or on a GPU, and why."""

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from typing import Literal

from kernels.dispatch import SIMULATES_CUDA
from kernels.threads import NUM_THREADS
from slam.config import Config
from slam.errors import SlamError

DeviceKind = Literal["cpu", "cuda"]
DeviceChoice = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True)
class Device:
    """What runs and, where it is not what was hoped for, why."""

    kind: DeviceKind = "cpu"
    reason: str = ""

    @property
    def description(self) -> str:
        """One line for logs and metrics: "cpu, 2 threads (no CUDA device)", "cuda, NVIDIA H200"."""
        name = _gpu_name() if self.kind == "cuda" else f"{NUM_THREADS} threads"
        return f"{self.kind}, {name}" + (f" ({self.reason})" if self.reason else "")


@dataclass(frozen=True)
class Obstacle:
    """What keeps a run off the GPU, and what would help."""

    what: str
    remedy: str = ""


CPU = Device()


def resolve(choice: DeviceChoice, config: Config, maps: Sequence[str]) -> Device:
    """Return the device for a run with some kinds of maps; `auto` takes a GPU where it can, and
    `cuda` without one is an error.
    """
    if choice == "cpu":
        return CPU
    obstacle = _obstacle_of_run(config, maps) or find_obstacle()
    if obstacle is None:
        return Device("cuda")
    if choice == "cuda":
        raise SlamError(f"--device cuda: {obstacle.what}; {obstacle.remedy or 'use --device cpu'}")
    return Device("cpu", obstacle.what)


def find_obstacle() -> Obstacle | None:
    """Return what this machine or installation lacks for CUDA; None where all is there, and in
    numba's simulator.
    """
    if SIMULATES_CUDA:
        return None
    if _num_gpus() == 0:  # asked first, and of the driver: importing torch takes a second
        return Obstacle("no CUDA device")
    return _obstacle_of_torch() or _obstacle_of_numba()


def _obstacle_of_run(config: Config, maps: Sequence[str]) -> Obstacle | None:
    if "neural" in maps and config.neural.field == "reference":
        return Obstacle("neural.field reference trains on the CPU")
    if "neural" in maps and config.deterministic:
        return Obstacle("a GPU adds the neural map's gradients in any order: not deterministic")
    return None


def _num_gpus() -> int:
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) != 0 or driver.cuDeviceGetCount(ctypes.byref(count)) != 0:
        return 0
    return count.value


def _obstacle_of_torch() -> Obstacle | None:
    import torch

    if torch.version.cuda is None:
        remedy = "install torch with CUDA: https://pytorch.org/get-started"
        return Obstacle(f"torch {torch.__version__} is built without CUDA", remedy)
    if not torch.cuda.is_available():
        found = f"torch {torch.__version__} cannot use the GPU"
        return Obstacle(found, f"install a driver for CUDA {torch.version.cuda}")
    return None


def _obstacle_of_numba() -> Obstacle | None:
    remedy = "pip install 'twinmap[cuda]'"
    if find_spec("numba_cuda") is None:
        return Obstacle("numba-cuda is not installed", remedy)
    from numba import cuda

    if not cuda.is_available():
        return Obstacle(f"numba-cuda {version('numba-cuda')} cannot use the GPU", remedy)
    return None


def _gpu_name() -> str:
    if SIMULATES_CUDA:
        return "numba's simulator"
    import torch

    return torch.cuda.get_device_name()
