"""Frames of one run, recognised in another and verified on its map."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import radians

from slam.config import PlacesConfig
from slam.errors import SlamError, error_context
from slam.geometry import Transform, inverse, is_elsewhere
from slam.journal import FrameRecord
from slam.maps.factory import arrays_beside, load_map
from slam.places.memory import Places, new_places
from slam.places.places_file import PREFIX, keyframes_in
from slam.runs.rebuild import Recording
from slam.runs.replay import posed_records, replay
from slam.tracking.base import TrackState
from slam.tracking.factory import dense_tracker

LOOK_EVERY_M, LOOK_EVERY_RAD = 0.2, radians(15.0)
MOST = 200  # frames that are looked for, evenly over the way
SAME_M, SAME_RAD = 0.03, radians(1.5)  # by which two in a row may differ


@dataclass(frozen=True)
class Sighting:
    """Where a frame of one run is in the world of another."""

    frame_index: int
    T_other_camera: Transform
    T_own_camera: Transform
    uncertainty_m: float

    @property
    def T_other_own(self) -> Transform:
        """How the run's own world lies in the other's, going by this frame."""
        return self.T_other_camera @ inverse(self.T_own_camera)


def sightings(recording: Recording, other: Recording) -> list[Sighting]:
    """Return the frames of a run that another one's map bears out, as far as two in a row agree."""
    path = other.run.map_path
    if path is None:
        raise SlamError(f"{other.path} has no saved map")
    with error_context(path):
        places = new_places(PlacesConfig(), keyframes_in(arrays_beside(path, PREFIX)))
    if not isinstance(places, Places) or not places.num_keyframes:
        raise SlamError(f"{other.path} knows no places: its recording has no colour, or kept none")
    map_ = load_map(path)
    tracker = dense_tracker(recording.run.config.tracking)
    found: list[Sighting] = []
    wanted = _spread(recording)
    for frame, T_own_camera in replay(recording.run, recording.source, wanted):
        T_guess = places.recognise(frame)
        result = None if T_guess is None else tracker.place(frame, map_, T_guess)
        if result is not None:
            found.append(
                Sighting(frame.index, result.T_world_camera, T_own_camera, result.uncertainty_m)
            )
    return _in_rows(found)


def _spread(recording: Recording) -> list[FrameRecord]:
    """Return the frames to look for: from places some way apart."""
    chosen: list[FrameRecord] = []
    T_last: Transform | None = None
    for record, T in posed_records(recording.run, recording.run.frames):
        is_sure = record.state is TrackState.OK
        if is_sure and (T_last is None or is_elsewhere(T_last, T, LOOK_EVERY_M, LOOK_EVERY_RAD)):
            chosen.append(record)
            T_last = T
    every = -(-len(chosen) // MOST)
    return chosen[:: max(every, 1)]


def _in_rows(found: Sequence[Sighting]) -> list[Sighting]:
    """Leave out those with which neither the one before nor the one behind agrees."""
    if not found:
        return []
    agree = [_agree(a, b) for a, b in pairwise(found)]
    return [
        sighting
        for sighting, before, behind in zip(found, [False, *agree], [*agree, False], strict=True)
        if before or behind
    ]


def _agree(one: Sighting, other: Sighting) -> bool:
    T = one.T_other_own @ other.T_own_camera
    return not is_elsewhere(T, other.T_other_camera, SAME_M, SAME_RAD)
