"""All parameters and their defaults, and the strict loader that fills them."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from slam.errors import SlamError


@dataclass(frozen=True)
class PlaybackConfig:
    """Which frames are used, and when."""

    stride: int = 1  # use every n-th frame
    limit: int = 0  # stop after so many frames; 0 = all
    pace: Literal["max", "realtime"] = (
        "max"  # realtime feeds frames by their time stamps and drops what comes late
    )
    max_depth_m: float = 5.0  # readings beyond are treated as missing
    min_depth_m: float = 0.2


@dataclass(frozen=True)
class RealSenseConfig:
    """A RealSense camera. What is None or empty stays as the camera has it."""

    serial: str = ""  # of the camera; empty = the first one found
    width: int = 640  # of the depth image
    height: int = 480
    color_width: int = 640
    color_height: int = 480
    fps: int = 30
    settings_file: str = ""  # JSON, as the vendor's viewer saves it
    preset: str = ""  # such as high_accuracy
    emitter: bool | None = None  # the projector's pattern
    laser_power: float | None = None  # of the projector, mW
    color_exposure_us: float | None = None  # fixed; None = automatic
    lock_exposure: bool = False  # after the first second
    imu: bool = True  # the accelerometer, where there is one
    decimation: int = 1  # depth images of half the size: 2
    spatial_filter: bool = False  # smooths depth, at some milliseconds a frame
    disparity_sigma_px: float = 0.08  # of a stereo camera's depth
    timeout_s: float = 1.0  # without a frame; then the camera is opened anew
    reconnect_s: float = 60.0  # to wait for a camera that is gone; then the run ends


@dataclass(frozen=True)
class NoiseConfig:
    """What makes a real recording worse, added to a clean source; each part can be switched off.

    kinect: ICL-NUIM's model (Handa et al. 2014). stereo: a RealSense D400 (see
    slam/sources/noise/stereo.py). Blur, rolling shutter and delay need the true poses.
    """

    model: Literal["none", "kinect", "stereo"] = "none"  # of the depth
    seed: int = 0
    lateral_sigma_px: float = 0.5  # kinect
    disparity_sigma: float = 1.0 / 6.0  # kinect: eighths of a pixel, before rounding to eighths
    stereo_sigma_px: float = 0.08  # stereo: of the disparity on textured surface
    baseline_m: float = 0.05  # stereo: between the imagers
    min_range_m: float = 0.28  # stereo: nearer surface gives no reading
    min_contrast: float = 1.5  # stereo: grey levels a pixel; plainer surface gives no reading
    outliers: float = 0.0  # share of valid pixels replaced by a gross error
    exposure_ms: float = 0.0  # motion blur of the colour
    readout_ms: float = 0.0  # rolling shutter of the colour: from its first row to its last
    color_delay_ms: float = 0.0  # the colour is that old when it is paired with the depth
    auto_exposure: bool = False  # the brightness of the colour follows that of the scene
    vignetting: float = 0.0  # share of light lost in the corners
    color_sigma: float = 0.0  # noise of the colour at medium brightness, grey levels
    frame_rate_hz: float = 0.0  # frames a second that are left; 0 = all
    dropped: float = 0.0  # share of frames that never arrive


@dataclass(frozen=True)
class SyntheticConfig:
    """How the camera is moved through a synthetic scene."""

    motion: Literal["smooth", "handheld", "fast"] = "smooth"  # see slam/scenes/hands.py
    seed: int = 0  # of the motion, except the smooth one's
    frames: int = 0  # 0 = once through the walk


@dataclass(frozen=True)
class TsdfConfig:
    """The TSDF map."""

    voxel_size_m: float = 0.01
    truncation_voxels: float = (
        6.0  # the band is at least this wide, and 3 sigma(z) where the sensor needs more
    )
    max_truncation_voxels: float = 12.0
    max_weight: float = 128.0  # in readings taken at 1 m, face on
    budget_mb: int = 4096  # no more map memory than this; blocks beyond are refused and counted


@dataclass(frozen=True)
class NeuralConfig:
    """The neural map."""

    field: Literal["fused", "reference"] = "fused"  # who trains: numba, or plain torch for study
    coarse_spacing_m: float = 0.48  # between the vertices of each level
    middle_spacing_m: float = 0.12
    fine_spacing_m: float = 0.025
    color_spacing_m: float = 0.02
    truncation_m: float = 0.1  # of the fine and middle distance
    seed_with_mean: bool = True  # the fine level is a residual on the fused mean distance
    max_weight: float = 128.0  # of the mean, in readings taken at 1 m, face on
    keyframe_every: int = 5  # mapped frames
    ray_cell: int = 4  # one ray of a keyframe every so many pixels in both directions
    window: int = 8  # keyframes optimised on
    rays: int = 2048  # a step
    steps: int = 3  # a mapped frame, at most
    first_steps: int = 30  # on the first frame
    budget_ms: float = 22.0  # a frame: no further step starts after this; 0 = no limit
    adjust_poses: bool = True  # local bundle adjustment of the keyframes
    reject_movers: bool = True  # leave out readings in space that was seen to be free
    coarse_rate: float = 0.1
    middle_rate: float = 0.05
    fine_rate: float = 0.003  # for clean depth; less for noisier sensors
    color_memory: float = 16.0  # readings that a colour vertex averages
    decoder_rate: float = 0.002
    smoothness: float = 0.05  # of the fine features
    budget_mb: int = 4096  # no more map memory than this; blocks beyond are refused and counted


@dataclass(frozen=True)
class TrackingConfig:
    """The tracker."""

    geometry: Literal["sdf", "projective"] = "sdf"
    photometric: bool = True
    intensity_sigma: float = 4.0  # grey levels
    normal_variance: float = 0.004  # of the map's unit normals: what noise seems to constrain
    min_inlier_ratio: float = 0.4  # of the points with depth; below, the pose is weak
    lost_inlier_ratio: float = 0.2
    max_residual_sigmas: float = 4.0  # residual over the sensor's noise; above, the pose is lost
    max_weak_frames: int = 30  # in a row; then the track counts as lost
    max_translation_m: float = 0.3  # from the predicted pose, a frame
    max_rotation_deg: float = 25.0


@dataclass(frozen=True)
class PlacesConfig:
    """What is kept to recognise places."""

    enabled: bool = True  # keep keyframes, and look for a lost camera among them


@dataclass(frozen=True)
class CompareConfig:
    """Both maps side by side."""

    track_against: Literal["own", "tsdf", "neural", "gt"] = (
        "own"  # whose poses a map gets: its own tracker's, one map's for both, or the true ones
    )
    min_fps: float = 24.0  # below, the maps spend less time on what can be left out


@dataclass(frozen=True)
class Config:
    """Everything that can be set."""

    map: Literal["tsdf", "neural"] = "tsdf"
    deterministic: bool = False  # one frame at a time: same input, same bits
    holdout: int = (
        0  # every n-th frame is tracked but not mapped, for scores of the rendering; 0 = none
    )
    playback: PlaybackConfig = field(default_factory=PlaybackConfig)
    realsense: RealSenseConfig = field(default_factory=RealSenseConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)
    tsdf: TsdfConfig = field(default_factory=TsdfConfig)
    neural: NeuralConfig = field(default_factory=NeuralConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    places: PlacesConfig = field(default_factory=PlacesConfig)
    compare: CompareConfig = field(default_factory=CompareConfig)


def unhurried(config: Config) -> Config:
    """Return a config without time budgets, whose results do not depend on the machine's speed."""
    return dataclasses.replace(config, neural=dataclasses.replace(config.neural, budget_ms=0.0))


def check_tsdf(config: TsdfConfig) -> None:
    """Refuse sizes that make no map."""
    if not 0.001 <= config.voxel_size_m <= 0.5:
        raise SlamError(f"tsdf.voxel_size_m must be in 0.001 .. 0.5, got {config.voxel_size_m:g}")
    for name in ("truncation_voxels", "max_truncation_voxels", "max_weight", "budget_mb"):
        if getattr(config, name) < 1:
            raise SlamError(f"tsdf.{name} must be at least 1, got {getattr(config, name):g}")


def check_neural(config: NeuralConfig) -> None:
    """Refuse sizes that make no map."""
    for name in ("coarse_spacing_m", "middle_spacing_m", "fine_spacing_m", "color_spacing_m"):
        if not 0.002 <= getattr(config, name) <= 2.0:
            raise SlamError(f"neural.{name} must be in 0.002 .. 2, got {getattr(config, name):g}")
    if not 2.0 * config.fine_spacing_m <= config.truncation_m <= 1.0:
        raise SlamError(
            f"neural.truncation_m must be 2 fine spacings ({2.0 * config.fine_spacing_m:g}) .. 1, "
            f"got {config.truncation_m:g}"
        )
    for name in ("max_weight", "keyframe_every", "ray_cell", "window", "rays", "budget_mb"):
        if getattr(config, name) < 1:
            raise SlamError(f"neural.{name} must be at least 1, got {getattr(config, name):g}")
    not_negative = ("steps", "first_steps", "budget_ms", "coarse_rate", "middle_rate", "fine_rate")
    for name in (*not_negative, "color_memory", "decoder_rate", "smoothness"):
        if getattr(config, name) < 0:
            raise SlamError(f"neural.{name} must not be negative, got {getattr(config, name):g}")


def load_config(paths: list[Path], overrides: Mapping[str, str] | None = None) -> Config:
    """Merge YAML files left to right over the defaults, then `{"section.field": "value"}`."""
    tree: dict[str, Any] = {}
    for path in paths:
        try:
            loaded = yaml.safe_load(path.read_text())
        except OSError as error:
            raise SlamError(f"cannot read config {path}: {error.strerror}") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise SlamError(
                f"config {path} is not valid YAML: {' '.join(str(error).split())}"
            ) from error
        if loaded is not None and not isinstance(loaded, dict):
            raise SlamError(f"config {path} must hold sections, got {type(loaded).__name__}")
        _merge(tree, loaded or {})
    for dotted, text in (overrides or {}).items():
        *sections, leaf = dotted.replace("-", "_").split(".")
        try:
            branch: dict[str, Any] = {leaf: yaml.safe_load(text)}
        except yaml.YAMLError as error:
            raise SlamError(f"config {dotted}: cannot read {text!r}") from error
        for section in reversed(sections):
            branch = {section: branch}
        _merge(tree, branch)
    return build(Config, tree)


def dump_config(config: Config) -> str:
    """Return the YAML text that loads to an equal config."""
    return yaml.safe_dump(dataclasses.asdict(config), sort_keys=False)


def build(cls: type, values: Mapping[Any, Any], where: str = "") -> Any:
    """Build a dataclass from nested mappings; unknown keys and wrong types are errors with their
    dotted name.
    """
    hints = typing.get_type_hints(cls)
    unknown = [str(key) for key in values if key not in hints]
    if unknown:
        raise SlamError(f"unknown config key {where}{unknown[0]}; known here: {', '.join(hints)}")
    return cls(**{key: _convert(hints[key], value, where + key) for key, value in values.items()})


def _convert(hint: Any, value: Any, name: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            raise SlamError(f"config {name} is a section, got {value!r}")
        return build(hint, value, name + ".")
    if typing.get_origin(hint) is Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise SlamError(
                f"config {name} must be one of {', '.join(map(str, choices))}; got {value!r}"
            )
        return value
    if isinstance(hint, types.UnionType):  # X | None
        if value is None:
            return None
        return _convert(typing.get_args(hint)[0], value, name)
    if hint is float:
        return _to_float(value, name)
    if typing.get_origin(hint) is tuple:  # of numbers; rows of a matrix follow one another
        if not isinstance(value, list | tuple):
            raise SlamError(f"config {name} must be a list of numbers, got {value!r}")
        rows = (row if isinstance(row, list | tuple) else (row,) for row in value)
        return tuple(_to_float(number, name) for row in rows for number in row)
    if type(value) is not hint:
        expected = getattr(hint, "__name__", str(hint))
        raise SlamError(f"config {name} must be {expected}, got {value!r}")
    return value


def _to_float(value: Any, name: str) -> float:
    """Take ints, and strings such as 1e-3, which YAML 1.1 does not see as a number."""
    if not isinstance(value, bool):
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isnan(number):
            return number
    raise SlamError(f"config {name} must be a number, got {repr(value)[:60]}")


def _merge(into: dict[Any, Any], values: Mapping[Any, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value
