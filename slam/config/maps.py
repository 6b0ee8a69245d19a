"""What maps are made of."""

from dataclasses import dataclass
from typing import Literal

from slam.section import Checked, setting


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
    budget_mb: int = setting(
        4096, "no more map memory than this; blocks beyond are refused", at_least=1
    )


@dataclass(frozen=True)
class NeuralConfig(Checked):
    """The neural map."""

    field: Literal["fused", "reference"] = setting(
        "fused", "who trains: our kernels, or plain torch for study"
    )
    middle_spacing_m: float = setting(
        0.12, "between the vertices of the middle level", at_least=0.002, at_most=2.0
    )
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
        16.5, "of a frame: no step starts after this; 0 = no limit", at_least=0.0
    )
    polish_s: float = setting(
        5.0, "of training on all keyframes after the last frame, at most", at_least=0.0
    )
    adjust_poses: bool = setting(True, "refine those of the keyframes (local bundle adjustment)")
    reject_movers: bool = setting(True, "leave out readings in space that was seen to be free")
    middle_rate: float = setting(0.05, "of learning, of the middle features", at_least=0.0)
    fine_rate: float = setting(
        0.003, "of the fine features, for clean depth; less for noise", at_least=0.0
    )
    color_memory: float = setting(16.0, "how many readings a colour vertex averages", at_least=0.0)
    color_prior: float = setting(
        64.0, "how many readings the base counts as beside those", at_least=0.0
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
