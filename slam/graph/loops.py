"""Loops in a run: found and closed beside it, in a thread of their own."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import hypot
from typing import Any

import numpy as np
from jaxtyping import Float32

from slam.frame import PosedFrame
from slam.geometry import Transform, is_elsewhere
from slam.graph.corrections import Corrections
from slam.graph.detector import Detector, Loop
from slam.graph.findings import Findings
from slam.graph.graph import Graph, Move, Moved
from slam.graph.looks import Looks
from slam.graph.no_loops import NoLoops
from slam.graph.pose_graph import Solver
from slam.graph.solver import solve
from slam.graph.stored_frames import StoredFrames
from slam.graph.track import NODE_M, NODE_RAD, Track
from slam.maps.base import View
from slam.places.features import Features
from slam.places.keyframes import Keyframe
from slam.places.memory import Places
from slam.tracking.prepare import prepare
from slam.workers import Worker

logger = logging.getLogger(__name__)
MIN_OFFSET_M, MIN_OFFSET_DEG = 0.005, 0.25  # half a voxel: less moves nothing
# A map that is off by less is moved after the last frame: it takes as long as 200 frames, and what
# is fused meanwhile is within its band of the old surface, so it goes into the same wall.
MOVE_M = 0.05
MIN_NODES = 10  # from one solution to the next, unless a loop is far off
MIN_GROWTH = 0.2  # of the graph, too: so all solutions cost no more than a few of the last one
FAR_OFFSET_M = 0.05
IN_VIEW = 30  # nodes, the last ones, whose loops tell what surface is in view
MOST_WHOLE = 8  # moves, the last ones, of which all is kept until a viewer has shown them


@dataclass(frozen=True)
class _Swapped:
    """A move that map and tracker have made, after a frame."""

    move: Move
    frame_index: int


@dataclass(frozen=True)
class _Passed:
    """A frame that becomes a node."""

    posed: PosedFrame
    is_looked_for: bool
    features: Features | None  # of a new keyframe


class Loops:
    """Follows the frames that are mapped, and closes loops among them.

    `follow` is for the thread that maps. The rest is done in a thread of its own, behind which it
    waits with `is_in_turns`. `move` is what the map has to be moved by, None while that is nothing;
    `moved` tells that it was.
    """

    def __init__(
        self,
        places: Places,
        detector: Detector,
        is_in_turns: bool = False,
        solver: Solver = solve,
    ) -> None:
        self.corrections = Corrections.none()
        self._findings = Findings()
        self.moves: list[Moved] = []
        self.move: Move | None = None
        self._places = places
        self._detector = detector
        self._first_keyframe = len(places.keyframes)
        self._solver = solver
        self._track = Track()
        self._stored = StoredFrames()
        self._keyframe_nodes: list[int] = []
        self._num_solved = 0
        self._is_in_turns = is_in_turns
        self._is_over = False
        self._is_unsolved = False  # whether a loop is worth moving something
        self._T_last: Transform | None = None  # of the last node
        self._astray_m = 0.0  # by which frames since then may have gone
        self._looks = Looks(is_in_turns)
        self._worker: Worker[_Passed | _Swapped] = Worker(self._take, name="loops")

    def follow(self, posed: PosedFrame, keyframe: Keyframe | None) -> None:
        """Take in a frame that was mapped, and the keyframe that was made of it."""
        self._astray_m = hypot(self._astray_m, posed.astray_m)
        T_last, T_world_camera = self._T_last, posed.T_world_camera
        is_far = T_last is None or is_elsewhere(T_last, T_world_camera, NODE_M, NODE_RAD)
        if keyframe is None and not is_far:
            return
        posed = replace(posed, astray_m=self._astray_m)
        self._T_last, self._astray_m = T_world_camera, 0.0
        is_due = self._looks.is_due(posed.frame.timestamp_s, keyframe is not None)
        self._worker.submit(_Passed(posed, is_due, keyframe and keyframe.features))
        if self._is_in_turns:
            self._worker.wait(0)

    @property
    def found(self) -> list[Loop]:
        """The loops that were found, accepted and refused."""
        return self._findings.loops

    def as_of_now(self, move: Move) -> Move:
        """Return a move with what the graph has learned of the present frame since. Meanwhile the
        camera went on, before surface that goes otherwise than the last node of then.
        """
        since = len(self._track.moments) - IN_VIEW
        seen = self._findings.seen_again(len(move.frame_indices), since)
        T_latest = self._track.motion_now(move.Ts_new_old, seen)
        return replace(move, T_latest=T_latest)

    def moved(self, move: Move, changed: Float32[np.ndarray, "n 3"], frame_index: int) -> None:
        """Take note that map and tracker were moved after a frame, and move the keyframes with
        them; no frame may be on its way to the map. Round the points `changed` the map is another.
        """
        self._T_last = None  # the next frame is a node: of the new world
        self._move_keyframes(move)
        take = self._take if self._is_over else self._worker.submit
        take(_Swapped(move, frame_index))
        if len(changed):  # else it was by so little that the map left it
            self.moves.append(Moved.after(frame_index, move, changed))
            self.moves[:-MOST_WHOLE] = [moved.in_short() for moved in self.moves[:-MOST_WHOLE]]

    def mended(self, changed: Float32[np.ndarray, "n 3"], frame_index: int) -> None:
        """Take note that after the last move, and a frame, the map was mended round some points."""
        if len(changed):
            self.moves.append(Moved.mended(frame_index, changed))

    def views(self) -> list[View]:
        """Return the frames that are kept, where the graph has them."""
        return self._stored.views(self._track.Ts_world_node)

    def finish(self) -> None:
        """Look at what is left, solve once more if anything is worth moving, and end the thread."""
        self._worker.close()
        self._worker.wait(0)
        self._is_over = True
        if self._is_unsolved:
            self._solve()
        else:
            self._move_map()

    def close(self) -> None:
        """End the thread."""
        self._worker.close()

    def metrics(self) -> dict[str, Any]:
        """Return what metrics say of the loops."""
        return self.graph().counts() | {
            "pieces": self._track.num_pieces(),
            "map_off_m": self._track.map_off_m().max(initial=0.0) if self._is_over else 0.0,
        }

    def graph(self) -> Graph:
        """Return the graph as it is now, in any thread."""
        return Graph.of(self._track, self.corrections, list(self.found), list(self.moves))

    def _take(self, item: _Passed | _Swapped) -> None:
        if isinstance(item, _Swapped):
            move = item.move
            num_nodes = len(move.frame_indices)
            self._track.moved(num_nodes, move.Ts_new_old, item.frame_index, move.T_now)
            self.corrections = self._track.corrections()
            self.move = None
            self._move_map()
            return
        posed, frame = item.posed, item.posed.frame
        uncertainty_m = hypot(posed.uncertainty_m, posed.astray_m)
        moment = self._track.add(
            frame.index, frame.timestamp_s, posed.T_world_camera, uncertainty_m
        )
        self._stored.keep(moment.node, frame, self._track.Ts_world_node)
        is_keyframe = item.features is not None
        is_looked_for = item.is_looked_for and self._looks.has_time(is_keyframe)
        if is_looked_for or is_keyframe:
            features, prepared = item.features or self._places.features_of(frame), prepare(frame)
            if is_looked_for and features is not None:
                T_world = self._track.Ts_world_node.__getitem__
                self._note(self._detector.look(moment, features, prepared, T_world))
            if is_keyframe:
                self._keyframe_nodes.append(moment.node)
                self._detector.keep(moment, prepared)
        self.corrections = self._track.corrections()

    def _note(self, loops: Sequence[Loop]) -> None:
        worst = self._findings.add(loops)
        if worst is None:
            return
        num_since = len(self._track.moments) - self._num_solved
        is_due = num_since >= max(MIN_NODES, MIN_GROWTH * self._num_solved)
        is_due |= worst.offset_m > FAR_OFFSET_M and not self._findings.is_contradicted
        if worst.offset_m > MIN_OFFSET_M or worst.offset_deg > MIN_OFFSET_DEG:
            self._is_unsolved = True
            if is_due:
                self._solve()

    def _solve(self) -> None:
        """Solve the graph, ask it about the loops, and say how the map is to move."""
        track, findings = self._track, self._findings
        asked = findings.asked(self._is_over)
        edges = findings.edges(asked)
        solution = self._solver(np.array(track.Ts_world_node), track.edges(), edges)
        findings.judge(asked, solution)
        self._num_solved, self._is_unsolved = len(track.moments), False
        track.solved(solution.Ts_world_node)
        self._stored.place(track.Ts_world_node)
        self.corrections = track.corrections()
        largest_m = track.map_off_m().max(initial=0.0)
        logger.info(
            "loops: %d in %d nodes, %d refused; the largest correction is %.3f m",
            solution.is_kept.sum(), len(track.moments), (~solution.is_kept).sum(), largest_m,
        )  # fmt: skip
        self._move_map()

    def _move_map(self) -> None:
        """Say how the map is to move, unless it is on its way: the rest is for after that. A piece
        that was set aside stays there until a loop tells how far its track was off.
        """
        first = None if self._is_over else self._track.first_aside()
        if first is not None and not self._findings.has_accepted(first):
            return
        off_m = self._track.map_off_m()
        least_m = MIN_OFFSET_M if self._is_over else MOVE_M
        if self.move is None and off_m.max(initial=0.0) > least_m:
            frame_indices, nodes = self.corrections.frame_indices, tuple(self._keyframe_nodes)
            self.move = Move(frame_indices, self._track.motions(), off_m, nodes)

    def _move_keyframes(self, move: Move) -> None:
        """Put the keyframes where the map has them now; those since then go with the present."""
        own = self._places.keyframes.items[self._first_keyframe :]
        motions = [move.Ts_new_old[node] for node in move.keyframe_nodes]
        motions += [move.T_now] * (len(own) - len(motions))
        Ts = [M @ keyframe.T_world_camera for M, keyframe in zip(motions, own, strict=True)]
        self._places.keyframes.move(self._first_keyframe, Ts)


AnyLoops = Loops | NoLoops
