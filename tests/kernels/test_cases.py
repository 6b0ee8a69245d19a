"""Every op on the CPU against its definition: the cases that the GPU check runs on a GPU."""

import pytest
from kernel_cases.check import run_check
from kernel_cases.shared import CPU_CHECKS

SEED = 7  # the same inputs every time: a failure then is the change's


@pytest.mark.usefixtures("one_thread_of_torch")
@pytest.mark.parametrize("name", CPU_CHECKS)
def test_a_case_on_the_cpu(name: str):
    assert run_check(name, SEED, is_on_gpu=False).mismatches == []
