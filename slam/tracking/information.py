"""What geometry really tells of directions that noise alone might seem to constrain.

Normals err, and so a bare wall seems to tell of a motion along itself, by an amount that grows with
the square of their error: two degrees in a map that many frames have averaged, ten in a young one
or far away. No limit on eigenvalues tells that from the information of a bed that is small beside
its floor. But what noise tells ends where the frame is moved farther than noise reaches: then the
residuals are what they were, while those of real shape grow.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float64

from kernels.align import NormalEquations
from slam.geometry import Transform, se3_exp

NEAREST_M, FARTHEST_M = 0.02, 0.05  # two voxels; what the map's band still holds
SIGMAS = 4.0  # a noisier sensor makes wider bumps


def told(
    equations: NormalEquations,
    linearised: Callable[[Transform], NormalEquations],
    T_world_camera: Transform,
    directions: Float64[np.ndarray, "n 6"],
    lever_m: float,
    sigma_m: float,
) -> NormalEquations:
    """Return the equations at a pose, with no more information along `directions` than the growth
    of the residuals on both sides bears out. `linearised` takes them there, with a loss that is
    wide enough for what the shape of things adds to them.

    `directions` are eigenvectors as `open_directions` returns them: twists of a metre each,
    rotations over the lever. `sigma_m` is a reading's standard deviation.
    """
    here = mean_square(linearised(T_world_camera))
    step_m = float(np.clip(SIGMAS * sigma_m, NEAREST_M, FARTHEST_M))
    in_m = np.array([1.0, 1.0, 1.0, *3 * (lever_m,)])
    H = equations.H.copy()
    for twist in directions:
        beside = [linearised(T_world_camera @ se3_exp(s * step_m * twist)) for s in (1.0, -1.0)]
        growth = sum(mean_square(one) - here for one in beside)
        found = growth * equations.count / (2.0 * step_m**2)
        claimed = float(twist @ equations.H @ twist)
        covector = twist * in_m**2
        H -= (claimed - np.clip(found, 0.0, claimed)) * np.outer(covector, covector)
    return equations._replace(H=H)


def mean_square(equations: NormalEquations) -> float:
    """Return the mean of the weighted squares; points that meet no surface do not count."""
    return float(equations.squared_error / max(equations.count, 1))
