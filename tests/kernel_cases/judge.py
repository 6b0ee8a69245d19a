"""Judging readings against its definition."""

import numpy as np

from kernel_cases.check import Case, check, to_device, to_host
from kernel_cases.depth import NOISE, images
from kernels import judge as judge_ops
from kernels.dispatch import using
from kernels.reference.judge import LAST, answers, look

FLIPS = 1e-3  # readings whose trust is within rounding of 0


@check
def judged_depth(case: Case) -> None:
    for depth_m, _ in images(case):
        is_off = case.random.random(depth_m.shape) < 0.1
        depth_m = np.where(is_off & (depth_m > 0), 2 * depth_m, depth_m)
        network = half_believing(case, depth_m)
        with using("reference"):
            wanted = judge_ops.judged_depth(depth_m, NOISE, network)
        got = to_host(judge_ops.judged_depth(*to_device((depth_m, NOISE, network))))
        most = 2.0 * depth_m.max(initial=0.0)
        case.close(f"judged {depth_m.shape}", got, wanted, 1e-5, 0.0, FLIPS, most)
        case.true(f"what is missing in {depth_m.shape} stays so", not got[depth_m == 0].any())
        if min(depth_m.shape) > 16:
            kept = (wanted > 0)[depth_m > 0].mean()
            case.true(f"{kept:.2f} of {depth_m.shape} are believed", 0.4 < kept < 0.6)


def half_believing(case: Case, depth_m: np.ndarray) -> np.ndarray:
    """Return random weights that believe half of the readings."""
    network = case.random.normal(size=judge_ops.NETWORK_SIZE).astype(np.float32)
    trust = answers(look(depth_m, NOISE).features, network)[..., 0][depth_m > 0]
    ordered = np.sort(np.append(trust, trust.min(initial=0.0) - 1.0))
    middle = ordered[len(ordered) // 2 - 1 : len(ordered) // 2 + 1]  # between two of them
    network[LAST + judge_ops.NUM_HIDDEN] -= np.float32(middle.mean())
    return network
