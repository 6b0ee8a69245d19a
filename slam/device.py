"""Where maps and tracker run: on the CPU or on a GPU, and why."""

import ctypes
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Literal, get_args, no_type_check

from kernels.dispatch import SIMULATES_CUDA
from kernels.threads import NUM_THREADS
from slam.config import Config
from slam.errors import SlamError

DeviceKind = Literal["cpu", "cuda"]
DeviceChoice = Literal["auto", "cpu", "cuda"]
OLDEST_CAPABILITY = (7, 5)  # that the compiler of CUDA 13 makes kernels for
NO_DEVICE = 100  # the driver's error for a machine without a GPU
NO_DRIVER = -1  # in the place of its errors
INSTALL = "pip install 'twinmap[cuda]'"


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
    if choice not in get_args(DeviceChoice):
        raise SlamError(
            f"device must be one of {', '.join(get_args(DeviceChoice))}; got {choice!r}"
        )
    if choice == "cpu":
        return CPU
    obstacle = find_obstacle() or _obstacle_of_run(config, maps)
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
    # the driver first: importing torch takes a second
    checks = (_obstacle_of_driver, _obstacle_of_torch, _obstacle_of_numba, _obstacle_of_trial)
    return next(filter(None, (check() for check in checks)), None)


def _obstacle_of_run(config: Config, maps: Sequence[str]) -> Obstacle | None:
    if "neural" in maps and config.neural.field == "reference":
        return Obstacle("neural.field reference trains on the CPU")
    if "neural" in maps and config.deterministic:
        return Obstacle("a GPU adds the neural map's gradients in any order: not deterministic")
    if "implicit" in maps and config.deterministic:
        return Obstacle("a GPU adds the implicit map's gradients in any order: not deterministic")
    return None


def _obstacle_of_driver() -> Obstacle | None:
    error, count = _driver_state()
    if error not in (0, NO_DEVICE, NO_DRIVER):
        remedy = "update the NVIDIA driver, or restart the machine if it has just been updated"
        return Obstacle(f"the NVIDIA driver does not start (CUDA error {error})", remedy)
    if count > 0:
        return None
    listed = os.environ.get("CUDA_VISIBLE_DEVICES")  # an empty one hides all, too
    if error == NO_DRIVER or listed is None:
        return Obstacle("no CUDA device")
    return Obstacle(f"no CUDA device in CUDA_VISIBLE_DEVICES={listed!r}")


def _driver_state() -> tuple[int, int]:
    """Return the error with which the driver starts, 0 for none or NO_DRIVER, and how many GPUs it
    has.
    """
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return NO_DRIVER, 0
    count = ctypes.c_int(0)
    error = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
    return error, count.value


def _obstacle_of_torch() -> Obstacle | None:
    import torch

    if torch.version.cuda is None:
        remedy = "install torch with CUDA: https://pytorch.org/get-started"
        return Obstacle(f"torch {torch.__version__} is built without CUDA", remedy)
    if not torch.cuda.is_available():
        found = f"torch {torch.__version__} cannot use the GPU"
        return Obstacle(found, f"install a driver for CUDA {torch.version.cuda}")
    gpu = torch.cuda.get_device_properties(0)
    if (gpu.major, gpu.minor) < OLDEST_CAPABILITY:
        oldest = "{}.{}".format(*OLDEST_CAPABILITY)
        return Obstacle(
            f"{gpu.name} has compute capability {gpu.major}.{gpu.minor}, and {oldest} is needed"
        )
    return None


def _obstacle_of_numba() -> Obstacle | None:
    if find_spec("numba_cuda") is None:
        return Obstacle("numba-cuda is not installed", INSTALL)
    from numba import cuda

    try:
        reason = "" if cuda.is_available() else "it finds no driver or no compiler"
    except Exception as error:  # where it looks for its compiler in vain
        reason = _first_line(error)
    if not reason:
        return None
    return Obstacle(f"numba-cuda {version('numba-cuda')} cannot use the GPU: {reason}", INSTALL)


def _obstacle_of_trial() -> Obstacle | None:
    error = _trial_error()
    if not error:
        return None
    if "out of memory" in error:
        return Obstacle(f"the GPU is full: {error}", "end what else uses it")
    remedy = f"{INSTALL}; it needs a driver for CUDA 13 (580 or later)"
    return Obstacle(f"a trial kernel fails: {error}", remedy)


@cache
def _trial_error() -> str:
    """Compile and run a kernel of one line: a driver that is older than the compiler, or a card
    that it does not know, fails here first. Return the error, "" for none.
    """
    import torch
    from numba import cuda

    try:
        values = torch.zeros(1, device="cuda")
        kernel: Any = cuda.jit(_count)
        kernel[1, 1](cuda.as_cuda_array(values))
        return "" if float(values) == 1.0 else "it did nothing"
    except Exception as error:  # torch's, numba's or the driver's: whatever it is, the CPU is there
        return _first_line(error)


@no_type_check  # numba does not compile what the tests' type checks make of a function
def _count(values):
    values[0] += 1


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _gpu_name() -> str:
    if SIMULATES_CUDA:
        return "numba's simulator"
    import torch

    return torch.cuda.get_device_name()
