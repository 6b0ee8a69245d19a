"""The neural field against its definition."""

import numpy as np

from kernel_cases.check import Case, check, to_device, to_host
from kernel_cases.random_field import TRUNCATION_M, random_field, random_points
from kernels import field as field_ops
from kernels.dispatch import using


def sizes(case: Case) -> tuple[int, ...]:
    """Return numbers of points: on the CPU about the ends of its chunks of 128."""
    return case.pick((0, 1, 157), (0, 1, 100_001), (0, 1, 3, 33, 127, 128, 129, 500, 4001))


@check
def field_query(case: Case) -> None:
    field = random_field(case.random)
    for num_points in sizes(case):
        points = random_points(case.random, (num_points,))
        with using("reference"):
            wanted = field_ops.query(field, points)
        got = to_host(field_ops.query(to_device(field), to_device(points)))
        what = f"{num_points} points"
        limit = case.limit(1e-5, 3e-6)
        case.close(f"distance at {what}", got[0], wanted[0], limit * TRUNCATION_M, limit)
        # a ReLU whose input rounds to its other side turns a part of the gradient off or on
        largest = np.abs(wanted[1]).max(initial=0.0)
        case.close(
            f"gradient at {what}", got[1], wanted[1], 1e-5 * largest, flips=1e-3, cap=largest
        )
        case.equal(f"is observed at {what}", got[2], wanted[2])
        unknown = ~wanted[2]
        is_zero = not got[0][unknown].any() and not got[1][unknown].any()
        case.true(f"zeros where nothing is at {what}", is_zero)
        share = wanted[2].mean() if num_points > 100 else 0.5
        case.true(f"{share:.2f} observed at {what}", 0.3 < share < 0.95)


@check
def field_color(case: Case) -> None:
    field = random_field(case.random)
    for num_points in sizes(case):
        points = random_points(case.random, (num_points,))
        with using("reference"):
            wanted = field_ops.color(field, points)
        got = to_host(field_ops.color(to_device(field), to_device(points)))
        case.close(f"colour of {num_points} points", got[0], wanted[0], 0.0, flips=0.01, cap=1.0)
        case.equal(f"is known at {num_points} points", got[1], wanted[1])
