"""Systems with their meshes in one world, and the places to look at them from."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from slam.camera import Camera
from slam.evaluation.surface import Surface
from slam.evaluation.systems import SystemRun, system_colors
from slam.evaluation.world import World, common_world, moved_mesh, moved_trajectory, upright_axes
from slam.geometry import Transform
from slam.meshio import read_with_predicted
from slam.report.picture import Model, View, is_turned
from slam.report.views import from_pose, overviews
from slam.sources.base import Source
from slam.trajectory import Trajectory, associate

logger = logging.getLogger(__name__)
_CAMERA = Camera(640, 480, 525.0, 525.0, 319.5, 239.5)  # where the recording's is not known
_NUM_PROBES = 8


@dataclass(frozen=True)
class Shown:
    """A system in the common world; its mesh as a whole and without predicted surface."""

    name: str
    color: str
    trajectory: Trajectory
    whole: Model
    observed: Model


@dataclass(frozen=True)
class Stage:
    """The systems that have a mesh, and the frames that all of them have a pose for: their indices
    in the recording (in the first trajectory, if there is no recording), times since the first and
    poses.
    """

    shown: list[Shown]
    camera: Camera
    frames: Int64[np.ndarray, "n"]
    times_s: Float64[np.ndarray, "n"]
    Ts_world_camera: Float64[np.ndarray, "n 4 4"]
    overviews: list[View]


def set_stage(
    systems: Sequence[SystemRun], source: Source | None, truth: Trajectory | None
) -> Stage | None:
    """Bring the meshes into one world; None if there is none."""
    world = common_world(systems, truth)
    placed = [
        (system, color, T, moved_trajectory(system.trajectory, T))
        for system, color, T in zip(
            systems, system_colors(systems), world.Ts_world_system, strict=True
        )
        if T is not None and len(system.trajectory) and system.mesh_path is not None
    ]
    if not placed:
        return None
    trajectories = [trajectory for *_, trajectory in placed]
    stamps_s = trajectories[0].timestamps_s if source is None else source.timestamps_s
    frames, Ts_world_camera = _shared_frames(stamps_s, trajectories, world)
    if not len(frames):
        logger.warning("no frame has a pose of every system: none is shown from a camera's pose")
    camera = _CAMERA if source is None else source.camera
    shown = [_shown(system, color, T, poses, camera) for system, color, T, poses in placed]
    axes = upright_axes(trajectories[0].Ts_world_camera, shown[0].observed.surface)
    vertices_m = np.concatenate([each.observed.mesh.vertices_m for each in shown])
    return Stage(
        shown,
        camera,
        frames,
        stamps_s[frames] - stamps_s[0],
        Ts_world_camera,
        overviews(vertices_m, axes),
    )


def _shared_frames(
    stamps_s: Float64[np.ndarray, "n"], trajectories: Sequence[Trajectory], world: World
) -> tuple[Int64[np.ndarray, "k"], Float64[np.ndarray, "k 4 4"]]:
    """Find the frames that every trajectory and the world's reference have a pose for."""
    poses = world.reference
    is_known = np.isfinite(poses.Ts_world_camera).all(axis=(1, 2))
    poses = Trajectory(poses.timestamps_s[is_known], poses.Ts_world_camera[is_known])
    is_shared = np.ones(len(stamps_s), dtype=bool)
    for trajectory in trajectories:
        is_posed = np.zeros(len(stamps_s), dtype=bool)
        is_posed[associate(stamps_s, trajectory.timestamps_s)[0]] = True
        is_shared &= is_posed
    in_stamps, in_poses = associate(stamps_s, poses.timestamps_s)
    is_kept = is_shared[in_stamps]
    return in_stamps[is_kept], poses.Ts_world_camera[in_poses[is_kept]]


def _shown(
    system: SystemRun,
    color: str,
    T_world_system: Transform,
    trajectory: Trajectory,
    camera: Camera,
) -> Shown:
    assert system.mesh_path is not None
    mesh = moved_mesh(read_with_predicted(system.mesh_path), T_world_system)
    observed = mesh.observed()
    surface = Surface(observed)
    every = 1 + len(trajectory) // _NUM_PROBES
    probes = [from_pose(camera, T) for T in trajectory.Ts_world_camera[::every]]
    turned = is_turned(surface, probes)
    model = Model(observed, surface, turned)
    whole = model if mesh.is_predicted is None else Model(mesh, Surface(mesh), turned)
    return Shown(system.name, color, trajectory, whole, model)
