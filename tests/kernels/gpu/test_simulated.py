"""Every CUDA kernel in numba's simulator against its definition: the checks of
`scripts/gpu_check.py` on tiny inputs.
"""

import pytest
from kernel_cases.suite import CHECKS

from .conftest import LIMIT_S, CheckRun

pytestmark = pytest.mark.timeout(LIMIT_S + 60)  # the first test waits for the run


@pytest.mark.parametrize("name", CHECKS)
def test_a_check(check_run: CheckRun, name: str):
    result = check_run.results[name]
    assert result["mismatches"] == []
