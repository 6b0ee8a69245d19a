"""Settings of maps that are possible one by one, but not together."""

from slam.config import ImplicitConfig, NeuralConfig, TsdfConfig
from slam.errors import SlamError


def check_tsdf(config: TsdfConfig) -> None:
    """Refuse sizes that make no map."""
    if config.truncation_voxels > config.max_truncation_voxels:
        raise SlamError(
            f"tsdf.truncation_voxels must be at most max_truncation_voxels "
            f"({config.max_truncation_voxels:g}), got {config.truncation_voxels:g}"
        )


def check_neural(config: NeuralConfig) -> None:
    """Refuse sizes that make no map."""
    if not 2.0 * config.base_spacing_m <= config.truncation_m <= 1.0:
        raise SlamError(
            f"neural.truncation_m must be 2 spacings of the base ({2.0 * config.base_spacing_m:g}) "
            f".. 1, got {config.truncation_m:g}"
        )


def check_implicit(config: ImplicitConfig) -> None:
    """Refuse sizes that make no map."""
    if config.hash_fine_m > config.hash_coarse_m:
        raise SlamError(
            f"implicit.hash_fine_m must be at most hash_coarse_m ({config.hash_coarse_m:g}), "
            f"got {config.hash_fine_m:g}"
        )
