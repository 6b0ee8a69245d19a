"""Which packages are there, and how to get the others."""

import importlib
from importlib import metadata
from typing import Literal

from slam.doctor.check import Check, one_line

# (distribution, module, how to get it). Nothing runs without these:
REQUIRED = [
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
OPTIONAL = [
    ("open3d", "open3d", "pip install open3d (for `slam bench`)"),
    ("rerun-sdk", "rerun", "pip install 'twinmap[viewer]' (for --viewer rerun)"),
    ("pyrealsense2", "pyrealsense2", "pip install 'twinmap[realsense]' (for live cameras)"),
    ("rosbags", "rosbags", "pip install 'twinmap[ros]' (for ROS bags)"),
    ("lzfse", "lzfse", "pip install 'twinmap[r3d]' (for Record3D's .r3d)"),
    ("OpenEXR", "OpenEXR", "pip install 'twinmap[exr]' (for depth as EXR)"),
    ("ray", "ray", "pip install 'twinmap[batch]' (for `slam batch` with several jobs at once)"),
    ("numba-cuda", "numba_cuda", "pip install 'twinmap[cuda]' (for --device cuda)"),
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


def package(
    distribution: str, module: str, remedy: str, if_missing: Literal["note", "failed"]
) -> Check:
    """Import a package and tell its version."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != module:
            return Check(distribution, if_missing, f"{one_line(error)}; {remedy}")
        return Check(distribution, if_missing, f"not installed: {remedy}")
    except Exception as error:  # a shared library is missing, or was built for other versions
        return Check(distribution, if_missing, f"{one_line(error)}{_library_remedy(error)}")
    try:
        return Check(distribution, "ok", metadata.version(distribution))
    except metadata.PackageNotFoundError:  # built from source, or another distribution of it
        return Check(distribution, "ok", "version unknown")


def _library_remedy(error: Exception) -> str:
    for library, package in _DEBIAN_PACKAGES.items():
        if library in str(error):
            return f"; sudo apt-get install {package}"
    return ""
