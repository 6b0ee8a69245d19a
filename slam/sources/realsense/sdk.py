"""The vendor's SDK, imported where it is used."""

from types import ModuleType

from slam.errors import SlamError


def realsense_sdk() -> ModuleType:
    """Import pyrealsense2; raise `SlamError` with the remedy where it does not import."""
    try:
        import pyrealsense2
    except ModuleNotFoundError as error:
        raise SlamError("RealSense needs pyrealsense2: pip install 'twinmap[realsense]'") from error
    except ImportError as error:  # a shared library is missing
        hint = "; sudo apt-get install libusb-1.0-0" if "libusb" in str(error) else ""
        raise SlamError(f"pyrealsense2 does not import: {one_line(error)}{hint}") from error
    return pyrealsense2


def one_line(error: BaseException) -> str:
    """Return the text of an SDK's error in one line."""
    return " ".join(str(error).split())
