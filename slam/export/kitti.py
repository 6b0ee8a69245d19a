"""Trajectories in the format of the KITTI odometry benchmark."""

from slam.trajectory import Trajectory


def kitti_text(trajectory: Trajectory) -> str:
    """Write the upper three rows of T_world_camera, row by row, a line a pose.

    The format has no time stamps and no gaps: frames without a pose have no line, so line n is
    frame n only where no frame was lost or dropped.
    """
    rows = trajectory.Ts_world_camera[:, :3].reshape(-1, 12)
    return "".join(" ".join(f"{value:.9e}" for value in row) + "\n" for row in rows)
