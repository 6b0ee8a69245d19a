"""`camera.yaml`: the cameras that took a folder of images."""

import dataclasses
import logging
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml

from slam.camera import Camera, DepthNoise
from slam.config_file import build
from slam.errors import SlamError
from slam.geometry import Transform, orthonormalise
from slam.sources.depth_reader import DepthStorage
from slam.sources.intrinsics import checked
from slam.sources.lens import Lens, fisheye_lens, opencv_lens
from slam.sources.rig import Rig
from slam.text import read_text

logger = logging.getLogger(__name__)
HINT = "camera.yaml with width, height, fx, fy, cx, cy, depth_scale"
_MAX_SKEW = 0.02  # of a rotation's entries; more is no rounding


@dataclass(frozen=True)
class LensFile:
    """A pinhole camera, and the distortion of its images in OpenCV's coefficients: k1 k2 p1 p2 k3
    and maybe k4 k5 k6, or those of its fisheye model.
    """

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    distortion: tuple[float, ...] | None = None
    fisheye: tuple[float, ...] | None = None

    @property
    def camera(self) -> Camera:
        """The pinhole camera."""
        return Camera(self.width, self.height, self.fx, self.fy, self.cx, self.cy)

    @property
    def lens(self) -> Lens:
        """The camera with its distortion."""
        if self.distortion is not None and self.fisheye is not None:
            raise SlamError("a camera has either distortion or fisheye, got both")
        if self.fisheye is not None:
            return fisheye_lens(self.camera, self.fisheye, "fisheye")
        if self.distortion is not None:
            return opencv_lens(self.camera, self.distortion, "distortion")
        return Lens(self.camera)


@dataclass(frozen=True, kw_only=True)
class CameraFile(LensFile):
    """The camera of depth, how depth is stored, and the camera of colour where that is another
    one: p_color = T_color_depth p_depth, 3 or 4 rows of 4 numbers.
    """

    depth_scale: float | None = None  # stored value of one metre; None = the format's own
    depth_kind: Literal["z", "ray"] = "z"  # ray: the distance along the ray, not along the axis
    fps: float = 30.0
    depth_noise: Literal["kinect_v1", "rendered"] = "kinect_v1"
    depth_sigma: DepthNoise | None = None  # in place of a noise that has a name
    color_camera: LensFile | None = None  # None = colour has depth's pixels
    T_color_depth: tuple[float, ...] | None = None

    @cached_property
    def rig(self) -> Rig:
        """Both cameras."""
        if self.color_camera is None:
            return Rig(self.lens)
        T = None if self.T_color_depth is None else _transform(self.T_color_depth)
        return Rig(self.lens, self.color_camera.lens, T)

    @property
    def noise(self) -> DepthNoise:
        """The noise of the sensor that is named, or as its coefficients say."""
        if self.depth_sigma is not None:
            return self.depth_sigma
        return {"kinect_v1": DepthNoise.kinect_v1, "rendered": DepthNoise.rendered}[
            self.depth_noise
        ]()

    def storage(self, default_scale: float, default_of: str) -> DepthStorage:
        """Return how depth is stored; where no scale is stated, by the default of a format, which
        is told.
        """
        if self.depth_scale is not None:
            return DepthStorage(self.depth_scale, self.depth_kind)
        origin = f"the default of {default_of}"
        logger.warning("no depth_scale is stated: %g is assumed, %s", default_scale, origin)
        return DepthStorage(default_scale, self.depth_kind, origin)


def _transform(numbers: tuple[float, ...]) -> Transform:
    if len(numbers) not in (12, 16) or not np.isfinite(numbers).all():
        raise SlamError(
            f"T_color_depth must hold 3 or 4 rows of 4 finite numbers, got {len(numbers)}"
        )
    T = np.eye(4)
    T[:3] = np.reshape(numbers[:12], (3, 4))
    R = T[:3, :3]
    if np.abs(R @ R.T - np.eye(3)).max() > _MAX_SKEW or np.linalg.det(R) < 0:
        raise SlamError(f"T_color_depth holds no rotation: {R.tolist()}")
    return orthonormalise(T)


def read_camera_file(path: Path, needs_scale: bool = True, **defaults: Any) -> CameraFile:
    """Read `camera.yaml`; the defaults are the format's own, used where the file states none.

    Without a depth scale it is refused, unless the format has one.
    """
    values = defaults | read_yaml_mapping(path)
    _require(CameraFile, values, str(path), *(["depth_scale"] if needs_scale else []))
    if isinstance(values.get("color_camera"), dict):
        _require(LensFile, values["color_camera"], f"{path}: color_camera")
    elif "color_camera" not in values and "T_color_depth" in values:
        raise SlamError(f"{path}: T_color_depth needs color_camera, the camera that it leads to")
    camera_file: CameraFile = build(CameraFile, values, where=f"{path}: ")
    checked(camera_file.camera, path)
    if camera_file.color_camera is not None:
        checked(camera_file.color_camera.camera, f"{path}: color_camera")
    for name in ("fps", "depth_scale"):
        value = getattr(camera_file, name)
        if value is not None and not 0 < value < math.inf:
            raise SlamError(f"{path}: {name} must be positive, got {value:g}")
    try:
        _ = camera_file.rig  # what is wrong with it shows when it is made
    except SlamError as error:
        raise SlamError(f"{path}: {error}") from error
    return camera_file


def _require(cls: type[LensFile], values: dict[str, Any], where: str, *others: str) -> None:
    required = [f.name for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING]
    missing = [name for name in (*required, *others) if name not in values]
    if missing:
        raise SlamError(f"{where} lacks {', '.join(missing)}")


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds keys and values."""
    text = read_text(path)
    if text.startswith("%YAML"):
        raise SlamError(f"{path} is a file of OpenCV, ROS or ORB-SLAM: write a {HINT}")
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SlamError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if values is None:
        raise SlamError(f"{path} is empty: write a {HINT}")
    if not isinstance(values, dict):
        raise SlamError(f"{path} must hold keys and values, got {type(values).__name__}")
    return values
