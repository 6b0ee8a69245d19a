"""Whether a map shows a place as a track left it that has drifted since.

The camera comes back, what was mapped then comes into view, and it is not where the camera sees it
now. Such a map draws the pose to it, while the last keyframe, of a moment ago, bears out another
one. What has moved in the scene is not taken for it: that the keyframe contradicts, too.
"""

from collections.abc import Callable, Iterable

from slam.frame import Frame
from slam.geometry import Transform
from slam.maps.base import Map
from slam.tracking.agreement import MAX_CONTRADICTED
from slam.tracking.aligner import Aligner
from slam.tracking.map_support import support

MIN_SEEN = 0.8  # share of the view that map and keyframe have to tell of
MAX_AGREEING = 0.8  # share of it on the map's surface: 0.65 where that is 15 cm off


def pose_beside(
    map_: Map,
    frame: Frame,
    aligner: Aligner,
    Ts_world_camera: Iterable[Transform],
    is_usual: Callable[[float | None], bool],
) -> Transform | None:
    """Return that of several poses which the keyframe bears out to the last percent, of a frame
    all of which the map shows otherwise; None where it does not. `is_usual` tells whether as much
    looks the same as in the frames before.
    """
    compared = [(T, aligner.agreement(T)) for T in Ts_world_camera]
    T, agreed = max(compared, key=lambda one: one[1].score)
    is_sure = agreed.overlap > MIN_SEEN and agreed.contradicted < MAX_CONTRADICTED
    if agreed.same is None or not is_sure or not is_usual(agreed.same):
        return None
    found = support(map_, frame, T)
    return T if found.known > MIN_SEEN and found.agreeing < MAX_AGREEING else None
