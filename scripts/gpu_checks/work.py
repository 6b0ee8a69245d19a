"""What the sections share on disk: the frames, and what the CPU makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from slam.camera import Camera, DepthNoise
from slam.config import Config, NeuralConfig, TsdfConfig
from slam.frame import Frame
from slam.scenes import room
from slam.scenes.walk import FRAME_RATE_HZ
from slam.sources.synthetic import CAMERA
from slam.trajectory import Trajectory


@dataclass(frozen=True)
class Workload:
    """What is run: a walk through the synthetic room."""

    camera: Camera
    num_rendered: int  # from the beginning, or once round
    num_frames: int  # for the frame rate, round and round
    num_compared: int  # on the CPU, too
    voxel_size_m: float = TsdfConfig().voxel_size_m
    fine_voxel_size_m: float = 0.005
    budget_mb: int = TsdfConfig().budget_mb  # a map
    depth_noise: DepthNoise = field(default_factory=DepthNoise.rendered)
    neural: NeuralConfig = field(default_factory=NeuralConfig)

    def config(self, map_name: str, voxel_size_m: float | None = None) -> Config:
        """Return the config of a run in turns: the CPU repeats it bit by bit."""
        voxel_size_m = self.voxel_size_m if voxel_size_m is None else voxel_size_m
        tsdf = TsdfConfig(voxel_size_m=voxel_size_m, budget_mb=self.budget_mb)
        neural = replace(self.neural, budget_mb=self.budget_mb)
        return Config(map=map_name, deterministic=True, tsdf=tsdf, neural=neural)


FULL = Workload(CAMERA, room.walk().period_frames, num_frames=600, num_compared=100)
# for the simulator: large pixels and voxels, so readings are taken for less than they are
TINY = Workload(
    CAMERA.scaled(0.15), 2, 2, 2, 0.08, 0.06, 32, DepthNoise(0.006, 0.006, 0.0),
    NeuralConfig(
        first_steps=1, steps=1, rays=48, ray_cell=8, base_spacing_m=0.08, fine_spacing_m=0.16,
        color_spacing_m=0.1, truncation_m=0.2,
    ),
)  # fmt: skip


@dataclass(frozen=True)
class CpuRun:
    """What the CPU makes of the compared frames."""

    Ts_world_camera: np.ndarray  # (n, 4, 4), as tracked
    trajectory: Trajectory  # as refined at the end
    is_mapped: np.ndarray  # (n,): state OK


def truth(num_frames: int) -> Trajectory:
    """Return the poses that the frames are rendered from."""
    stamps_s = np.arange(num_frames) / FRAME_RATE_HZ
    return Trajectory(stamps_s, room.walk().poses(num_frames))


def render_frames(workload: Workload, folder: Path) -> None:
    """Render into two files."""
    scene, poses = room.scene(), room.walk().poses(workload.num_rendered)
    rendered = [scene.render(workload.camera, T_world_camera) for T_world_camera in poses]
    np.save(folder / "depth_m.npy", np.stack([depth_m for depth_m, _ in rendered]))
    np.save(folder / "color.npy", np.stack([color for _, color in rendered]))


def load_frames(workload: Workload, folder: Path, num_frames: int) -> Sequence[Frame]:
    """Load the first frames into memory; more than were rendered go round again."""
    num_loaded = min(num_frames, workload.num_rendered)
    depth_m = np.array(np.load(folder / "depth_m.npy", mmap_mode="r")[:num_loaded])
    color = np.array(np.load(folder / "color.npy", mmap_mode="r")[:num_loaded])
    return [
        Frame(i, i / FRAME_RATE_HZ, workload.camera, depth_m[k], color[k], workload.depth_noise)
        for i, k in enumerate(np.arange(num_frames) % num_loaded)
    ]


def map_path(folder: Path, map_name: str) -> Path:
    """Return where the CPU's map is kept."""
    return folder / f"{map_name}.map"


def save_cpu_run(folder: Path, map_name: str, run: CpuRun) -> None:
    """Keep the poses; the map is saved beside them."""
    np.savez(
        folder / f"{map_name}.npz",
        tracked=run.Ts_world_camera,
        stamps_s=run.trajectory.timestamps_s,
        refined=run.trajectory.Ts_world_camera,
        is_mapped=run.is_mapped,
    )


def load_cpu_run(folder: Path, map_name: str) -> CpuRun:
    """Load what `save_cpu_run` kept."""
    with np.load(folder / f"{map_name}.npz") as kept:
        trajectory = Trajectory(kept["stamps_s"], kept["refined"])
        return CpuRun(kept["tracked"], trajectory, kept["is_mapped"])
