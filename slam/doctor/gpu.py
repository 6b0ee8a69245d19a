"""The GPU, and whether a run would use it."""

import subprocess
from collections.abc import Iterator

from slam.doctor.check import Check

_ASK_DRIVER = ("nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader")


def check_gpu() -> Check:
    """Tell the GPUs and their driver, and whether a kernel runs or what keeps it from running."""
    from slam.device import find_obstacle

    obstacle, driver = find_obstacle(), _driver()
    if obstacle is not None:
        found = f"{obstacle.what}, {driver}" if driver else obstacle.what
        remedy = obstacle.remedy and f"; for CUDA: {obstacle.remedy}"
        return Check("gpu", "note", f"{found}: runs on the CPU{remedy}")
    parts = [*_gpus(), driver, "a kernel compiles and runs"]
    return Check("gpu", "ok", "; ".join(filter(None, parts)))


def _driver() -> str:
    """Return the driver's version in words; nothing where nvidia-smi does not tell it."""
    try:
        run = subprocess.run(_ASK_DRIVER, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    versions = run.stdout.split()  # the same for each GPU
    return f"driver {versions[0]}" if versions else ""


def _gpus() -> Iterator[str]:
    import torch

    if not torch.cuda.is_available():
        yield "numba's CUDA simulator"
    for index in range(torch.cuda.device_count()):
        gpu = torch.cuda.get_device_properties(index)
        free, total = (num_bytes / 2**30 for num_bytes in torch.cuda.mem_get_info(index))
        memory = f"{free:.1f} of {total:.1f} GiB free"
        yield f"{gpu.name} (sm_{gpu.major}{gpu.minor}, {memory}, torch CUDA {torch.version.cuda})"
