"""Finding movers against its definition."""

import numpy as np

from kernel_cases.blocks import all_coords, compare_index
from kernel_cases.check import Case, check, to_device, to_host
from kernel_cases.random_field import random_field
from kernels import movers
from kernels.dispatch import using
from slam.geometry import inverse, se3_exp


@check
def movers_found(case: Case) -> None:
    h, w = case.pick((37, 50), (480, 640))
    intrinsics = np.array([0.9 * w, 0.91 * w, 0.487 * w, 0.513 * h], np.float32)
    v, u = np.mgrid[:h, :w]
    wall_m = (1.9 + 0.3 * u / w + case.random.normal(size=(h, w)) * 0.002).astype(np.float32)
    wall_m[case.random.random((h, w)) < 0.03] = 0.0
    host = movers.new_free_space()
    device = to_device(host)
    for stamp in range(2):
        T = se3_exp(case.random.uniform(-0.05, 0.05, 6) - [0.0, 0.0, 1.1, 0.0, 0.0, 0.0])
        frame = wall_m, intrinsics, T.astype(np.float32), inverse(T).astype(np.float32)
        with using("reference"):
            movers.remember(host, *frame, stamp)
        movers.remember(device, *to_device(frame), case.counted(stamp))
    # a ray within rounding of a block's border may go past it
    index = to_host(device.grid.blocks)
    odd = len(all_coords(index) ^ all_coords(host.grid.blocks))
    case.true(f"{odd} blocks differ", odd <= 2)
    compare_index(case, "free space", index, all_coords(index))

    view = np.where((u > 0.3 * w) & (u < 0.6 * w) & (v > 0.2 * h), np.float32(1.1), wall_m)
    grid = random_field(case.random).base  # about where something moves
    shares = []
    for name, spread in (("far", 1e3), ("near", 0.1)):  # of the map's surfaces
        sdf = np.clip(grid.voxels.sdf * spread, -32000, 32000).astype("i2")
        known = grid._replace(voxels=grid.voxels._replace(sdf=sdf))
        arguments = (view, *frame[1:3])
        with using("reference"):
            wanted = movers.without_movers(host, known, *arguments)
        got = to_host(movers.without_movers(device, to_device(known), *to_device(arguments)))
        shares.append(float((got != view).mean()))
        case.close(f"{name}: kept", got, wanted, 0.0, flips=0.05, cap=3.0)
    case.true(f"left out: {shares}, surfaces far and near", 0.7 > shares[0] > shares[1] > 0.0)
