"""Time-stamped poses, their TUM file, and one-to-one association of time stamps."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float64, Int64

from slam.errors import SlamError
from slam.geometry import (
    Transform,
    inverse,
    quaternion_xyzw_from_rotation,
    transform_from_quaternion,
)
from slam.text import header_of, numbered_rows

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Trajectory:
    """Poses `Ts_world_camera` at increasing `timestamps_s`."""

    timestamps_s: Float64[np.ndarray, "n"]
    Ts_world_camera: Float64[np.ndarray, "n 4 4"]

    @classmethod
    def empty(cls) -> "Trajectory":
        """Return a trajectory without a pose."""
        return cls(np.zeros(0), np.zeros((0, 4, 4)))

    def __len__(self) -> int:
        return len(self.timestamps_s)

    def followed_by(self, other: "Trajectory") -> "Trajectory":
        """Return both, one after the other."""
        return Trajectory(
            np.concatenate([self.timestamps_s, other.timestamps_s]),
            np.concatenate([self.Ts_world_camera, other.Ts_world_camera]),
        )

    def where(self, is_kept: Bool[np.ndarray, "n"]) -> "Trajectory":
        """Return some of the poses."""
        return Trajectory(self.timestamps_s[is_kept], self.Ts_world_camera[is_kept])

    @property
    def positions_m(self) -> Float64[np.ndarray, "n 3"]:
        """Camera centres in the world."""
        return self.Ts_world_camera[:, :3, 3]


def associate(
    stamps_a_s: Float64[np.ndarray, "n"],
    stamps_b_s: Float64[np.ndarray, "m"],
    max_difference_s: float = 0.02,
) -> tuple[Int64[np.ndarray, "k"], Int64[np.ndarray, "k"]]:
    """Pair two lists of time stamps one to one, closest pairs first; return indices, sorted by the
    first list.

    The greedy rule of the TUM RGB-D tools. Candidates are found by bisection, so it takes n log n
    for real recordings.
    """
    order_b = np.argsort(stamps_b_s, kind="stable")
    sorted_b_s = stamps_b_s[order_b]
    first = np.searchsorted(sorted_b_s, stamps_a_s - max_difference_s, side="left")
    last = np.searchsorted(sorted_b_s, stamps_a_s + max_difference_s, side="right")
    num_candidates = last - first
    a = np.repeat(np.arange(len(stamps_a_s)), num_candidates)
    offset = np.arange(len(a)) - np.repeat(
        np.cumsum(num_candidates) - num_candidates, num_candidates
    )
    b = order_b[np.repeat(first, num_candidates) + offset]
    pairs: list[tuple[int, int]] = []
    used_a: set[int] = set()
    used_b: set[int] = set()
    for k in np.argsort(np.abs(stamps_a_s[a] - stamps_b_s[b]), kind="stable"):
        i, j = int(a[k]), int(b[k])
        if i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            pairs.append((i, j))
    result = np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)
    return result[:, 0], result[:, 1]


def moved_with_keyframes(
    indices: Sequence[int],
    Ts_world_camera: Float64[np.ndarray, "n 4 4"],
    refined: Mapping[int, Transform],
) -> Float64[np.ndarray, "n 4 4"]:
    """Return the poses of frames, in the order of their increasing `indices`, after those of some,
    the keyframes, were refined: each moves rigidly with the latest keyframe at or before it.
    """
    result = np.empty_like(Ts_world_camera)
    T_refined_tracked = np.eye(4)
    for k, (index, T_world_camera) in enumerate(zip(indices, Ts_world_camera, strict=True)):
        if index in refined:
            T_refined_tracked = refined[index] @ inverse(T_world_camera)
        result[k] = T_refined_tracked @ T_world_camera
    return result


def read_tum(path: Path) -> Trajectory:
    """Read `timestamp tx ty tz qx qy qz qw` lines; rows are sorted by time, repeated stamps keep
    the first.

    Where the table's header names qw before qx, as EuRoC's does, so are the rows read. Rows that
    are no pose are left out, with a warning.
    """
    is_w_first = re.findall(r"\bq\w*?_?([wxyz])\b", header_of(path))[:1] == ["w"]
    rows, bad = [], []
    for number, line in numbered_rows(path):
        row = _pose_row(line, f"{path}:{number}")
        if not np.isfinite(row).all() or not any(row[4:]):
            bad.append(number)
        else:
            rows.append([*row[:4], *row[5:], row[4]] if is_w_first else row)
    if bad:
        logger.warning(
            "%s: %d of %d rows are no poses and left out, the first in line %d",
            path, len(bad), len(bad) + len(rows), bad[0],
        )  # fmt: skip
    table = np.array(rows, dtype=np.float64).reshape(-1, 8)
    _, keep = np.unique(table[:, 0], return_index=True)
    table = table[keep]
    poses = [transform_from_quaternion(row[1:4], row[4:8]) for row in table]
    return Trajectory(table[:, 0], np.array(poses, dtype=np.float64).reshape(-1, 4, 4))


def _pose_row(line: str, where: str) -> list[float]:
    """Return the first 8 numbers of a row; `SlamError` where there are not as many."""
    expected = "expected 'timestamp tx ty tz qx qy qz qw'"
    try:
        row = [float(field) for field in line.split()]
    except ValueError:
        row = []
    if len(row) == 12:
        raise SlamError(f"{where}: 12 numbers a row and no time, as KITTI has them; {expected}")
    if len(row) < 8:
        raise SlamError(f"{where}: {expected}, got {line[:60]!r}")
    return row[:8]


def tum_text(trajectory: Trajectory) -> str:
    """Write a trajectory as the text of a TUM file."""
    lines = ["# timestamp tx ty tz qx qy qz qw\n"]
    for timestamp_s, T in zip(trajectory.timestamps_s, trajectory.Ts_world_camera, strict=True):
        values = [*T[:3, 3], *quaternion_xyzw_from_rotation(T[:3, :3])]
        lines.append(f"{timestamp_s:.6f} " + " ".join(f"{value:.9f}" for value in values) + "\n")
    return "".join(lines)
