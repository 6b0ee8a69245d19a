"""Whether a map shows a place as a track left it that has drifted since.

The camera comes back, what was mapped then comes into view, and it is not where the camera sees it
now. Such a map draws the pose to it, while the last keyframe, of a moment ago, bears out another
one. What has moved in the scene is not taken for it: that the keyframe contradicts, too.
"""

from collections.abc import Callable

import numpy as np

from slam.frame import Frame
from slam.geometry import Transform, inverse
from slam.maps.base import Map
from slam.tracking.agreement import MAX_CONTRADICTED
from slam.tracking.aligner import Aligner
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.map_support import support

MIN_SEEN = 0.8  # share of the view that map and keyframe have to tell of
MAX_AGREEING = 0.8  # share of it on the map's surface: 0.65 where that is 15 cm off
DRAWN_M, DRAWN_SIGMAS = 0.01, 3.0  # from the keyframe's pose, by a map that is off by less


def pose_beside(
    map_: Map,
    frame: Frame,
    aligner: Aligner,
    result: TrackResult,
    T_start: Transform,
    is_usual: Callable[[float | None], bool],
) -> TrackResult | None:
    """Return where the keyframe alone has a frame, if it bears that out to the last percent and the
    map, all of whose view it knows, shows it otherwise or has drawn `result` off; None where it
    does not. `is_usual` tells whether as much looks the same as in the frames before.
    """
    if frame.color is None:
        return None
    alone = aligner.align_beside(T_start)
    if alone.state is not TrackState.OK:
        return None
    agreed = aligner.agreement(alone.T_world_camera)
    is_sure = agreed.overlap > MIN_SEEN and agreed.contradicted < MAX_CONTRADICTED
    if agreed.same is None or not is_sure or not is_usual(agreed.same):
        return None
    found = support(map_, frame, alone.T_world_camera)
    is_off = found.agreeing < MAX_AGREEING or _is_drawn(result, alone)
    return alone if found.known > MIN_SEEN and is_off else None


def _is_drawn(result: TrackResult, alone: TrackResult) -> bool:
    """Whether a pose is off one that explains depth and colour better; a thing that begins to move
    draws the keyframe's pose more than the map's.
    """
    if result.likeness is None or alone.likeness is None:
        return False
    if alone.residual_sigmas > result.residual_sigmas or alone.likeness < result.likeness:
        return False
    off_m = np.linalg.norm((inverse(alone.T_world_camera) @ result.T_world_camera)[:3, 3])
    sigma_m = np.hypot(alone.uncertainty_m, result.uncertainty_m)
    return bool(off_m > max(DRAWN_M, DRAWN_SIGMAS * sigma_m))
