"""What streams a device offers, and the choice among them."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from slam.config import RealSenseConfig
from slam.errors import SlamError
from slam.sources.realsense.sdk import realsense_sdk

_FORMATS = {"depth": ("z16",), "color": ("rgb8", "bgr8", "rgba8", "bgra8", "yuyv", "y8")}


@dataclass(frozen=True)
class Offer:
    """One profile of one sensor."""

    kind: str  # depth, color
    width: int
    height: int
    fps: int
    format: str
    sensor: Any
    profile: Any


@dataclass(frozen=True)
class Choice:
    """The profiles to open; `color` is None where a device has no colour at all."""

    depth: Offer
    color: Offer | None


def offers(device: Any) -> list[Offer]:
    """List the depth and colour profiles that can be used."""
    found = []
    for sensor in device.query_sensors():
        for profile in sensor.get_stream_profiles():
            kind, format_ = profile.stream_type().name, profile.format().name
            if format_ in _FORMATS.get(kind, ()):
                video = profile.as_video_stream_profile()
                size = (video.width(), video.height())
                found.append(Offer(kind, *size, profile.fps(), format_, sensor, profile))
    return found


def choose(device: Any, config: RealSenseConfig) -> Choice:
    """Choose what the config asks for; raise `SlamError` with a table of what there is instead."""
    found = offers(device)
    name = name_of(device)
    kinds = {offer.kind for offer in found}
    if "depth" not in kinds:
        raise SlamError(f"{name} has no depth stream")
    wanted = {"depth": (config.width, config.height, config.fps)}
    if "color" in kinds:
        wanted["color"] = (config.color_width, config.color_height, config.fps)
    chosen = {}
    for kind, values in wanted.items():
        fitting = [o for o in found if o.kind == kind and (o.width, o.height, o.fps) == values]
        if not fitting:
            width, height, fps = values
            raise SlamError(
                f"{name} offers no {kind} of {width}x{height} at {fps} Hz; it offers\n"
                f"{table(found)}\nset realsense.{'' if kind == 'depth' else 'color_'}width, "
                f"{'' if kind == 'depth' else 'color_'}height and fps{usb_hint(device)}"
            )
        chosen[kind] = min(fitting, key=lambda offer: _FORMATS[offer.kind].index(offer.format))
    return Choice(chosen["depth"], chosen.get("color"))


def table(found: list[Offer]) -> str:
    """Write offers as a table: stream, size, and the rates it comes at."""
    rates: dict[tuple[str, int, int], set[int]] = defaultdict(set)
    for offer in found:
        rates[offer.kind, offer.width, offer.height].add(offer.fps)
    rows = sorted(rates, key=lambda row: (row[0] != "depth", -row[1] * row[2], row))
    return "\n".join(
        f"  {kind:<5}  {f'{width}x{height}':>9}  {', '.join(map(str, sorted(rates[row])))} Hz"
        for row in rows
        for kind, width, height in [row]
    )


def name_of(device: Any) -> str:
    """Return the name of a device, with its serial number."""
    rs = realsense_sdk()
    infos = (rs.camera_info.name, rs.camera_info.serial_number)
    return " ".join(device.get_info(info) for info in infos if device.supports(info)) or "device"


def usb_hint(device: Any) -> str:
    """Explain a USB 2 connection, over which most profiles are missing; empty where it is none."""
    usb = realsense_sdk().camera_info.usb_type_descriptor
    if not device.supports(usb) or not device.get_info(usb).startswith("2"):
        return ""
    return (
        f". It is connected by USB {device.get_info(usb)}, which carries few profiles: use a USB 3 "
        "port (blue) and a USB 3 cable, and push the plug in quickly"
    )
