import importlib
import os
import sys
from types import ModuleType, SimpleNamespace

import pytest

import kernels
from slam import doctor
from slam.doctor import Check, cameras, gpu, machine


def check_named(diagnosis, name):
    return next(check for check in diagnosis.checks if check.name == name)


def block(monkeypatch, *names, error=None):
    """Make importing these modules fail as if they were not installed, or with `error`."""
    real = importlib.import_module

    def import_module(name, package=None):
        if name in names:
            raise error or ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, package)

    monkeypatch.setattr(importlib, "import_module", import_module)


def test_this_environment_is_healthy():
    diagnosis = doctor.diagnose()
    assert [check for check in diagnosis.checks if check.status == "failed"] == []
    assert diagnosis.is_healthy
    assert diagnosis.lines[-1] == "the core works"


def test_every_line_is_one_line():
    assert all("\n" not in line and line.strip() for line in doctor.diagnose().lines)


def test_a_missing_requirement_fails_and_is_named(monkeypatch):
    block(monkeypatch, "cv2")
    diagnosis = doctor.diagnose()
    missing = check_named(diagnosis, "opencv-python")
    assert missing.status == "failed"
    assert "pip install twinmap" in missing.detail
    assert not diagnosis.is_healthy
    assert diagnosis.lines[-1] == "needs attention: opencv-python"


def test_missing_optional_packages_are_notes_with_the_extra_to_install(monkeypatch):
    block(monkeypatch, "rerun", "pyrealsense2")
    diagnosis = doctor.diagnose()
    assert check_named(diagnosis, "rerun-sdk").status == "note"
    assert "twinmap[viewer]" in check_named(diagnosis, "rerun-sdk").detail
    assert "twinmap[realsense]" in check_named(diagnosis, "pyrealsense2").detail
    assert diagnosis.is_healthy


def test_a_missing_shared_library_names_its_debian_package(monkeypatch):
    error = ImportError("libusb-1.0.so.0: cannot open shared object file: No such file")
    block(monkeypatch, "open3d", error=error)
    check = check_named(doctor.diagnose(), "open3d")
    assert check.status == "note"
    assert check.detail.endswith("sudo apt-get install libusb-1.0-0")


@pytest.mark.parametrize("name", ["python", "kernels", "threads", "numba cache"])
def test_a_check_that_raises_is_reported_not_raised(monkeypatch, name):
    def broken():
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(doctor, "check_" + name.replace(" ", "_"), broken)
    assert check_named(doctor.diagnose(), name) == Check(
        name, "failed", "RuntimeError: first line second line"
    )


def test_another_package_named_kernels_is_found_out(monkeypatch, tmp_path):
    monkeypatch.setattr(kernels, "__file__", str(tmp_path / "kernels" / "__init__.py"))
    check = machine.check_kernels()
    assert check.status == "failed"
    assert "pip uninstall kernels" in check.detail


def test_threads_names_a_layer_that_two_python_threads_may_share():
    check = machine.check_threads()
    assert check.status == "ok", check.detail
    assert check.detail.split()[-1] in ("omp", "tbb")


@pytest.mark.parametrize(
    ("script", "driver"),
    [
        ("echo 580.65.06; echo 580.65.06", "driver 580.65.06"),
        ("exit 9", ""),
        ("exit 0", ""),
        (None, ""),
    ],
    ids=["two GPUs", "a driver that does not answer", "no GPU", "no nvidia-smi"],
)
def test_the_version_of_the_driver_is_what_nvidia_smi_tells(monkeypatch, tmp_path, script, driver):
    if script is not None:
        (tmp_path / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "nvidia-smi").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu._driver() == driver


class Device:
    """A camera that knows only its infos."""

    def __init__(self, **infos):
        self._infos = infos

    def supports(self, key):
        return key in self._infos

    def get_info(self, key):
        return self._infos[key]


@pytest.fixture
def connect(monkeypatch):
    """Put cameras in the place of those that are connected."""

    def connect(*devices):
        rs = ModuleType("pyrealsense2")
        names = (
            "name serial_number firmware_version recommended_firmware_version usb_type_descriptor"
        )
        rs.camera_info = SimpleNamespace(**{name: name for name in names.split()})
        rs.context = lambda: SimpleNamespace(query_devices=lambda: devices)
        monkeypatch.setitem(sys.modules, "pyrealsense2", rs)

    return connect


def test_cameras_are_listed_with_serial_number_firmware_and_usb_speed(connect):
    connect(
        Device(
            name="RealSense D435",
            serial_number="0123",
            firmware_version="5.12",
            recommended_firmware_version="5.16",
            usb_type_descriptor="3.2",
        )
    )
    expected = "RealSense D435 0123, firmware 5.12, recommended 5.16, USB 3.2"
    assert cameras.check_cameras() == Check("cameras", "ok", expected)


def test_usb_2_is_explained(connect):
    connect(Device(name="RealSense D455", usb_type_descriptor="2.1"))
    detail = cameras.check_cameras().detail
    assert "USB 2.1, which is too slow" in detail
    assert "USB 3 port" in detail


@pytest.mark.parametrize(("product", "is_seen"), [("0b07", True), ("0aa7", False)])
def test_a_camera_on_usb_that_cannot_be_opened(connect, monkeypatch, tmp_path, product, is_seen):
    (tmp_path / "1-2").mkdir()
    (tmp_path / "1-2" / "idVendor").write_text("8086\n")
    (tmp_path / "1-2" / "idProduct").write_text(f"{product}\n")
    (tmp_path / "1-2" / "product").write_text("RealSense(TM) 435\n")
    monkeypatch.setattr(cameras, "_USB_DEVICES", tmp_path)
    connect()
    detail = cameras.check_cameras().detail
    assert ("RealSense(TM) 435 is on USB but cannot be opened" in detail) == is_seen


def test_the_udev_rule_is_found_or_its_installation_told(monkeypatch, tmp_path):
    monkeypatch.setattr(cameras, "_RULE_FOLDERS", (tmp_path,))
    monkeypatch.setattr(cameras.platform, "system", lambda: "Linux")
    check = cameras.check_udev_rule()
    assert check.status == "note"
    assert "sudo tee /etc/udev/rules.d/" in check.detail
    (tmp_path / "99-realsense-libusb.rules").touch()
    assert cameras.check_udev_rule().status == "ok"


def test_frames_of_a_software_camera_come_through():
    pytest.importorskip("pyrealsense2", exc_type=ImportError)
    check = cameras.check_camera_path()
    assert "of 60 frames of a software camera came through" in check.detail
    assert int(check.detail.split()[0]) > 30  # on a busy machine


def test_a_camera_driver_that_breaks_is_a_note(monkeypatch):
    rs = ModuleType("pyrealsense2")  # without any attribute
    monkeypatch.setitem(sys.modules, "pyrealsense2", rs)
    check = check_named(doctor.diagnose(), "cameras")
    assert check.status == "note"
    assert "AttributeError" in check.detail


def test_numba_cache_that_cannot_be_written_fails_with_the_remedy(monkeypatch, tmp_path):
    (tmp_path / "file").touch()  # no folder can be made below a file, not even by root
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    check = machine.check_numba_cache()
    assert check.status == "failed"
    assert "NUMBA_CACHE_DIR" in check.detail


def test_numba_cache_that_does_not_exist_yet_is_fine(monkeypatch, tmp_path):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "new" / "cache"))
    assert machine.check_numba_cache() == Check(
        "numba cache", "ok", os.fspath(tmp_path / "new" / "cache")
    )


def test_a_full_disk_is_a_note(monkeypatch):
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda path: SimpleNamespace(free=1e8))
    check = machine.check_disk()
    assert check.status == "note"
    assert "0.1 GB" in check.detail
