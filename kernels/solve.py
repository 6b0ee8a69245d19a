"""The Gauss-Newton step of the normal equations, with a check of what they constrain."""

from typing import NamedTuple

import numpy as np

from kernels.align import NormalEquations
from kernels.dispatch import implementation


class Weighting(NamedTuple):
    """What the residuals are worth, and when a stage of an alignment ends."""

    geometric_share: float  # neighbouring residuals err together: that part of them is counted
    photometric_share: float
    normal_variance: float  # of the map's normals
    intensity_sigma: float  # grey levels
    converged_m: float  # a step that moves the points by less ends its stage


class Step(NamedTuple):
    """A step, and what the equations tell of the pose."""

    twist: np.ndarray  # float64 (6,)
    uncertainty_m: float  # standard deviation of the pose in its least certain direction
    conditioning: float  # of the geometry: smallest over largest eigenvalue, noise included


def solve(
    geometric: NormalEquations,
    photometric: NormalEquations,
    lever_m: float,
    weighting: Weighting,
    max_uncertainty_m: float,
) -> Step:
    """Return the step to the minimum of both residuals; of either there may be none.

    Rotations are multiplied by the lever, the median depth, so that everything is in metres.
    Residuals are taken at the variance that they really have, but never as better than the noise
    model. From the geometric information is taken off what noise alone seems to tell, and
    directions less certain than `max_uncertainty_m` keep the motion prior: solution remapping
    (Zhang et al. 2016) with an absolute threshold. On a GPU all of it is float32, and the
    eigenvalues are exact to 2e-6 of the largest.
    """
    return implementation("solve", geometric.H).solve(
        geometric, photometric, lever_m, weighting, max_uncertainty_m
    )
