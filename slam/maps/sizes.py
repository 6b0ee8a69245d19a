"""Sizes of which a map can be made."""

from slam.config import ImplicitConfig, NeuralConfig, TsdfConfig
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
    levels = ("coarse_spacing_m", "middle_spacing_m", "fine_spacing_m", "color_spacing_m")
    for name in (*levels, "base_spacing_m"):
        if not 0.002 <= getattr(config, name) <= 2.0:
            raise SlamError(f"neural.{name} must be in 0.002 .. 2, got {getattr(config, name):g}")
    if not 2.0 * config.base_spacing_m <= config.truncation_m <= 1.0:
        raise SlamError(
            f"neural.truncation_m must be 2 spacings of the base ({2.0 * config.base_spacing_m:g}) "
            f".. 1, got {config.truncation_m:g}"
        )
    for name in ("max_weight", "keyframe_every", "ray_cell", "window", "rays", "budget_mb"):
        if getattr(config, name) < 1:
            raise SlamError(f"neural.{name} must be at least 1, got {getattr(config, name):g}")
    not_negative = ("steps", "first_steps", "budget_ms", "polish_s")
    rates = ("coarse_rate", "middle_rate", "fine_rate")
    for name in (
        *not_negative,
        *rates,
        "color_memory",
        "color_prior",
        "decoder_rate",
        "smoothness",
    ):
        if getattr(config, name) < 0:
            raise SlamError(f"neural.{name} must not be negative, got {getattr(config, name):g}")


def check_implicit(config: ImplicitConfig) -> None:
    """Refuse sizes that make no map."""
    for name in ("hash_fine_m", "hash_coarse_m", "truncation_m"):
        if not 0.002 <= getattr(config, name) <= 10.0:
            raise SlamError(
                f"implicit.{name} must be in 0.002 .. 10, got {getattr(config, name):g}"
            )
    if config.hash_fine_m > config.hash_coarse_m:
        raise SlamError(
            f"implicit.hash_fine_m must be at most hash_coarse_m ({config.hash_coarse_m:g}), "
            f"got {config.hash_fine_m:g}"
        )
    for name, most in (
        ("layers", 16), ("width", 4096), ("hash_levels", 32), ("hash_table_bits", 24),
        ("ray_cell", 1 << 10), ("window", 1 << 10), ("points", 1 << 24), ("budget_mb", 1 << 20),
    ):  # fmt: skip
        value = getattr(config, name)
        if value is not None and not 1 <= value <= most:
            raise SlamError(f"implicit.{name} must be in 1 .. {most}, got {value:g}")
    for name in ("known_share", "active_share"):
        if not 0.0 <= getattr(config, name) <= 1.0:
            raise SlamError(f"implicit.{name} must be in 0 .. 1, got {getattr(config, name):g}")
    for name in ("frequency_per_m", "steps", "first_steps", "budget_ms", "rate", "color_weight"):
        value = getattr(config, name)
        if value is not None and value < 0:
            raise SlamError(f"implicit.{name} must not be negative, got {value:g}")
