"""Frames of a finished run, read again, each with its final pose."""

import logging
from collections.abc import Iterator, Sequence

import numpy as np

from slam.errors import BadFrameError, SlamError
from slam.frame import Frame
from slam.geometry import Transform
from slam.journal import FrameRecord
from slam.runs.finished import Run
from slam.sources.base import Source
from slam.sources.depth_range import clamped
from slam.trajectory import associate

logger = logging.getLogger(__name__)
_SAME_TIME_S = 1e-5  # the trajectory file has microseconds


def posed_records(
    run: Run, records: Sequence[FrameRecord]
) -> Iterator[tuple[FrameRecord, Transform]]:
    """Yield those of a run's records that have a pose, with T_world_camera, in order of time."""
    stamps_s = np.array([record.timestamp_s for record in records], dtype=np.float64)
    pairs = associate(stamps_s, run.trajectory.timestamps_s, _SAME_TIME_S)
    for k, pose in zip(*pairs, strict=True):
        yield records[k], run.trajectory.Ts_world_camera[pose]


def replay(
    run: Run, source: Source, records: Sequence[FrameRecord]
) -> Iterator[tuple[Frame, Transform]]:
    """Read the frames of a run's records again that have a pose, with T_world_camera.

    Depth is limited as the run limited it. What cannot be used is left out.
    """
    for record, T_world_camera in posed_records(run, records):
        _require_same(record, source)
        try:
            frame = clamped(source.read(record.index), source.camera, run.config.playback)
        except BadFrameError as error:
            logger.warning("skipped frame %d: %s", record.index, error)
            continue
        yield frame, T_world_camera


def _require_same(record: FrameRecord, source: Source) -> None:
    stamps_s = source.timestamps_s[record.index : record.index + 1]  # none beyond the end
    if not (np.abs(stamps_s - record.timestamp_s) < _SAME_TIME_S).any():
        raise SlamError(
            f"{source.name} is not what the run was made of: "
            f"its frame {record.index} is not of {record.timestamp_s:.6f} s"
        )
