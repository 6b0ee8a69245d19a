"""The neural field against its definition."""

import numpy as np

from gpu_checks.check import Case, check
from gpu_checks.random_field import TRUNCATION_M, on_device, random_field, random_points
from kernels import field as field_ops
from kernels.cuda.arrays import to_device, to_host
from kernels.dispatch import using


@check
def field_query(case: Case) -> None:
    for is_seeded in (True, False):
        field = random_field(case.random, is_seeded)
        for num_points in (0, 1, case.pick(157, 100_001)):
            points = random_points(case.random, (num_points,))
            with using("reference"):
                wanted = field_ops.query(field, points)
            got = to_host(field_ops.query(on_device(field), to_device(points)))
            what = f"{num_points} points, seeded {is_seeded}"
            case.close(f"distance at {what}", got[0], wanted[0], 1e-5 * TRUNCATION_M, 1e-5)
            # a ReLU whose input rounds to its other side turns a part of the gradient off or on
            largest = np.abs(wanted[1]).max(initial=0.0)
            case.close(
                f"gradient at {what}", got[1], wanted[1], 1e-5 * largest, flips=1e-3, cap=largest
            )
            case.equal(f"is observed at {what}", got[2], wanted[2])


@check
def field_predict(case: Case) -> None:
    field = random_field(case.random, True)
    for num_points in (0, 1, case.pick(157, 100_001)):
        points = random_points(case.random, (num_points,))
        with using("reference"):
            wanted = field_ops.predict(field, points)
        got = to_host(field_ops.predict(on_device(field), to_device(points)))
        case.close(f"distance at {num_points} points", got[0], wanted[0], 1e-6, 1e-5)
        case.equal(f"is known at {num_points} points", got[1], wanted[1])


@check
def field_color(case: Case) -> None:
    field = random_field(case.random, True)
    for num_points in (0, 1, case.pick(157, 100_001)):
        points = random_points(case.random, (num_points,))
        with using("reference"):
            wanted = field_ops.color(field, points)
        got = to_host(field_ops.color(on_device(field), to_device(points)))
        case.close(f"colour of {num_points} points", got[0], wanted[0], 0.0, flips=0.01, cap=1.0)
        case.equal(f"is known at {num_points} points", got[1], wanted[1])
