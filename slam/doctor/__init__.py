"""What `slam doctor` reports: versions, devices, what is missing and how to get it.

No check raises.
"""

from slam.doctor.cameras import check_camera_path, check_cameras, check_udev_rule
from slam.doctor.check import Check, Diagnosis, guarded
from slam.doctor.gpu import check_gpu
from slam.doctor.machine import (
    check_cpu,
    check_disk,
    check_kernels,
    check_numba_cache,
    check_python,
    check_threads,
)
from slam.doctor.packages import OPTIONAL, REQUIRED, package

__all__ = ["Check", "Diagnosis", "diagnose"]


def diagnose() -> Diagnosis:
    """Run every check."""
    checks = [guarded("python", check_python), guarded("kernels", check_kernels)]
    for distribution, module, remedy in REQUIRED:
        checks.append(package(distribution, module, remedy, "failed"))
    checks.append(guarded("cpu", check_cpu, if_raised="note"))
    # Before the optional packages: open3d loads a TBB of its own, which numba would then find.
    checks.append(guarded("threads", check_threads))
    for distribution, module, remedy in OPTIONAL:
        checks.append(package(distribution, module, remedy, "note"))
    checks.append(guarded("gpu", check_gpu, if_raised="note"))
    checks.append(guarded("cameras", check_cameras, if_raised="note"))
    checks.append(guarded("udev rule", check_udev_rule, if_raised="note"))
    checks.append(guarded("camera path", check_camera_path, if_raised="note"))
    checks.append(guarded("numba cache", check_numba_cache))
    checks.append(guarded("disk", check_disk, if_raised="note"))
    return Diagnosis(tuple(checks))
