"""The cameras that are connected, what keeps them from being found, and whether frames would come
through.
"""

import importlib
import platform
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slam.doctor.check import Check

_USB_DEVICES = Path("/sys/bus/usb/devices")
_RULE_FOLDERS = (
    Path("/etc/udev/rules.d"),
    Path("/lib/udev/rules.d"),
    Path("/usr/lib/udev/rules.d"),
)
_VENDOR, _PRODUCTS = "8086", ("0ad", "0b")  # of RealSense cameras on USB; as their hex digits begin
_RULE = (
    'SUBSYSTEMS=="usb", ATTRS{idVendor}=="8086", ATTRS{idProduct}=="0ad*|0b*", MODE="0660", '
    'TAG+="uaccess"'
)
_INSTALL_RULE = (
    f"echo '{_RULE}' | sudo tee /etc/udev/rules.d/70-realsense.rules && "
    "sudo udevadm control --reload-rules && sudo udevadm trigger"
)


def check_cameras() -> Check:
    """List the cameras with their firmware and the speed of their connection."""
    try:
        rs = importlib.import_module("pyrealsense2")
    except ImportError:
        return Check("cameras", "note", "not asked: pyrealsense2 does not import")
    # Listing is instant; starting a pipeline without a camera would wait for 15 s.
    found = [_described(rs, device) for device in rs.context().query_devices()]
    if found:
        return Check("cameras", "ok", "; ".join(found))
    on_usb = list(_on_usb())
    if on_usb:
        detail = f"{', '.join(on_usb)} is on USB but cannot be opened: see udev rule"
        return Check("cameras", "note", detail)
    return Check("cameras", "note", "no RealSense connected")


def _described(rs: Any, device: Any) -> str:
    def info(name: str) -> str:
        key = getattr(rs.camera_info, name, None)
        return device.get_info(key) if key is not None and device.supports(key) else ""

    parts = [f"{info('name')} {info('serial_number')}".strip()]
    firmware, recommended = info("firmware_version"), info("recommended_firmware_version")
    if firmware:
        parts.append(f"firmware {firmware}")
    if recommended and recommended != firmware:
        parts.append(f"recommended {recommended}")
    usb = info("usb_type_descriptor")
    if usb:
        parts.append(f"USB {usb}")
    if usb.startswith("2"):
        parts.append(
            "which is too slow for depth and colour at 30 Hz: use a USB 3 port (blue) and cable, "
            "and push the plug in quickly"
        )
    return ", ".join(parts)


def _on_usb() -> Iterator[str]:
    """Yield the RealSense cameras that the kernel sees, whether or not they can be opened."""
    for vendor in _USB_DEVICES.glob("*/idVendor"):
        product = (vendor.parent / "idProduct").read_text().strip()
        if vendor.read_text().strip() == _VENDOR and product.startswith(_PRODUCTS):
            name = vendor.parent / "product"
            yield name.read_text().strip() if name.exists() else f"RealSense {product}"


def check_udev_rule() -> Check:
    """Look for the rule that lets others than root open a camera."""
    if platform.system() != "Linux":
        return Check("udev rule", "ok", f"not needed on {platform.system()}")
    for folder in _RULE_FOLDERS:
        for rule in sorted(folder.glob("*.rules")):
            if "realsense" in rule.name.lower():
                return Check("udev rule", "ok", str(rule))
    return Check("udev rule", "note", f"none: only root can open a RealSense; {_INSTALL_RULE}")


def check_camera_path() -> Check:
    """Send two seconds of frames through the SDK, from a camera that is made of software."""
    from slam.errors import SlamError
    from slam.sources.realsense.self_test import FPS, SECONDS, self_test

    try:
        result = self_test()
    except SlamError as error:
        return Check("camera path", "note", f"not tried: {error}")
    detail = (
        f"{result.frames} of {SECONDS * FPS} frames of a software camera came through, "
        f"{result.with_color} with colour, {result.registration_ms:.1f} ms each to register"
    )
    is_fine = result.with_color >= 0.9 * SECONDS * FPS
    return Check("camera path", "ok" if is_fine else "note", detail)
