"""Settings of a camera: its preset, projector and exposure."""

import logging
from pathlib import Path
from typing import Any

from slam.config import RealSenseConfig
from slam.errors import SlamError
from slam.sources.realsense.profiles import name_of
from slam.sources.realsense.sdk import one_line, realsense_sdk

logger = logging.getLogger(__name__)


def apply_settings(device: Any, config: RealSenseConfig) -> None:
    """Set what the config names; raise `SlamError` for what the device does not have."""
    rs = realsense_sdk()
    depth_sensor = device.first_depth_sensor()
    color_sensors = [
        sensor
        for sensor in device.query_sensors()
        if sensor.supports(rs.option.auto_exposure_priority)
    ]
    if config.settings_file:
        _load_settings(device, Path(config.settings_file))
    if config.preset:
        _set(depth_sensor, "visual_preset", _preset(config.preset), device)
    if config.emitter is not None:
        _set(depth_sensor, "emitter_enabled", float(config.emitter), device)
    if config.laser_power is not None:
        _set(depth_sensor, "laser_power", config.laser_power, device)
    for sensor in color_sensors:  # else the rate sinks below 30 Hz where it is dark
        _set(sensor, "auto_exposure_priority", 0.0, device)
    if config.color_exposure_us is not None:
        if not color_sensors:
            raise SlamError(f"realsense.color_exposure_us: {name_of(device)} has no such setting")
        _set(color_sensors[0], "enable_auto_exposure", 0.0, device)
        _set(color_sensors[0], "exposure", config.color_exposure_us, device)
    for sensor in device.query_sensors():
        if sensor.supports(rs.option.global_time_enabled):
            sensor.set_option(rs.option.global_time_enabled, 1.0)


def lock_exposure(device: Any) -> None:
    """Keep the exposure that the cameras have chosen, so that the map's colours fit together."""
    rs = realsense_sdk()
    for sensor in device.query_sensors():
        if sensor.supports(rs.option.enable_auto_exposure) and sensor.supports(rs.option.exposure):
            exposure = sensor.get_option(rs.option.exposure)
            sensor.set_option(rs.option.enable_auto_exposure, 0.0)
            sensor.set_option(rs.option.exposure, exposure)
            logger.info("exposure locked at %g", exposure)


def _load_settings(device: Any, path: Path) -> None:
    rs = realsense_sdk()
    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise SlamError(f"cannot read realsense.settings_file {path}: {error}") from error
    try:
        rs.rs400_advanced_mode(device).load_json(text)
    except RuntimeError as error:
        raise SlamError(f"{name_of(device)} refuses {path}: {one_line(error)}") from error


def _preset(name: str) -> float:
    presets = realsense_sdk().rs400_visual_preset.__members__
    if name not in presets:
        raise SlamError(f"realsense.preset must be one of {', '.join(presets)}; got {name!r}")
    return float(int(presets[name]))


def _set(sensor: Any, name: str, value: float, device: Any) -> None:
    """Set one option; an error names the range that it has."""
    option = getattr(realsense_sdk().option, name)
    if not sensor.supports(option):
        raise SlamError(f"{name_of(device)} has no {name}")
    try:
        sensor.set_option(option, value)
    except RuntimeError as error:
        allowed = sensor.get_option_range(option)
        raise SlamError(
            f"{name_of(device)}: {name} must be in {allowed.min:g} .. {allowed.max:g}, "
            f"got {value:g} ({one_line(error)})"
        ) from error
