"""Every CUDA kernel in numba's simulator against its definition: the checks of
`scripts/gpu_check.py` on tiny inputs.
"""

import pytest
from gpu_checks.suite import CHECKS

from .conftest import CheckRun


@pytest.mark.parametrize("name", CHECKS)
def test_a_check(check_run: CheckRun, name: str):
    result = check_run.results[name]
    assert result["mismatches"] == [], f"repeat with --seed {check_run.seed}"


def test_a_wrong_result_is_noticed(check_run: CheckRun):
    assert all(result["num_comparisons"] > 0 for result in check_run.results.values())
