"""Where the camera is, and where it has been."""

from dataclasses import dataclass
from typing import Literal

from slam.section import Checked, setting


@dataclass(frozen=True)
class TrackingConfig(Checked):
    """The tracker."""

    geometry: Literal["sdf", "projective"] = setting(
        "sdf", "points on the map's distance, or on its rendering"
    )
    photometric: bool = setting(True, "use colour beside depth")
    intensity_sigma: float = setting(4.0, "of a pixel's grey level, 0 .. 255", at_least=0.1)
    normal_variance: float = setting(
        0.004, "of the map's unit normals: what noise seems to constrain", at_least=0.0, at_most=1.0
    )
    min_inlier_ratio: float = setting(
        0.4, "of the points with depth; below, the pose is weak", at_least=0.0, at_most=1.0
    )
    lost_inlier_ratio: float = setting(
        0.2, "of the points with depth; below, the pose is lost", at_least=0.0, at_most=1.0
    )
    max_residual_sigmas: float = setting(
        4.0, "residual over the sensor's noise; above, the pose is lost", at_least=0.0
    )
    learn_noise: bool = setting(True, "correct the stated depth noise by what the readings show")
    reject_movers: bool = setting(True, "leave out readings where the last seconds saw through")
    max_weak_frames: int = setting(30, "in a row; then the track counts as lost", at_least=0)
    max_translation_m: float = setting(0.3, "from the predicted pose, a frame", at_least=0.0)
    max_rotation_deg: float = setting(25.0, "from the predicted pose, a frame", at_least=0.0)


@dataclass(frozen=True)
class PlacesConfig(Checked):
    """What is kept to recognise places."""

    enabled: bool = setting(True, "keep keyframes, and look for a lost camera among them")


@dataclass(frozen=True)
class LoopsConfig(Checked):
    """What is done where the camera comes back to a place."""

    enabled: bool | None = setting(
        None,
        "correct poses and map where the camera comes back to a place; needs places; none: yes,"
        " where the map can be moved",
    )
