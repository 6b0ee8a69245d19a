"""Medians against sorting."""

import numpy as np

from kernel_cases.check import Case, gpu_check, to_device, to_host
from kernels.cuda.median import medians


@gpu_check
def two_medians(case: Case) -> None:
    for size in (0, 1, 2, case.pick(700, 300_000)):
        values = case.random.uniform(0.3, 9.0, (2, size)).astype(np.float32)
        values[case.random.random((2, size)) < 0.3] = 1.5  # many alike
        for n in {size, size // 2}:
            middle = np.sort(values[:, :n])[:, (n - 1) // 2] if n else np.zeros(2, np.float32)
            points, sigma, count = to_device(  # the depths of points are a column, too
                (np.stack([-values[0], values[0]], 1), values[1][:, None], np.array([n], np.int32))
            )
            got = medians(points, sigma, count, columns=(1, 0))
            case.equal(f"medians of {n} of {size}", to_host(got), middle)
