"""What is read, and how."""

from dataclasses import dataclass
from typing import Literal

from slam.section import Checked, setting


@dataclass(frozen=True)
class PlaybackConfig(Checked):
    """Which frames are used, and when."""

    start: int = setting(0, "leave out so many frames at the beginning", at_least=0)
    stride: int = setting(1, "use every n-th frame", at_least=1)
    limit: int = setting(0, "stop after so many frames; 0 = all", at_least=0)
    pace: Literal["max", "realtime"] = setting(
        "max", "realtime feeds frames by their time stamps and drops what comes late"
    )
    max_depth_m: float | None = setting(
        None,
        "readings beyond are treated as missing; none: 5 m, or where the sensor's standard"
        " deviation reaches 25 mm (a stereo camera's 75), if that is nearer (a Kinect's at 3.9 m)",
        at_least=0.0,
    )
    min_depth_m: float = setting(0.2, "readings below are treated as missing", at_least=0.0)


@dataclass(frozen=True)
class RealSenseConfig(Checked):
    """A RealSense camera. What is none or empty stays as the camera has it."""

    serial: str = setting("", "of the camera; empty = the first one found")
    width: int = setting(640, "of the depth image", at_least=1)
    height: int = setting(480, "of the depth image", at_least=1)
    color_width: int = setting(640, "of the colour image", at_least=1)
    color_height: int = setting(480, "of the colour image", at_least=1)
    fps: int = setting(30, "frames a second, of depth and colour", at_least=1)
    settings_file: str = setting("", "JSON, as the vendor's viewer saves it")
    preset: str = setting("", "of the vendor, such as high_accuracy")
    emitter: bool | None = setting(None, "whether the projector shows its pattern")
    laser_power: float | None = setting(None, "of the projector, mW", at_least=0.0)
    color_exposure_us: float | None = setting(None, "fixed; none = automatic", at_least=0.0)
    lock_exposure: bool = setting(False, "keep the exposure that the first second has found")
    imu: bool = setting(True, "use the accelerometer, where there is one")
    decimation: int = setting(
        1, "2 = depth images of half the size, and so on", at_least=1, at_most=8
    )
    spatial_filter: bool = setting(False, "smooth depth, at some milliseconds a frame")
    disparity_sigma_px: float = setting(0.08, "of a stereo camera's depth", at_least=0.0)
    timeout_s: float = setting(
        1.0, "without a frame, until the camera is opened anew", at_least=0.0
    )
    reconnect_s: float = setting(60.0, "without a camera, until the run ends", at_least=0.0)


@dataclass(frozen=True)
class RosConfig(Checked):
    """Which topics of a ROS bag are used; empty = those that fit best."""

    depth_topic: str = setting("", "of the depth images")
    color_topic: str = setting("", "of the colour images")


@dataclass(frozen=True)
class NoiseConfig(Checked):
    """What makes a real recording worse, added to a clean source; each part can be switched off.

    kinect: ICL-NUIM's model (Handa et al. 2014). stereo: a RealSense D400 (see
    slam/sources/noise/stereo.py). Blur, rolling shutter and delay need the true poses.
    """

    model: Literal["none", "kinect", "stereo"] = setting("none", "of the depth of a clean source")
    seed: int = setting(0, "another one gives other noise", at_least=0)
    lateral_sigma_px: float = setting(0.5, "by which readings are moved", of="kinect", at_least=0.0)
    disparity_sigma: float = setting(
        1.0 / 6.0, "in eighths of a pixel, before rounding to eighths", of="kinect", at_least=0.0
    )
    stereo_sigma_px: float = setting(
        0.08, "of the disparity on textured surface", of="stereo", at_least=0.0
    )
    baseline_m: float = setting(0.05, "between the imagers", of="stereo", at_least=0.001)
    min_range_m: float = setting(0.28, "nearer surface gives no reading", of="stereo", at_least=0.0)
    min_contrast: float = setting(
        1.5, "grey levels a pixel; plainer surface gives no reading", of="stereo", at_least=0.0
    )
    outliers: float = setting(
        0.0, "share of valid pixels replaced by a gross error", at_least=0.0, at_most=1.0
    )
    exposure_ms: float = setting(0.0, "motion blur of the colour", at_least=0.0)
    readout_ms: float = setting(
        0.0, "rolling shutter of the colour: from its first row to its last", at_least=0.0
    )
    color_delay_ms: float = setting(
        0.0, "age of the colour when it is paired with the depth", at_least=0.0
    )
    color_slips: float = setting(
        0.0,
        "share of frames with the colour of the frame before or after",
        at_least=0.0,
        at_most=1.0,
    )
    auto_exposure: bool = setting(False, "brightness of the colour follows that of the scene")
    vignetting: float = setting(
        0.0, "share of light lost in the corners", at_least=0.0, at_most=1.0
    )
    color_sigma: float = setting(
        0.0, "of the colour at medium brightness, grey levels", at_least=0.0
    )
    frame_rate_hz: float = setting(0.0, "frames a second that are left; 0 = all", at_least=0.0)
    dropped: float = setting(0.0, "share of frames that never arrive", at_least=0.0, at_most=0.99)

    @property
    def is_added(self) -> bool:
        """Whether anything is switched on."""
        amounts = (
            self.outliers, self.exposure_ms, self.readout_ms, self.color_delay_ms, self.color_slips,
            self.vignetting, self.color_sigma, self.frame_rate_hz, self.dropped,
        )  # fmt: skip
        return self.model != "none" or self.auto_exposure or any(amount != 0 for amount in amounts)


@dataclass(frozen=True)
class SyntheticConfig(Checked):
    """How the camera is moved through a synthetic scene."""

    motion: Literal["smooth", "handheld", "fast"] = setting(
        "smooth", "of the camera through a synthetic scene; see slam/scenes/hands.py"
    )
    seed: int = setting(0, "of the motion, except the smooth one's", at_least=0)
    frames: int = setting(0, "of a synthetic scene; 0 = once through the walk", at_least=0)
