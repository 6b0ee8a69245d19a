"""How much of a GPU's memory a map gets."""

import pytest
import torch

from slam.camera import DepthNoise
from slam.config import NeuralConfig
from slam.errors import SlamError
from slam.gpu import memory
from slam.gpu.memory import granted_bytes
from slam.maps.neural.cuda import grid
from slam.maps.neural.grid import new_decoders
from slam.maps.tsdf.cuda import storage as tsdf_storage

MB = 10**6


@pytest.fixture
def have(monkeypatch: pytest.MonkeyPatch):
    """Have so many MB free, and so many that torch keeps and nobody uses."""

    def set_up(free_mb: int, kept_mb: int = 0) -> None:
        monkeypatch.setattr(memory, "IS_SIMULATED", False)
        monkeypatch.setattr("torch.cuda.mem_get_info", lambda: (free_mb * MB, 80_000 * MB))
        monkeypatch.setattr("torch.cuda.memory_reserved", lambda: (kept_mb + 100) * MB)
        monkeypatch.setattr("torch.cuda.memory_allocated", lambda: 100 * MB)

    return set_up


@pytest.mark.parametrize("free", [(8192, 0), (192, 8000)])
def test_a_budget_that_fits_twice_is_granted(have, free, caplog):
    have(*free)
    assert granted_bytes(4096 * MB) == 4096 * MB
    assert not caplog.records


def test_otherwise_half_of_what_is_free(have, caplog):
    have(1700, 100)
    assert granted_bytes(4096 * MB) == 900 * MB
    assert [record.getMessage() for record in caplog.records] == [
        "the GPU has 1,800 MB free; the map gets half of it, 900 MB, instead of 4,096 MB"
    ]


def test_too_little_is_an_error_unless_no_more_is_asked_for(have):
    have(20)
    with pytest.raises(SlamError) as caught:
        granted_bytes(4096 * MB)
    assert str(caught.value) == (
        "the GPU has only 20 MB free; a map gets half of that and needs 64 MB: "
        "end what else uses the GPU, or take --device cpu"
    )
    assert granted_bytes(8 * MB) == 8 * MB


@pytest.mark.parametrize(
    ("reserve", "granted", "option"),
    [
        # whole blocks
        (lambda: tsdf_storage.new_storage(10**6), "899 MB", "--tsdf.budget-mb"),
        (
            lambda: grid.DeviceGrid(
                NeuralConfig(budget_mb=4096), DepthNoise.rendered(), new_decoders()
            ),
            "900 MB",
            "--neural.budget-mb",
        ),
    ],
    ids=["tsdf", "neural"],
)
def test_memory_that_another_took_meanwhile_is_an_error(
    have, reserve, granted, option, monkeypatch
):
    def fail(*arguments: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.")

    have(1800)
    monkeypatch.setattr(tsdf_storage, "zeros", fail)
    monkeypatch.setattr(grid, "DeviceLevel", fail)
    with pytest.raises(SlamError) as caught:
        reserve()
    assert str(caught.value) == (
        f"the GPU has no {granted} for the map: lower {option}, or take --device cpu"
    )
