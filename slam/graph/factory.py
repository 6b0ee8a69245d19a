"""Whether a run closes loops, and what does."""

from slam.config import Config
from slam.graph.detector import Detector
from slam.graph.loops import AnyLoops, Loops
from slam.graph.no_loops import NoLoops
from slam.places.memory import AnyPlaces, Places
from slam.tracking.pieces import OnePiece, Pieces


def new_loops(config: Config, places: AnyPlaces, can_move: bool = True) -> AnyLoops:
    """Return what closes loops at these places, or the empty version where the config says so, or
    says nothing and the map cannot be moved.
    """
    if not _are_wanted(config, can_move) or not isinstance(places, Places):
        return NoLoops()
    detector = Detector(places.keyframes, config.tracking)
    return Loops(places, detector, config.deterministic)


def new_pieces(config: Config, places: AnyPlaces, can_move: bool = True) -> Pieces | OnePiece:
    """Return what begins pieces beside a new map, or the empty version where nothing could join
    them.
    """
    are_joined = can_move and _are_wanted(config, can_move) and isinstance(places, Places)
    return Pieces() if are_joined else OnePiece()


def _are_wanted(config: Config, can_move: bool) -> bool:
    is_asked = config.loops.enabled
    return can_move if is_asked is None else is_asked
