"""Sizes of which a map can be made."""

from slam.config import NeuralConfig, TsdfConfig
from slam.errors import SlamError


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
    not_negative = ("steps", "first_steps", "budget_ms", "polish_s")
    rates = ("coarse_rate", "middle_rate", "fine_rate")
    for name in (*not_negative, *rates, "color_memory", "decoder_rate", "smoothness"):
        if getattr(config, name) < 0:
            raise SlamError(f"neural.{name} must not be negative, got {getattr(config, name):g}")
