"""The places of a map: grown by the mapping thread, asked by a tracker that is lost."""

import logging
from math import inf

import numpy as np

from slam.config import PlacesConfig
from slam.frame import Frame
from slam.geometry import Transform
from slam.places.features import Features, extract
from slam.places.keyframes import Keyframe, Keyframes
from slam.places.places_file import arrays_of
from slam.places.recognition import MIN_MATCHES, NUM_COMPARED, recognise
from slam.places.vocabulary import load_vocabulary
from slam.tracking.recogniser import NothingKnown

NUM_ROUNDS = 3  # of successive frames, each with the next ranks: the first may be wrong places
SAME_LOSS_S = 0.5  # between two frames that are asked about

logger = logging.getLogger(__name__)


class Places:
    """Keyframes of what was mapped, and where they say that a frame was taken (a
    `slam.tracking.recogniser.Recogniser`).

    Without colour there are no corners: such frames are neither kept nor recognised.
    """

    def __init__(self, keyframes: Keyframes) -> None:
        self.keyframes = keyframes
        self.num_recognised = 0
        self._vocabulary = load_vocabulary()
        self._round = 0
        self._last_s = -inf

    def remember(self, frame: Frame, T_world_camera: Transform) -> Keyframe | None:
        """Keep a posed frame as a keyframe and return it, unless one was taken from about there."""
        if self.keyframes.is_covered(T_world_camera):
            return None
        features = self.features_of(frame)
        if features is None or len(features) < MIN_MATCHES:
            return None
        keyframe = Keyframe(T_world_camera, features)
        self.keyframes.add(keyframe)
        return keyframe

    def features_of(self, frame: Frame) -> Features | None:
        """Find what can be recognised of a frame; None without colour."""
        return extract(frame, self._vocabulary)

    def recognise(self, frame: Frame) -> Transform | None:
        """Return where the frame may have been taken."""
        if not len(self.keyframes):
            return None
        features = self.features_of(frame)
        if features is None:
            return None
        is_same_loss = frame.timestamp_s - self._last_s < SAME_LOSS_S
        self._round = (self._round + 1) % NUM_ROUNDS if is_same_loss else 0
        self._last_s = frame.timestamp_s
        first_rank = NUM_COMPARED * self._round
        found = recognise(features, frame.depth_noise, self.keyframes, first_rank)
        return None if found is None else found.T_world_camera

    def confirm(self, frame: Frame, T_world_camera: Transform) -> None:
        """Count and log a guess that was verified."""
        self.num_recognised += 1
        self._last_s = -inf
        where = ", ".join(f"{value:.2f}" for value in T_world_camera[:3, 3])
        logger.info("frame %d: recognised the place, at %s m", frame.index, where)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what a map file holds of them."""
        return arrays_of(self.keyframes)

    @property
    def num_keyframes(self) -> int:
        """Keyframes kept."""
        return len(self.keyframes)


class NoPlaces(NothingKnown):
    """Keeps nothing and recognises nothing."""

    num_recognised = 0
    num_keyframes = 0

    def remember(self, frame: Frame, T_world_camera: Transform) -> None:
        """Do nothing."""

    def arrays(self) -> dict[str, np.ndarray]:
        """Return nothing."""
        return {}


AnyPlaces = Places | NoPlaces


def new_places(config: PlacesConfig, keyframes: Keyframes | None = None) -> AnyPlaces:
    """Return places that begin with these keyframes, or the empty version where the config says
    so.
    """
    if not config.enabled:
        return NoPlaces()
    return Places(Keyframes() if keyframes is None else keyframes)
