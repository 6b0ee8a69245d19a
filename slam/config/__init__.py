"""All parameters: their defaults, their units (in their names) and what they mean.

The sections are in the files beside this one. `slam.config_file` reads all from files and texts;
`slam run --help all` shows them.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Literal

from slam.config.maps import ImplicitConfig, NeuralConfig, TsdfConfig
from slam.config.sources import (
    NoiseConfig,
    PlaybackConfig,
    RealSenseConfig,
    RosConfig,
    SyntheticConfig,
)
from slam.config.tracking import LoopsConfig, PlacesConfig, TrackingConfig
from slam.section import Checked, setting

__all__ = [
    "CompareConfig", "Config", "ImplicitConfig", "LoopsConfig", "NeuralConfig", "NoiseConfig",
    "PlacesConfig", "PlaybackConfig", "RealSenseConfig", "RosConfig", "SyntheticConfig",
    "TrackingConfig", "TsdfConfig", "without_time_budget",
]  # fmt: skip


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
