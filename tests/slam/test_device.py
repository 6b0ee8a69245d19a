"""Where a run runs, and what is said where that is not on a GPU."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numba
import numpy as np
import pytest

from kernels.threads import NUM_THREADS
from slam import device
from slam.camera import Camera, DepthNoise
from slam.cli import main
from slam.config import Config, NeuralConfig
from slam.device import Obstacle, find_obstacle, resolve
from slam.doctor import gpu
from slam.errors import SlamError
from slam.maps.tsdf.tsdf_file import read_tsdf
from slam.runs.finished import load_run
from slam.sources import synthetic
from slam.system import Slam

ROOT = Path(__file__).resolve().parents[2]
ON_CPU = f"cpu, {NUM_THREADS} threads"


@pytest.fixture
def machine(monkeypatch):
    """Have one GPU, and packages that can use it, unless a test takes some of that away."""
    monkeypatch.setattr(device, "SIMULATES_CUDA", False)
    monkeypatch.setattr(device, "_driver_state", lambda: (0, 1))
    monkeypatch.setattr(device, "_trial_error", lambda: "")
    monkeypatch.setattr(gpu, "_driver", lambda: "driver 580.65.06")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    capability = {"major": 9, "minor": 0}
    torch = SimpleNamespace(
        __version__="2.9.1",
        version=SimpleNamespace(cuda="13.0"),
        cuda=SimpleNamespace(
            is_available=lambda: True,
            device_count=lambda: 1,
            get_device_name=lambda: "NVIDIA H200",
            get_device_properties=lambda index: SimpleNamespace(name="NVIDIA H200", **capability),
            mem_get_info=lambda index: (3 << 29, 140 << 30),
        ),
    )
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.setattr("numba.cuda.is_available", lambda: True)
    monkeypatch.setattr(device, "find_spec", lambda name: object())
    return SimpleNamespace(
        torch=torch, capability=capability, patch=monkeypatch.setattr, setenv=monkeypatch.setenv
    )


def take_gpu(machine):
    machine.patch(device, "_driver_state", lambda: (device.NO_DEVICE, 0))


def hide_gpu(machine, visible="7"):
    take_gpu(machine)
    machine.setenv("CUDA_VISIBLE_DEVICES", visible)


def hide_every_gpu(machine):
    hide_gpu(machine, visible="")


def break_driver(machine):
    machine.patch(device, "_driver_state", lambda: (803, 0))


def have_an_old_gpu(machine):
    machine.capability.update(major=6, minor=1)


def break_compiler(machine):
    def find() -> bool:
        raise RuntimeError("Failure finding libnvvm.so\nand 20 lines more")

    machine.patch("numba.cuda.is_available", find)


def fail_the_trial(machine):
    machine.patch(device, "_trial_error", lambda: "CUDA_ERROR_UNSUPPORTED_PTX_VERSION")


def fill_the_gpu(machine):
    machine.patch(device, "_trial_error", lambda: "CUDA out of memory. Tried to allocate 2 MiB.")


def take_cuda_from_torch(machine):
    machine.torch.version.cuda = None


def take_driver(machine):
    machine.torch.cuda.is_available = lambda: False


def take_numba_cuda(machine):
    machine.patch(device, "find_spec", lambda name: None)


def take_compiler(machine):
    machine.patch("numba.cuda.is_available", lambda: False)


lacking = pytest.mark.parametrize(
    ("take", "what", "remedy"),
    [
        (take_gpu, "no CUDA device", ""),
        (hide_gpu, "no CUDA device in CUDA_VISIBLE_DEVICES='7'", ""),
        (hide_every_gpu, "no CUDA device in CUDA_VISIBLE_DEVICES=''", ""),
        (break_driver, "the NVIDIA driver does not start (CUDA error 803)", "update the NVIDIA"),
        (have_an_old_gpu, "NVIDIA H200 has compute capability 6.1, and 7.5 is needed", ""),
        (break_compiler, "cannot use the GPU: Failure finding libnvvm.so", "pip install 'twinmap"),
        (fail_the_trial, "fails: CUDA_ERROR_UNSUPPORTED_PTX_VERSION", "a driver for CUDA 13"),
        (fill_the_gpu, "the GPU is full: CUDA out of memory.", "end what else uses it"),
        (take_cuda_from_torch, "torch 2.9.1 is built without CUDA", "install torch with CUDA"),
        (take_driver, "torch 2.9.1 cannot use the GPU", "install a driver for CUDA 13.0"),
        (take_numba_cuda, "numba-cuda is not installed", "pip install 'twinmap[cuda]'"),
        (take_compiler, "cannot use the GPU", "pip install 'twinmap[cuda]'"),
    ],
)


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize("choice", ["auto", "cuda"])
def test_a_gpu_is_used_where_there_is_one(choice):
    found = resolve(choice, Config(), ["tsdf", "neural"])
    assert found.kind == "cuda"
    assert found.description == "cuda, NVIDIA H200"
    assert resolve("cpu", Config(), ["tsdf"]).description == ON_CPU
    assert gpu.check_gpu().detail == (
        "NVIDIA H200 (sm_90, 1.5 of 140.0 GiB free, torch CUDA 13.0); driver 580.65.06; "
        "a kernel compiles and runs"
    )


@lacking
def test_cuda_that_is_not_there_is_one_line_with_a_remedy(machine, take, what, remedy):
    take(machine)
    with pytest.raises(SlamError) as caught:
        resolve("cuda", Config(), ["tsdf"])
    line = str(caught.value)
    assert line.startswith("--device cuda: ")
    assert what in line
    assert (remedy or "use --device cpu") in line
    assert "\n" not in line


@lacking
def test_auto_falls_back_to_the_cpu_and_says_why(machine, take, what, remedy):
    take(machine)
    found = resolve("auto", Config(), ["tsdf"])
    assert found.kind == "cpu"
    assert found.description.startswith(f"{ON_CPU} (")
    assert what in found.description
    check = gpu.check_gpu()
    assert check.status == "note"
    assert what in check.detail
    assert ", driver 580.65.06: runs on the CPU" in check.detail
    assert remedy in check.detail


@pytest.mark.usefixtures("machine")
@pytest.mark.parametrize(
    ("config", "says"),
    [
        (Config(neural=NeuralConfig(field="reference")), "neural.field reference trains on"),
        (Config(deterministic=True), "not deterministic"),
    ],
)
def test_what_a_gpu_cannot_do_runs_on_the_cpu_or_is_an_error(config, says):
    assert resolve("auto", config, ["tsdf"]).kind == "cuda"
    assert says in resolve("auto", config, ["tsdf", "neural"]).description
    with pytest.raises(SlamError, match=says):
        resolve("cuda", config, ["neural"])


def test_without_a_gpu_that_is_the_reason_whatever_the_run_asks_for(machine):
    take_gpu(machine)
    assert "(no CUDA device)" in resolve("auto", Config(deterministic=True), ["neural"]).description


@pytest.mark.usefixtures("machine")
def test_a_trial_that_raises_is_told_by_its_first_line(monkeypatch):
    monkeypatch.undo()
    device._trial_error.cache_clear()
    monkeypatch.setattr("torch.zeros", lambda *args, **kwargs: 1 / 0)
    assert device._trial_error() == "division by zero"
    device._trial_error.cache_clear()


@pytest.mark.parametrize("error", [0, 100, 803])
def test_the_driver_tells_why_it_does_not_start_or_how_many_gpus_it_has(monkeypatch, error):
    def count_gpus(pointer) -> int:
        pointer._obj.value = 2
        return 0

    driver = SimpleNamespace(cuInit=lambda flags: error, cuDeviceGetCount=count_gpus)
    monkeypatch.setattr("ctypes.CDLL", lambda name: driver)
    assert device._driver_state() == (error, 0 if error else 2)


def test_without_a_driver_there_is_no_cuda_device_whatever_is_visible(monkeypatch):
    def fail(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    monkeypatch.setattr(device, "SIMULATES_CUDA", False)
    monkeypatch.setattr("ctypes.CDLL", fail)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert find_obstacle() == Obstacle("no CUDA device")


def test_numba_can_compile_the_trial_kernel_in_a_test_run_too():
    """The tests' type checks wrap the functions of `slam`: on a GPU the trial would always fail."""
    values = np.zeros(1, np.float32)
    numba.njit(device._count)(values)
    assert values[0] == 1.0


def test_in_the_simulator_cuda_counts_as_there(monkeypatch):
    monkeypatch.setattr(device, "SIMULATES_CUDA", True)
    assert find_obstacle() is None
    assert resolve("cuda", Config(), ["tsdf"]).description == "cuda, numba's simulator"


@pytest.mark.parametrize("command", ["run", "compare", "bench"])
def test_a_command_without_a_gpu_ends_with_the_line(command, monkeypatch, capsys):
    monkeypatch.setattr(device, "find_obstacle", lambda: Obstacle("no CUDA device"))
    assert main([command, "synthetic:room", "--device", "cuda"]) == 2
    captured = capsys.readouterr()
    assert captured.err == "slam: --device cuda: no CUDA device; use --device cpu\n"
    assert captured.out == ""


@pytest.mark.usefixtures("small_images")
def test_a_run_says_where_it_ran(monkeypatch, tmp_path):
    monkeypatch.setattr(device, "find_obstacle", lambda: Obstacle("no CUDA device"))
    words = ["run", "synthetic:wall", "--limit", "2", "--tsdf.voxel-size-m", "0.02"]
    assert main([*words, "--out", str(tmp_path)]) == 0
    assert load_run(tmp_path).metrics["device"] == f"{ON_CPU} (no CUDA device)"
    log = (tmp_path / "run.log").read_text()
    assert log.count("CUDA") == 1
    assert f"INFO slam.runs.single: device {ON_CPU} (no CUDA device)" in log


def test_a_system_of_a_library_says_where_it_runs(monkeypatch, caplog):
    monkeypatch.setattr(device, "find_obstacle", lambda: Obstacle("no CUDA device"))
    with caplog.at_level("INFO"):
        Slam.from_config(Config(), DepthNoise()).finish()
    assert f"device {ON_CPU} (no CUDA device)" in caplog.messages


TINY = Camera(40, 32, 33.3, 33.1, 19.3, 15.2)  # simulated threads are slow
SIMULATED = f"""
import sys
from gpu_checks import simulator
from slam.camera import Camera
from slam.cli import main
from slam.sources import synthetic
simulator.install()
synthetic.CAMERA = {TINY!r}
sys.exit(main(sys.argv[1:]))
"""


def test_a_run_on_cuda_leaves_what_one_on_the_cpu_leaves(monkeypatch, tmp_path):
    """With the true poses: the tracker has no use for images so small."""
    words = ["run", "synthetic:wall", "--limit", "2", "--use-gt-poses"]
    words += ["--tsdf.voxel-size-m", "0.08", "--tsdf.budget-mb", "4"]
    cpu, cuda = tmp_path / "cpu", tmp_path / "cuda"
    path = os.pathsep.join([str(ROOT), str(ROOT / "scripts")])
    simulator = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": path}
    run = subprocess.run(
        [sys.executable, "-c", SIMULATED, *words, "--device", "cuda", "--out", str(cuda)],
        env=os.environ | simulator, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    monkeypatch.setattr(synthetic, "CAMERA", TINY)
    assert main([*words, "--device", "cpu", "--out", str(cpu)]) == 0

    on_cuda, on_cpu = load_run(cuda), load_run(cpu)
    assert on_cuda.metrics["device"] == "cuda, numba's simulator"
    assert on_cpu.metrics["device"] == ON_CPU
    assert {"torch", "numba-cuda"} <= on_cuda.metrics["versions"].keys()
    got, wanted = read_tsdf(on_cuda.map_path), read_tsdf(on_cpu.map_path)
    order = np.lexsort(wanted.coords.T[::-1])
    np.testing.assert_array_equal(got.coords, wanted.coords[order])
    is_off = np.abs(got.sdf.astype(int) - wanted.sdf[order]) > 1
    assert is_off.mean() < 0.005
    assert main(["mesh", str(cuda)]) == 0
