"""What a system did: a row a frame, the times of its stages, and each change of its state."""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan

import numpy as np

from slam.frame import Frame
from slam.geometry import Transform
from slam.graph.graph import Graph
from slam.maps.base import Map
from slam.timing import StageTimes
from slam.tracking.base import TrackResult, TrackState
from slam.trajectory import Trajectory

logger = logging.getLogger(__name__)
MAX_TOLD = 20  # changes of state on the terminal; the log file has them all


@dataclass(frozen=True)
class FrameRecord:
    """One frame, a row of `frames.csv`. A float that does not apply is NaN (an empty cell), and
    `reason` is empty where the state is OK.
    """

    index: int
    timestamp_s: float
    state: TrackState
    tracking_ms: float
    mapping_ms: float
    residual_m: float
    inlier_ratio: float
    conditioning: float
    map_mb: float
    reason: str = ""


@dataclass(frozen=True)
class Earlier:
    """What a run that is gone on with had done before: its table, final poses and online ones, and
    its pose graph.
    """

    records: Sequence[FrameRecord] = ()
    trajectory: Trajectory = field(default_factory=Trajectory.empty)
    online: Trajectory = field(default_factory=Trajectory.empty)
    graph: Graph = field(default_factory=Graph.none)

    @property
    def T_last(self) -> Transform | None:
        """T_world_camera of its last tracked frame."""
        return self.trajectory.Ts_world_camera[-1] if len(self.trajectory) else None


@dataclass(frozen=True)
class _Entry:
    frame_index: int
    timestamp_s: float
    result: TrackResult
    is_mapped: bool
    tracking_ms: float
    map_bytes: int


class Journal:
    """Takes note of every frame; what is lost, found or left out is logged when it happens."""

    def __init__(self, name: str = "", earlier: Earlier | None = None) -> None:
        """`name` tells systems that run side by side apart in the log."""
        self.earlier = earlier or Earlier()
        self.tracking_times = StageTimes()
        self.mapping_times = StageTimes()
        self.latencies = StageTimes()  # of live frames, from their arrival to their pose
        self.num_outages = 0
        self.num_unmapped = 0  # live frames that the map had no time for
        self.interruption: str | None = None  # why no frame comes
        done = self.earlier.records
        self.last_state = done[-1].state if done else TrackState.LOST
        self._prefix = f"{name}: " if name else ""
        self._entries: list[_Entry] = []
        self._num_told = 0
        self._num_out_of_ok = 0
        self._is_budget_told = False

    @property
    def num_frames(self) -> int:
        """Frames so far, without those of an earlier run."""
        return len(self._entries)

    @property
    def last_index(self) -> int:
        """Index of the last frame; -1 before the first."""
        return self._entries[-1].frame_index if self._entries else -1

    def count(self, state: TrackState) -> int:
        """Return how many frames ended in a state, those of an earlier run included."""
        states = [record.state for record in self.earlier.records]
        states += [entry.result.state for entry in self._entries]
        return sum(each is state for each in states)

    def note(self, frame: Frame, result: TrackResult, is_mapped: bool, map_: Map) -> None:
        """Take note of a frame that was just tracked."""
        if frame.arrival_s is not None:
            self.latencies.values_ms.append(1e3 * (time.monotonic() - frame.arrival_s))
        tracking_ms = self.tracking_times.values_ms[-1]
        self._tell_change(frame.index, result)
        self._tell_budget(frame.index, map_)
        self.interruption, self.last_state = None, result.state
        self._entries.append(
            _Entry(frame.index, frame.timestamp_s, result, is_mapped, tracking_ms, map_.nbytes)
        )

    def interrupt(self, reason: str) -> None:
        """Take note that no frame comes: the pose is lost until one does."""
        if self.interruption is None:
            self.num_outages += 1
            logger.warning("%sLOST: %s", self._prefix, reason)
        self.last_state = TrackState.LOST
        self.interruption = reason

    def tell_moved(self, largest_m: float, has_joined: bool) -> None:
        """Tell that loops have moved the map, how far at most, and whether pieces of it joined."""
        joined = ", and a piece of it to another" if has_joined else ""
        logger.info(
            "%sframe %d: loops moved the map by up to %.1f cm%s",
            self._prefix, self.last_index, 100.0 * largest_m, joined,
        )  # fmt: skip

    def _tell_change(self, index: int, result: TrackResult) -> None:
        is_ok = result.state is TrackState.OK
        has_changed = result.state is not self.last_state if self._entries else not is_ok
        if has_changed:
            self._num_told += 1
            level = logging.WARNING if self._num_told <= MAX_TOLD else logging.INFO
            why = result.reason or f"again, after {self._num_out_of_ok} frames"
            logger.log(level, "%sframe %d: %s: %s", self._prefix, index, result.state.value, why)
            if self._num_told == MAX_TOLD:
                logger.warning("%sfurther changes of state are in run.log", self._prefix)
        self._num_out_of_ok = 0 if is_ok else self._num_out_of_ok + 1

    def _tell_budget(self, index: int, map_: Map) -> None:
        if map_.num_refused and not self._is_budget_told:
            self._is_budget_told = True
            logger.warning(
                "%sframe %d: the map's budget of memory is used up at %.0f MB: new surface is left "
                "out from here on; raise its budget_mb, or its voxel size",
                self._prefix, index, map_.nbytes / 1e6,
            )  # fmt: skip

    def online(self) -> tuple[list[int], Trajectory]:
        """Return the indices of this run's tracked frames, and their poses as tracked."""
        tracked = [e for e in list(self._entries) if e.result.state is not TrackState.LOST]
        poses = Trajectory(
            np.array([entry.timestamp_s for entry in tracked], dtype=np.float64),
            np.array([entry.result.T_world_camera for entry in tracked]).reshape(-1, 4, 4),
        )
        return [entry.frame_index for entry in tracked], poses

    def records(self) -> list[FrameRecord]:
        """Return the table of all frames; times of mapping are known of what is mapped by now."""
        mapping_ms = iter(list(self.mapping_times.values_ms))
        return [
            *self.earlier.records,
            *(
                FrameRecord(
                    index=entry.frame_index,
                    timestamp_s=entry.timestamp_s,
                    state=entry.result.state,
                    tracking_ms=entry.tracking_ms,
                    mapping_ms=next(mapping_ms, nan) if entry.is_mapped else nan,
                    residual_m=entry.result.residual_m,
                    inlier_ratio=entry.result.inlier_ratio,
                    conditioning=entry.result.conditioning,
                    map_mb=entry.map_bytes / 1e6,
                    reason=entry.result.reason,
                )
                for entry in list(self._entries)
            ),
        ]

    def troubles(self) -> list[str]:
        """Return the likely reasons why frames were not tracked, the first and the commonest."""
        lost = [entry for entry in self._entries if entry.result.state is TrackState.LOST]
        if not lost:
            return []
        first = lost[0]
        said = f"lost from frame {first.frame_index} on: {first.result.reason}"
        kinds = Counter(_without_numbers(entry.result.reason) for entry in lost)
        kind, count = kinds.most_common(1)[0]
        if kind == _without_numbers(first.result.reason):
            return [said]
        example = next(e.result.reason for e in lost if _without_numbers(e.result.reason) == kind)
        return [said, f"{count} of {len(lost)} lost frames: {example}"]


def _without_numbers(reason: str) -> str:
    return "".join(letter for letter in reason if not (letter.isdigit() or letter == "."))
