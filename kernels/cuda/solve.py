"""One Gauss-Newton step on the device: `kernels.solve.solve` and the pose's update, in one block.

Everything is float32: eigenvalues are exact to 1e-6 of the largest, far below what noise seems to
constrain.
"""

import math
from typing import Any

import numpy as np
import torch
from numba import cuda, float32

from kernels.align import NUM_SUMS
from kernels.cuda.arrays import to_device, to_host
from kernels.cuda.jacobi import NUM_ELEMENTS, NUM_HELD, SIZE, diagonalise
from kernels.cuda.launch import device, kernel, launch
from kernels.cuda.state import (
    CONDITIONING,
    ENDED,
    LEVER_M,
    LIKENESS,
    NUM_ITERATIONS,
    NUM_POINTS,
    NUM_STATE,
    OFFSET,
    SIGMA_M,
    SQUARED_ERROR,
    TWIST,
    UNCERTAINTY_M,
    WEIGHT,
    FrameCloud,
    PoseState,
    Stage,
    pose_state,
)
from kernels.cuda.sums import as_sums, factor_of, information, per_scale, sum_of
from kernels.cuda.twist import exponential
from kernels.solve import Step, Weighting

ZERO = np.float32(0.0)
ONE = np.float32(1.0)
FLOOR = np.float32(1e-12)  # 1 / m^2: no direction is less certain than 1000 km
THREADS = 2 * NUM_SUMS  # one for each sum of each kind; enough for the matrices, too
GEOMETRIC, PHOTOMETRIC = 0, 1
SUMS_SHAPE: Any = (2, NUM_SUMS)


@device
def _project(vectors, b, m):
    """Return the component of b along eigenvector m."""
    total = ZERO
    for k in range(SIZE):
        total += vectors[SIZE * k + m] * b[k]
    return total


@device
def _value(matrix, m):
    """Return eigenvalue m of a diagonal matrix."""
    return matrix[(SIZE + 1) * m]


@device
def _extremes(matrix):
    """Return the smallest and the largest eigenvalue."""
    smallest = largest = matrix[0]
    for m in range(1, SIZE):
        value = _value(matrix, m)
        smallest, largest = min(smallest, value), max(largest, value)
    return smallest, largest


@kernel
def _step(sums, num_geometric, cloud, state, stage, weighting):
    """Add up the sums (blocks, NUM_SUMS), of which the first `num_geometric` are geometric; step.

    Barriers are met by all threads: what they depend on is the same for the block.
    """
    matrix = cuda.shared.array(NUM_HELD, float32)
    vectors = cuda.shared.array(NUM_HELD, float32)
    totals = cuda.shared.array(SUMS_SHAPE, float32)
    b = cuda.shared.array(SIZE, float32)
    twist = cuda.shared.array(SIZE, float32)
    t: Any = cuda.threadIdx.x
    values = state.values
    if values[ENDED + stage.number] > ZERO:
        return

    kind, k = t // NUM_SUMS, t % NUM_SUMS
    first = num_geometric if kind == PHOTOMETRIC else 0
    last = sums.shape[0] if kind == PHOTOMETRIC else num_geometric
    totals[kind, k] = sum_of(sums, first, last, k)
    cuda.syncthreads()

    # the geometric information in its eigenvectors, from which what noise tells is taken off
    lever_m = max(cloud.lever_m[0], np.float32(1e-3))
    per_lever = ONE / lever_m
    i, j = t // SIZE, t % SIZE
    geometric = factor_of(totals, GEOMETRIC, weighting.geometric_share)
    photometric = factor_of(totals, PHOTOMETRIC, weighting.photometric_share)
    if t < NUM_ELEMENTS:
        matrix[t] = information(totals, GEOMETRIC, geometric, per_lever, i, j)
    if t < SIZE:
        b[t] = totals[GEOMETRIC, 21 + t] * geometric * per_scale(t, per_lever)
    cuda.syncthreads()
    diagonalise(matrix, vectors, t)
    smallest, largest = _extremes(matrix)
    conditioning = max(smallest, ZERO) / max(largest, FLOOR)
    noise = weighting.normal_variance * largest
    element, component = ZERO, ZERO
    if t < NUM_ELEMENTS:
        element = information(totals, PHOTOMETRIC, photometric, per_lever, i, j)
        for m in range(SIZE):
            kept = max(_value(matrix, m) - noise, ZERO)
            element += vectors[SIZE * i + m] * kept * vectors[SIZE * j + m]
    if t < SIZE:
        component = totals[PHOTOMETRIC, 21 + t] * photometric * per_scale(t, per_lever)
        for m in range(SIZE):
            kept = max(_value(matrix, m) - noise, ZERO) / max(_value(matrix, m), FLOOR)
            component += vectors[SIZE * t + m] * kept * _project(vectors, b, m)
    cuda.syncthreads()

    # both together
    if t < NUM_ELEMENTS:
        matrix[t] = element
    if t < SIZE:
        b[t] = component
    cuda.syncthreads()
    diagonalise(matrix, vectors, t)
    smallest, largest = _extremes(matrix)
    uncertain_m = max(stage.max_uncertainty_m, cloud.median_sigma_m[0])
    certain = ONE / (uncertain_m * uncertain_m)
    if t < SIZE:
        component = ZERO
        for m in range(SIZE):
            value = _value(matrix, m)
            if value > certain:
                component -= vectors[SIZE * t + m] * _project(vectors, b, m) / value
        twist[t] = component * per_scale(t, per_lever)
        values[TWIST + t] = twist[t]
    cuda.syncthreads()

    i, j = t // 4, t % 4
    element = ZERO
    T = state.T_world_camera
    if t < 12:
        element = T[i, 3] if j == 3 else ZERO
        for m in range(3):
            element += T[i, m] * exponential(twist, m, j)
    cuda.syncthreads()
    if t < 12:
        T[i, j] = element
    if t == 0:
        moved_m = abs(twist[0]) + abs(twist[1]) + abs(twist[2])
        moved_m += lever_m * (abs(twist[3]) + abs(twist[4]) + abs(twist[5]))
        values[ENDED + stage.number] = ONE if moved_m < weighting.converged_m else ZERO
        values[LIKENESS] = -ONE
        if totals[PHOTOMETRIC, 28] > ZERO:
            values[LIKENESS] = totals[PHOTOMETRIC, 28] / totals[PHOTOMETRIC, 30]
            brighter = totals[PHOTOMETRIC, 29] / totals[PHOTOMETRIC, 28]
            values[OFFSET] += brighter * weighting.intensity_sigma
        values[NUM_POINTS] = np.float32(cloud.num_points[0])
        values[LEVER_M] = cloud.lever_m[0]
        values[SIGMA_M] = cloud.median_sigma_m[0]
        values[SQUARED_ERROR] = totals[GEOMETRIC, 27]
        values[WEIGHT] = totals[GEOMETRIC, 28]
        values[CONDITIONING] = conditioning
        values[UNCERTAINTY_M] = ONE / np.float32(math.sqrt(max(smallest, FLOOR)))
        values[NUM_ITERATIONS] += ONE


def step(
    sums: torch.Tensor,
    num_geometric: int,
    cloud: FrameCloud,
    state: PoseState,
    stage: Stage,
    weighting: Weighting,
) -> None:
    """Make one step of a stage that has not ended: update `state` by the sums of both residuals
    (blocks, NUM_SUMS), of which the first `num_geometric` blocks are geometric.

    Directions keep the motion prior that are less certain than the stage asks for and than a
    reading is.
    """
    launch(_step, 1, THREADS, sums, num_geometric, cloud, state, stage, weighting)


def solve(geometric, photometric, lever_m, weighting, max_uncertainty_m):
    numbers = np.zeros(NUM_STATE, np.float32)
    numbers[:12] = np.eye(3, 4).ravel()
    nothing = np.zeros((1, 3), np.float32), np.zeros(1, np.float32), np.zeros(1, np.int32)
    cloud = FrameCloud(*nothing, np.full(1, lever_m, np.float32), np.zeros(1, np.float32))
    sums = np.stack([as_sums(equations) for equations in (geometric, photometric)])
    state = pose_state(to_device(numbers))
    stage = Stage(0, 1, 1.0, 1.0, max_uncertainty_m)
    step(to_device(sums), 1, to_device(cloud), state, stage, weighting)
    values = to_host(state.values).astype(np.float64)
    twist = values[TWIST : TWIST + SIZE]
    return Step(twist, float(values[UNCERTAINTY_M]), float(values[CONDITIONING]))
