"""Every CUDA kernel compiles to PTX, for old and new cards, without a device."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from numba import cuda
from numba.cuda import compiler, dispatcher
from numba.cuda.dispatcher import CUDADispatcher

import kernels.cuda

from .conftest import LIMIT_S, CheckRun

pytestmark = pytest.mark.timeout(LIMIT_S + 60)  # the first test waits for the run

CAPABILITIES = [(7, 5), (9, 0)]
# where a block was, far from the world's origin, is as exact as near it only in float64
IN_FLOAT64 = {"kernels.cuda.resample:_resample"}


def kernel_names() -> Iterator[str]:
    """Yield "module:kernel" of all kernels there are."""
    for info in pkgutil.iter_modules(kernels.cuda.__path__, "kernels.cuda."):
        for name, value in vars(importlib.import_module(info.name)).items():
            is_dispatcher = isinstance(value, CUDADispatcher)
            if is_dispatcher and not value.targetoptions.get("device"):
                yield f"{info.name}:{name}"


NAMES = list(kernel_names())


@pytest.fixture
def toolchain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip where NVRTC and NVVM are not installed. numba asks a device for its capability where a
    kernel calls a device function, though only the kernel's own counts.
    """
    pathfinder = pytest.importorskip("cuda.pathfinder", reason="no CUDA bindings")
    device = SimpleNamespace(compute_capability=CAPABILITIES[0])
    monkeypatch.setattr(dispatcher, "get_current_device", lambda: device)
    try:
        cuda.compile_ptx(lambda: None, (), cc=CAPABILITIES[0])
    except pathfinder.DynamicLibNotFoundError as error:
        pytest.skip(f"no CUDA compiler: {str(error).splitlines()[0]}")


def test_there_are_kernels():
    assert len(NAMES) > 0


@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_is_run_by_a_check(check_run: CheckRun, name: str):
    assert name in check_run.launched


@pytest.mark.usefixtures("toolchain")
@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_compiles(check_run: CheckRun, name: str):
    """With the types of arguments that the checks gave it, and in float64 only where meant."""
    module, _, attribute = name.partition(":")
    function = getattr(importlib.import_module(module), attribute).py_func
    for types in check_run.launched[name]:
        # as `cuda.compile_ptx` does, but numba's part, which takes four fifths of it, for all cards
        library, _ = compiler._compile_pyfunc_with_fixup(
            function, types, device=False, fastmath=True, cc=CAPABILITIES[0], abi="numba"
        )
        for capability in CAPABILITIES:
            (ptx,) = library.get_asm_strs(cc=capability)
            assert f".target sm_{capability[0]}{capability[1]}" in ptx
            doubles = re.findall(r".*\.f64.*", ptx)
            assert bool(doubles) == (name in IN_FLOAT64), (types, doubles[:5])
