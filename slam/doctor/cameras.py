"""The cameras that are connected."""

import importlib

from slam.doctor.check import Check


def check_cameras() -> Check:
    """List the cameras."""
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
