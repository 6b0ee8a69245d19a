"""The passes of an alignment, coarse to fine."""

from dataclasses import dataclass

from kernels.solve import Weighting
from slam.config import TrackingConfig

CONVERGED_M = 3e-4  # a step that moves the pixels' points by less ends its stage
MIN_POINTS = 200
# Of a pose in its least certain direction: above, it is weak. A noisier sensor may be less certain,
# as certain as one of its readings.
MAX_UNCERTAINTY_M = 0.005
MOST_UNCERTAIN_M = 0.02  # of the worst sensor
# Neighbouring readings do not err independently: that part of them is counted.
GEOMETRIC_SHARE = 0.1
PHOTOMETRIC_SHARE = 0.05


@dataclass(frozen=True)
class Stage:
    """One pass of the alignment."""

    level: int  # of the photometric pyramid
    point_step: int
    scale: float  # of the robust loss, in standard deviations
    max_distance_m: float  # geometric pairs farther apart are no pairs; 0 leaves geometry out
    max_uncertainty_m: float  # directions less certain, and than a reading, keep the motion prior
    max_iterations: int


STAGES = (
    Stage(2, 4, 10.0, 0.1, MAX_UNCERTAINTY_M, 8),
    Stage(1, 2, 3.0, 0.05, MAX_UNCERTAINTY_M, 8),
)
MOST_ITERATIONS = sum(stage.max_iterations for stage in STAGES)
# To find a pose from farther away. Small images first: they pull from ten times as far. Then the
# rendered surface, which has no truncated distance.
INTENSITY_FIRST = (
    Stage(4, 4, 5.0, 0.0, 1.0, 12),
    Stage(3, 4, 5.0, 0.0, 1.0, 12),
    Stage(2, 2, 20.0, 0.3, 0.1, 12),
    Stage(2, 2, 10.0, 0.1, 0.1, 12),
)
# The other way: intensity alone runs off where the view turns fast.
SURFACE_FIRST = (
    Stage(4, 4, 20.0, 0.5, 1.0, 8),
    Stage(3, 4, 20.0, 0.4, 1.0, 8),
    Stage(2, 2, 20.0, 0.3, 0.1, 12),
    Stage(2, 2, 10.0, 0.1, 0.1, 12),
)


def weighting(config: TrackingConfig) -> Weighting:
    """Return what the residuals are worth."""
    return Weighting(
        GEOMETRIC_SHARE, PHOTOMETRIC_SHARE, config.normal_variance, config.intensity_sigma,
        CONVERGED_M,
    )  # fmt: skip
