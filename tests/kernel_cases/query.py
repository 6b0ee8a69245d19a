"""Point query of the TSDF against its definition."""

import numpy as np

from kernel_cases.check import Case, check, to_device, to_host
from kernel_cases.volumes import (
    SDF_UNIT_M,
    TRUNCATION_M,
    VOXEL_SIZE_M,
    ball,
    empty_volume,
    fill_randomly,
)
from kernels import tsdf as tsdf_ops
from kernels.dispatch import using

STEEPEST = 2.0 * TRUNCATION_M[1] / VOXEL_SIZE_M  # from one voxel to the next


@check
def query(case: Case) -> None:
    scattered = empty_volume(case.random.integers(-3, 3, (150, 3)))
    fill_randomly(case, scattered)
    for volume in (ball(case, 0.4, 0.2), scattered):
        for num in (0, 1, 7, case.pick(600, 300_000)):
            points = case.random.uniform(-0.6, 0.6, (num, 3)).astype(np.float32)
            points[::50] *= 1e4  # where there is nothing
            arguments = (volume.index, volume.blocks, points, VOXEL_SIZE_M, SDF_UNIT_M)
            with using("reference"):
                wanted = tsdf_ops.query(*arguments)
            got = to_host(tsdf_ops.query(*to_device(arguments)))
            # A point within float32's rounding of a cell's border may be taken for the next cell:
            # the distance is continuous there, the gradient and what is known are not.
            is_known = wanted[2] & got[2]
            flips = 2e-3 if num > 7 else 0.5
            case.close(f"known of {num}", got[2], wanted[2], 0.0, flips=flips, cap=1.0)
            case.close("distance", got[0][is_known], wanted[0][is_known], 1e-5)
            case.close(
                "gradient", got[1][is_known], wanted[1][is_known], 3e-3, flips=2e-3,
                cap=2.0 * STEEPEST,
            )  # fmt: skip
            case.true("zeros", not got[0][~got[2]].any() and not got[1][~got[2]].any())
        case.true("nothing is known", is_known.mean() > 0.01)
