"""`camera.yaml`: the camera that took a folder of images."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from slam.camera import Camera, DepthNoise
from slam.config import build
from slam.errors import SlamError

HINT = "camera.yaml with width, height, fx, fy, cx, cy, depth_scale"


@dataclass(frozen=True)
class CameraFile:
    """A pinhole camera of depth and registered colour, and how its depth is stored."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float
    depth_scale: float  # stored value of one metre
    fps: float = 30.0
    depth_noise: Literal["kinect_v1", "rendered"] = "kinect_v1"
    depth_sigma: DepthNoise | None = None  # in place of a noise that has a name

    @property
    def camera(self) -> Camera:
        """The pinhole camera."""
        return Camera(self.width, self.height, self.fx, self.fy, self.cx, self.cy)

    @property
    def noise(self) -> DepthNoise:
        """The noise of the sensor that is named, or as its coefficients say."""
        if self.depth_sigma is not None:
            return self.depth_sigma
        return {"kinect_v1": DepthNoise.kinect_v1, "rendered": DepthNoise.rendered}[
            self.depth_noise
        ]()


def read_camera_file(path: Path, depth_scale: float | None = None) -> CameraFile:
    """Read `camera.yaml`; `depth_scale` is the format's own, used where the file states none."""
    values = read_yaml_mapping(path)
    if depth_scale is not None:
        values = {"depth_scale": depth_scale, **values}
    required = [f.name for f in dataclasses.fields(CameraFile) if f.default is dataclasses.MISSING]
    missing = [name for name in required if name not in values]
    if missing:
        raise SlamError(f"{path} lacks {', '.join(missing)}")
    return build(CameraFile, values, where=f"{path}: ")


def read_yaml_mapping(path: Path) -> dict[str, Any]:
    """Read a YAML file that holds keys and values."""
    try:
        values = yaml.safe_load(path.read_text())
    except OSError as error:
        raise SlamError(f"cannot read {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SlamError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise SlamError(f"{path} must hold keys and values, got {type(values).__name__}")
    return values
