"""The one world in which several systems are shown, and what is up in it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from slam.errors import SlamError
from slam.evaluation.surface import Surface
from slam.evaluation.systems import SystemRun
from slam.evaluation.trajectory import align_worlds
from slam.geometry import Transform, transform_points
from slam.maps.base import Mesh
from slam.trajectory import Trajectory

logger = logging.getLogger(__name__)
_CONES_DEG = (40.0, 25.0, 12.0)  # round the first guess of up, ever narrower


@dataclass(frozen=True)
class World:
    """The world of the true poses, or without any, of the first system that has poses.

    A system that shares too few poses with the reference has no transform.
    """

    reference: Trajectory
    is_true: bool
    Ts_world_system: list[Transform | None]


def common_world(systems: Sequence[SystemRun], truth: Trajectory | None) -> World:
    """Find the world and move every system into it, rigidly, by positions and orientations of its
    associated poses.
    """
    if truth is not None:
        Ts_world_system = [_aligned(system, truth) for system in systems]
        if any(T is not None for T in Ts_world_system):
            return _warned(systems, World(truth, True, Ts_world_system))
    k_first = next((k for k, system in enumerate(systems) if len(system.trajectory)), 0)
    first = systems[k_first]
    Ts_world_system = [_aligned(system, first.trajectory) for system in systems]
    Ts_world_system[k_first] = np.eye(4)
    return _warned(systems, World(first.trajectory, False, Ts_world_system))


def moved_trajectory(trajectory: Trajectory, T_world_system: Transform) -> Trajectory:
    """Return the poses in the world."""
    return Trajectory(trajectory.timestamps_s, T_world_system @ trajectory.Ts_world_camera)


def moved_mesh(mesh: Mesh, T_world_system: Transform) -> Mesh:
    """Return the mesh in the world."""
    vertices_m = transform_points(T_world_system, mesh.vertices_m.astype(np.float64))
    return replace(mesh, vertices_m=vertices_m.astype(np.float32))


def upright_axes(
    Ts_world_camera: Float64[np.ndarray, "n 4 4"], surface: Surface | None = None
) -> Float64[np.ndarray, "3 3"]:
    """Return the rows right, forward and up, as seen from the first pose.

    Up is where the cameras' tops point on average; a surface corrects it to the normals, of floor
    and tables, that crowd about it: a camera carried by hand looks down.
    """
    up = _unit(-Ts_world_camera[:, :3, 1].mean(axis=0))
    if surface is not None:
        for cone_deg in _CONES_DEG:
            up = surface.mean_normal(up, np.cos(np.deg2rad(cone_deg)))
    axes = Ts_world_camera[0, :3, :3].T
    forward = axes[2] - up * (axes[2] @ up)
    if np.linalg.norm(forward) < 0.1:  # it looks straight up or down
        forward = axes[1] - up * (axes[1] @ up)
    forward = _unit(forward)
    return np.stack([np.cross(forward, up), forward, up])


def _aligned(system: SystemRun, reference: Trajectory) -> Transform | None:
    try:
        return align_worlds(system.trajectory, reference)
    except SlamError:
        return None


def _warned(systems: Sequence[SystemRun], world: World) -> World:
    for system, T_world_system in zip(systems, world.Ts_world_system, strict=True):
        if T_world_system is None:
            logger.warning(
                "%s is left out of plots and pictures: too few of its poses are of the same time "
                "as the others'",
                system.name,
            )
    return world


def _unit(vector: Float64[np.ndarray, "3"]) -> Float64[np.ndarray, "3"]:
    return vector / max(float(np.linalg.norm(vector)), 1e-12)
