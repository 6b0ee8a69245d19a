"""The same frames on the CPU and on the GPU: poses, surfaces, and which part is to blame."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gpu_checks.report import Row
from gpu_checks.surfaces import Surface, compare_surfaces, load_surface, save_mesh, surface_of
from gpu_checks.systems import Pass, parts, run_system
from gpu_checks.work import (
    CpuRun,
    Workload,
    load_cpu_run,
    load_frames,
    map_path,
    render_frames,
    save_cpu_run,
    truth,
)
from kernels.cuda.launch import IS_SIMULATED
from slam.evaluation.trajectory import evaluate_trajectory
from slam.frame import Frame
from slam.geometry import inverse, rotation_angle_rad
from slam.maps.factory import load_map

Emit = Callable[[Row], None]
FAR_MM = 2500.0  # half the room
SCORE_MM = 0.05  # of the ATE: half of what single poses of the TSDF may be off


@dataclass(frozen=True)
class Limits:
    """How far CPU and GPU may be apart, over all frames.

    Moving every reading of the CPU's input by one part in 2^23, the last bit of a float32, moves
    the TSDF's poses by up to 0.04 mm and 99.9 % of the vertices by 0.03 voxels.

    A GPU adds the neural map's gradients in any order, which training amplifies. On the CPU, four
    runs with the rays of every batch in different orders are apart by up to 0.04 mm and 0.0013
    degrees in the poses, 0.6 mm in 99.9 % of the vertices, 0.02 % in their number, and 0.001 mm in
    the ATE. Ten times as much is allowed to the poses and three times to the surface: quotients and
    roots are rounded otherwise, too.
    """

    position_mm: float
    surface_mm: float

    @property
    def rotation_deg(self) -> float:
        """Return what moves a surface FAR_MM away by as much as the position may be off."""
        return float(np.degrees(self.position_mm / FAR_MM))


def limits(map_name: str, workload: Workload) -> Limits:
    """Return the limits of a map."""
    if map_name == "tsdf":
        return Limits(0.1, 100.0 * workload.voxel_size_m)  # a tenth of a voxel
    return Limits(0.4, 2.0)


def run_on_cpu(workload: Workload, folder: Path) -> Iterator[str]:
    """Render the frames and run both maps on the CPU; yield what is done."""
    render_frames(workload, folder)
    yield f"{workload.num_rendered} frames"
    frames = load_frames(workload, folder, workload.num_compared)
    for map_name in ("tsdf", "neural"):
        result = run_system(workload.config(map_name), frames, "cpu")
        result.map.save(map_path(folder, map_name))
        save_mesh(mesh_path(folder, map_name), surface_of(result.map))
        run = CpuRun(result.Ts_world_camera, result.trajectory, result.is_mapped)
        save_cpu_run(folder, map_name, run)
        yield f"{map_name} in {result.seconds:.1f} s"


def mesh_path(folder: Path, map_name: str) -> Path:
    """Return where the CPU's mesh is kept."""
    return folder / f"{map_name}_mesh.npz"


def compare(workload: Workload, folder: Path, map_name: str, emit: Emit) -> None:
    """Run the GPU over the frames that the CPU has seen, and compare."""
    config, limit = workload.config(map_name), limits(map_name, workload)
    frames = load_frames(workload, folder, workload.num_compared)
    cpu = load_cpu_run(folder, map_name)
    gpu = run_system(config, frames, "cuda")
    section = f"{map_name}, CPU against GPU, {len(frames)} frames"
    num_other = float(np.count_nonzero(gpu.is_mapped != cpu.is_mapped))
    note = f"mapped on the CPU: {np.count_nonzero(cpu.is_mapped)}"
    emit(Row(section, "frames mapped on one of them alone", num_other, limit=0.0, note=note))
    _compare_poses(section, "position", cpu.Ts_world_camera, gpu, limit, emit)
    for row in _scores(section, workload, cpu, gpu):
        emit(row)
    surface = load_surface(mesh_path(folder, map_name), load_map(map_path(folder, map_name)))
    for row in compare_surfaces(section, surface, surface_of(gpu.map), limit.surface_mm):
        emit(row)
    if IS_SIMULATED:  # it repeats itself, and of two frames maps the first, whose pose is given
        return
    if map_name == "tsdf":
        emit(_repeated(section, gpu, run_system(config, frames, "cuda")))
    del gpu  # a map on a GPU holds the memory of its whole budget
    _compare_parts(workload, map_name, frames, cpu, surface, emit)


def _repeated(section: str, first: Pass, second: Pass) -> Row:
    """Return whether a second run has given the same bits."""
    num_poses = np.count_nonzero((first.Ts_world_camera != second.Ts_world_camera).any(axis=(1, 2)))
    meshes = first.map.mesh(), second.map.mesh()
    is_same_mesh = all(
        np.array_equal(*(getattr(mesh, name) for mesh in meshes))
        for name in ("vertices_m", "colors", "triangles")
    )
    note = f"poses that differ; its mesh is {'the same' if is_same_mesh else 'another'}"
    return Row(section, "a second run on the GPU", float(num_poses), limit=0.0, note=note,
               is_failure=not is_same_mesh)  # fmt: skip


def _compare_parts(
    workload: Workload,
    map_name: str,
    frames: Sequence[Frame],
    cpu: CpuRun,
    cpu_surface: Surface,
    emit: Emit,
) -> None:
    """Give the GPU's map the CPU's poses: what is off then is the map's, or the tracker's, which
    tracks against that map.
    """
    limit = limits(map_name, workload)
    section = f"{map_name}, on the CPU's poses"
    tracker, map_ = parts(workload.config(map_name), frames[0], "cuda")
    tracked = []
    for frame, T_world_camera, is_mapped in zip(
        frames, cpu.Ts_world_camera, cpu.is_mapped, strict=True
    ):
        tracked.append(tracker.track(frame, map_).T_world_camera)
        if is_mapped:
            map_.integrate(frame, T_world_camera)
    alone = np.array(tracked)
    apart_mm = position_errors_mm(cpu.Ts_world_camera, alone)
    emit(Row(section, "tracker alone: position", apart_mm.max(), "mm", limit=limit.position_mm))
    for row in compare_surfaces(section, cpu_surface, surface_of(map_), limit.surface_mm):
        emit(row)


def _compare_poses(
    section: str, what: str, Ts_cpu: np.ndarray, gpu: Pass, limit: Limits, emit: Emit
) -> None:
    apart_mm = position_errors_mm(Ts_cpu, gpu.Ts_world_camera)
    worst = int(apart_mm.argmax())
    note = f"median {np.median(apart_mm):.2g} mm, worst at frame {worst}"
    emit(Row(section, what, apart_mm[worst], "mm", limit=limit.position_mm, note=note))
    turned = [
        np.degrees(rotation_angle_rad((inverse(a) @ b)[:3, :3]))
        for a, b in zip(Ts_cpu, gpu.Ts_world_camera, strict=True)
    ]
    emit(Row(section, "rotation", float(np.max(turned)), "deg", limit=limit.rotation_deg))


def position_errors_mm(Ts_a: np.ndarray, Ts_b: np.ndarray) -> np.ndarray:
    """Return the distances of camera centres (n,)."""
    return 1e3 * np.linalg.norm(Ts_a[:, :3, 3] - Ts_b[:, :3, 3], axis=1)


def _scores(section: str, workload: Workload, cpu: CpuRun, gpu: Pass) -> Iterator[Row]:
    """Yield the ATE against the true poses; too few frames have none."""
    if len(cpu.trajectory) < 3 or len(gpu.trajectory) < 3:
        return
    true_poses = truth(workload.num_compared)
    on_cpu_mm = 1e3 * evaluate_trajectory(cpu.trajectory, true_poses).ate_rmse_m
    on_gpu_mm = 1e3 * evaluate_trajectory(gpu.trajectory, true_poses).ate_rmse_m
    note = f"on the CPU {on_cpu_mm:.3g} mm"
    yield Row(section, "ATE", on_gpu_mm, "mm", limit=on_cpu_mm + SCORE_MM, note=note)
