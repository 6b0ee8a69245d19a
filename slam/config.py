"""All parameters: their defaults, their units (in their names) and what they mean.

`slam.config_file` reads them from files and texts; `slam run --help all` shows them.
"""

import dataclasses
from dataclasses import dataclass, field
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
        " deviation reaches 25 mm, if that is nearer (a Kinect's at 3.9 m)",
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
            self.outliers, self.exposure_ms, self.readout_ms, self.color_delay_ms,
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


@dataclass(frozen=True)
class TsdfConfig(Checked):
    """The TSDF map."""

    voxel_size_m: float = setting(0.01, "edge of a voxel", at_least=0.001, at_most=0.5)
    truncation_voxels: float = setting(
        6.0, "half-width of the band, and 3 sigma(z) where the sensor needs more", at_least=1.0
    )
    max_truncation_voxels: float = setting(12.0, "the band is never wider", at_least=1.0)
    max_weight: float = setting(
        128.0, "of a voxel, in readings taken at 1 m, face on", at_least=1.0
    )
    keep_passes_apart: bool = setting(
        False, "do not average a second pass that has drifted into the first"
    )
    budget_mb: int = setting(
        4096, "no more map memory than this; blocks beyond are refused", at_least=1
    )


@dataclass(frozen=True)
class NeuralConfig(Checked):
    """The neural map."""

    field: Literal["fused", "reference"] = setting(
        "fused", "who trains: our kernels, or plain torch for study"
    )
    coarse_spacing_m: float = setting(
        0.48, "between the vertices of the coarse level", at_least=0.002, at_most=2.0
    )
    middle_spacing_m: float = setting(0.12, "of the middle level", at_least=0.002, at_most=2.0)
    fine_spacing_m: float = setting(0.025, "of the fine level", at_least=0.002, at_most=2.0)
    color_spacing_m: float = setting(0.02, "of the colour level", at_least=0.002, at_most=2.0)
    base_spacing_m: float = setting(
        0.0125, "of the fused base, on which both are residuals", at_least=0.002, at_most=2.0
    )
    truncation_m: float = setting(
        0.06, "of the base and the middle distance", at_least=0.004, at_most=1.0
    )
    max_weight: float = setting(
        128.0, "of the base, in readings taken at 1 m, face on", at_least=1.0
    )
    keyframe_every: int = setting(5, "mapped frames from one keyframe to the next", at_least=1)
    ray_cell: int = setting(
        4, "one ray of a keyframe every so many pixels in both directions", at_least=1
    )
    window: int = setting(8, "keyframes that are trained on at once", at_least=1)
    rays: int = setting(2048, "in a step of training", at_least=1)
    steps: int = setting(3, "of training on a mapped frame, at most", at_least=0)
    first_steps: int = setting(30, "of training on the first frame", at_least=0)
    budget_ms: float = setting(
        22.0, "of a frame: no step starts after this; 0 = no limit", at_least=0.0
    )
    polish_s: float = setting(
        5.0, "of training on all keyframes after the last frame, at most", at_least=0.0
    )
    adjust_poses: bool = setting(True, "refine those of the keyframes (local bundle adjustment)")
    reject_movers: bool = setting(True, "leave out readings in space that was seen to be free")
    coarse_rate: float = setting(0.1, "of learning, of the coarse features", at_least=0.0)
    middle_rate: float = setting(0.05, "of learning, of the middle features", at_least=0.0)
    fine_rate: float = setting(
        0.003, "of the fine features, for clean depth; less for noise", at_least=0.0
    )
    color_memory: float = setting(16.0, "how many readings a colour vertex averages", at_least=0.0)
    color_prior: float = setting(
        4.0, "how many readings the base counts as beside those", at_least=0.0
    )
    decoder_rate: float = setting(0.002, "of learning, of the decoders", at_least=0.0)
    smoothness: float = setting(
        0.05, "weight of the difference of neighbouring fine features", at_least=0.0
    )
    budget_mb: int = setting(
        4096, "no more map memory than this; blocks beyond are refused", at_least=1
    )


@dataclass(frozen=True)
class ImplicitConfig(Checked):
    """The implicit map: one network for all of the scene."""

    encoding: Literal["fourier", "siren", "hash", "none"] = setting(
        "hash", "what the network makes of a point before its layers; fourier is iMAP's"
    )
    output: Literal["sdf", "occupancy", "density"] = setting(
        "sdf", "what the network says of a point, and with it how it is trained"
    )
    layers: int | None = setting(None, "hidden layers; none: 4, of hash 2", at_least=1, at_most=16)
    width: int | None = setting(
        None, "neurons of a hidden layer; none: 256, of hash 64", at_least=1, at_most=4096
    )
    frequency_per_m: float | None = setting(
        None,
        "standard deviation of the frequencies; none: 0.5, of siren 0.3",
        of="fourier, siren",
        at_least=0.0,
    )
    hash_levels: int = setting(8, "levels of features", of="hash", at_least=1, at_most=32)
    hash_coarse_m: float = setting(
        1.0, "between the vertices of the coarsest level", of="hash", at_least=0.002, at_most=10.0
    )
    hash_fine_m: float = setting(
        0.03, "of the finest level", of="hash", at_least=0.002, at_most=10.0
    )
    hash_table_bits: int = setting(
        15, "a level has 2^n entries, which vertices share", of="hash", at_least=1, at_most=24
    )
    truncation_m: float = setting(
        0.1, "half-width of the band about a surface that is trained", at_least=0.002, at_most=10.0
    )
    known_share: float = setting(
        0.8,
        "of a frame's readings: if the network explains no more, it becomes a keyframe",
        at_least=0.0,
        at_most=1.0,
    )
    ray_cell: int = setting(
        4,
        "one ray of a keyframe every so many pixels in both directions; fewer of small images",
        at_least=1,
        at_most=1024,
    )
    window: int = setting(
        5, "frames that are trained on at once; 1 = only the newest", at_least=1, at_most=1024
    )
    points: int = setting(
        1536, "in a step of training: 4 a ray, 16 of density", at_least=1, at_most=16777216
    )
    active_share: float = setting(
        0.5, "of the rays, drawn where the loss is high", at_least=0.0, at_most=1.0
    )
    steps: int = setting(10, "of training on a mapped frame, at most", at_least=0)
    first_steps: int = setting(200, "of training on the first frame", at_least=0)
    budget_ms: float = setting(
        600.0, "of a frame: no step starts after this; 0 = no limit", at_least=0.0
    )
    rate: float | None = setting(
        None, "of learning (Adam); none: 0.002, of siren 0.0001", at_least=0.0
    )
    color_weight: float = setting(
        2.0, "of the colour's squared error, beside the geometry's loss", at_least=0.0
    )
    adjust_poses: bool = setting(True, "refine those of the keyframes (bundle adjustment)")
    budget_mb: int = setting(
        1024, "no more memory than this for what was observed", at_least=1, at_most=1048576
    )


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


@dataclass(frozen=True)
class CompareConfig(Checked):
    """Several maps side by side."""

    track_against: str = setting(
        "own", "whose poses all maps get: own = each its tracker's; gt = the true ones; or a map's"
    )
    min_fps: float | None = setting(
        None,
        "below, the maps spend less time on what can be left out; none: 24, or no limit where an"
        " implicit map is among them, which never is as fast",
        at_least=0.01,
    )


@dataclass(frozen=True)
class Config(Checked):
    """Everything that can be set."""

    map: Literal["tsdf", "neural", "implicit"] = setting("tsdf", "which map is built")
    checkpoint_s: float = setting(
        60.0, "between saves of map, poses and table while a run goes on; 0 = none", at_least=0.0
    )
    deterministic: bool = setting(False, "one frame at a time: same input, same bits")
    fusion: Literal["average", "learned"] = setting(
        "average", "learned leaves out readings that a small network takes for gross errors"
    )
    holdout: int = setting(
        0,
        "track every n-th frame but leave it out of the map, to score its rendering; 0 = none",
        at_least=0,
    )
    playback: PlaybackConfig = field(default_factory=PlaybackConfig)
    realsense: RealSenseConfig = field(default_factory=RealSenseConfig)
    ros: RosConfig = field(default_factory=RosConfig)
    noise: NoiseConfig = field(default_factory=NoiseConfig)
    synthetic: SyntheticConfig = field(default_factory=SyntheticConfig)
    tsdf: TsdfConfig = field(default_factory=TsdfConfig)
    neural: NeuralConfig = field(default_factory=NeuralConfig)
    implicit: ImplicitConfig = field(default_factory=ImplicitConfig)
    tracking: TrackingConfig = field(default_factory=TrackingConfig)
    places: PlacesConfig = field(default_factory=PlacesConfig)
    loops: LoopsConfig = field(default_factory=LoopsConfig)
    compare: CompareConfig = field(default_factory=CompareConfig)


def without_time_budget(config: Config) -> Config:
    """Return a config without time budgets, whose results do not depend on the machine's speed."""
    neural = dataclasses.replace(config.neural, budget_ms=0.0, polish_s=0.0)
    implicit = dataclasses.replace(config.implicit, budget_ms=0.0)
    return dataclasses.replace(config, neural=neural, implicit=implicit)
