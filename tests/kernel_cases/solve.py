"""The Gauss-Newton step on the device against its definition, and what it makes of a pose."""

import numpy as np

from kernel_cases.check import Case, gpu_check, to_device, to_host
from kernels.align import NO_EQUATIONS, NUM_SUMS, NormalEquations
from kernels.cuda.solve import step
from kernels.cuda.state import (
    CONDITIONING,
    ENDED,
    HAS_KEYFRAME,
    NUM_ITERATIONS,
    NUM_STATE,
    OFFSET,
    SIGMA_M,
    SQUARED_ERROR,
    TWIST,
    UNCERTAINTY_M,
    WEIGHT,
    FrameCloud,
    Stage,
    pose_state,
)
from kernels.dispatch import using
from kernels.reference.solve import information, without_noise
from kernels.solve import Weighting, solve
from slam.geometry import se3_exp

WEIGHTING = Weighting(0.1, 0.05, 0.004, 4.0, 3e-4)
STAGE = Stage(1, 2, 3.0, 0.05, 0.005)
LEVER_M, MEDIAN_SIGMA_M = 1.7, 0.002
SCALE = np.array([1.0, 1.0, 1.0, LEVER_M, LEVER_M, LEVER_M])


def random_equations(
    case: Case, eigenvalues: list[float], size: float, share: float
) -> NormalEquations:
    """Return equations with these eigenvalues of their scaled information, whose minimum is about
    `size` metres away.
    """
    vectors = np.linalg.qr(case.random.normal(size=(6, 6)))[0]
    H = (vectors * eigenvalues) @ vectors.T / share
    b = -H @ (case.random.normal(size=6) * size)
    count = 1000 if any(eigenvalues) else 0
    weight = 800.0 * (count > 0)
    return NormalEquations(
        H * np.outer(SCALE, SCALE), b * SCALE, 0.7 * weight, weight, 0.2 * weight, count
    )


def as_sums(case: Case, equations: NormalEquations, num_blocks: int) -> np.ndarray:
    """Return the sums of blocks that add up to the equations."""
    total = np.zeros(NUM_SUMS)
    total[:21] = equations.H[np.triu_indices(6)]
    total[21:27] = equations.b
    total[27:31] = equations[2:]
    shares = case.random.uniform(0.5, 1.0, num_blocks)
    return np.outer(shares / shares.sum(), total).astype(np.float32)


def compare(
    case: Case, what: str, geometric: NormalEquations, photometric: NormalEquations
) -> None:
    """Make one step on the device and on the host."""
    with using("reference"):
        uncertain_m = max(STAGE.max_uncertainty_m, MEDIAN_SIGMA_M)
        wanted = solve(geometric, photometric, LEVER_M, WEIGHTING, uncertain_m)
    kept, _ = without_noise(
        information(geometric, LEVER_M, WEIGHTING.geometric_share), WEIGHTING.normal_variance
    )
    total_H = kept.H + information(photometric, LEVER_M, WEIGHTING.photometric_share).H

    T_start = se3_exp(case.random.normal(size=6))
    numbers = np.zeros(NUM_STATE, np.float32)
    numbers[:12] = T_start[:3].ravel()
    numbers[24 + HAS_KEYFRAME] = 1.0
    numbers = to_device(numbers)
    state = pose_state(numbers)
    lever_m, sigma_m = np.full(1, LEVER_M, np.float32), np.full(1, MEDIAN_SIGMA_M, np.float32)
    nothing = np.zeros((1, 3), np.float32), np.zeros(1, np.float32)
    cloud = to_device(FrameCloud(*nothing, np.zeros(1, np.int32), lever_m, sigma_m))
    sums = np.vstack([as_sums(case, geometric, 7), as_sums(case, photometric, 3)])
    step(to_device(sums), 7, cloud, state, STAGE, WEIGHTING)

    moved = T_start @ se3_exp(wanted.twist)
    got, values = to_host(state.T_world_camera), to_host(state.values)
    size = np.abs(wanted.twist).sum()
    case.close(f"{what}: pose", got, moved[:3].astype(np.float32), 1e-6 + 1e-3 * size)
    expected = {
        OFFSET: 0.8 * (photometric.count > 0),
        SIGMA_M: MEDIAN_SIGMA_M,
        SQUARED_ERROR: geometric.squared_error,
        WEIGHT: geometric.weight,
        NUM_ITERATIONS: 1.0,
        ENDED + STAGE.number: float(
            np.abs(wanted.twist[:3]).sum() + LEVER_M * np.abs(wanted.twist[3:]).sum()
            < WEIGHTING.converged_m
        ),
    }
    for number, value in expected.items():
        case.close(f"{what}: value {number}", float(values[number]), float(value), 1e-6, 1e-5)
    case.close(f"{what}: conditioning", float(values[CONDITIONING]), wanted.conditioning, 2e-6)
    # an eigenvalue is exact to 2e-6 of the largest
    largest = float(np.linalg.eigvalsh(total_H)[-1])
    weakest = wanted.uncertainty_m**-2
    off = abs(float(values[UNCERTAINTY_M]) ** -2 - weakest)
    case.true(f"{what}: uncertainty", off <= 2e-6 * largest + 1e-5 * weakest)

    twist = values[TWIST : TWIST + 6].astype(np.float64)
    case.close(f"{what}: twist", twist, wanted.twist, 1e-6 + 1e-3 * size)

    once = to_host(numbers)
    if once[24 + ENDED + STAGE.number] > 0:
        step(to_device(sums), 7, cloud, state, STAGE, WEIGHTING)
        case.equal(f"{what}: a stage that has ended", to_host(numbers), once)


@gpu_check
def solve_on_device(case: Case) -> None:
    wide = [1e5, 2e6, 3e6, 1e7, 5e7, 8e8]
    plane = [0.0, 1e2, 5e3, 1e8, 2e8, 4e8]
    none = [0.0] * 6
    equal = [1e6] * 6
    for number in range(case.pick(1, 30)):
        for name, first, second in (
            ("well conditioned", wide, wide),
            ("a plane and texture", plane, wide),
            ("a plane alone", plane, none),
            ("texture alone", none, wide),
            ("all alike", equal, none),
            ("nothing", none, none),
        ):
            size = (1e-6, 1e-2)[number % 2]
            geometric = random_equations(case, first, size, WEIGHTING.geometric_share)
            photometric = random_equations(case, second, size, WEIGHTING.photometric_share)
            compare(case, f"{name} {number}", geometric, photometric)
    equations = random_equations(case, wide, 1e-2, WEIGHTING.geometric_share)
    arguments = equations, NO_EQUATIONS, LEVER_M, WEIGHTING, STAGE.max_uncertainty_m
    with using("reference"):
        wanted = solve(*arguments)
    with using("cuda"):
        got = solve(*arguments)
    case.close("the op: twist", got.twist, wanted.twist, 1e-3 * np.abs(wanted.twist).sum())
    case.close("the op: conditioning", got.conditioning, wanted.conditioning, 2e-6)
    case.close("the op: uncertainty", got.uncertainty_m, wanted.uncertainty_m, 0.0, 0.02)
