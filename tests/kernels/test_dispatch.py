"""Which implementation an op gets."""

import sys

import numpy as np
import pytest

from kernels.dispatch import implementation, using


def test_arrays_choose_and_using_overrides():
    assert implementation("depth", np.zeros(1)).__name__ == "kernels.cpu.depth"
    with using("reference"):
        assert implementation("depth", np.zeros(1)).__name__ == "kernels.reference.depth"
    with pytest.raises(TypeError, match="got list"):
        implementation("depth", [0.0])


def test_an_op_without_a_cuda_version_is_one_sentence():
    with (
        using("cuda"),
        pytest.raises(TypeError, match=r"^kernels\.register has no cuda version$"),
    ):
        implementation("register", np.zeros(1))


def test_a_version_that_lacks_a_package_says_which(monkeypatch):
    monkeypatch.delitem(sys.modules, "kernels.cpu.depth", raising=False)
    monkeypatch.setitem(sys.modules, "numba", None)  # as if it were not installed
    with pytest.raises(ModuleNotFoundError, match="import of numba"):
        implementation("depth", np.zeros(1))
