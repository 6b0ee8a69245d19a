"""The keyframes in a map file, beside the map's arrays (`slam.maps.map_file`).

    places_poses        float64  (k, 4, 4): T_world_camera of each keyframe
    places_counts       int64    (k,): corners of each keyframe
    places_points       float32  (n, 3): all corners in their camera's frame
    places_descriptors  uint64   (n, 4)

Words are not kept: they follow from the descriptors, whatever the vocabulary that is in use.
"""

from collections.abc import Mapping

import numpy as np

from slam.errors import SlamError
from slam.places.features import Features
from slam.places.keyframes import Keyframe, Keyframes
from slam.places.vocabulary import load_vocabulary

PREFIX = "places_"
NAMES = ("places_poses", "places_counts", "places_points", "places_descriptors")


def arrays_of(keyframes: Keyframes) -> dict[str, np.ndarray]:
    """Return what a map file holds of keyframes."""
    items = list(keyframes.items)  # others may be added meanwhile
    features = [keyframe.features for keyframe in items]
    poses = [keyframe.T_world_camera for keyframe in items]
    return {
        "places_poses": np.array(poses, np.float64).reshape(-1, 4, 4),
        "places_counts": np.array([len(f) for f in features], np.int64),
        "places_points": np.concatenate(
            [np.empty((0, 3), np.float32), *(f.points for f in features)]
        ),
        "places_descriptors": np.concatenate(
            [np.empty((0, 4), np.uint64), *(f.descriptors for f in features)]
        ),
    }


def keyframes_in(arrays: Mapping[str, np.ndarray]) -> Keyframes:
    """Return the keyframes that a map file holds, none where it holds none; SlamError where they
    are damaged.
    """
    keyframes = Keyframes()
    for keyframe in _listed(arrays) if arrays else ():
        keyframes.add(keyframe)
    return keyframes


def _listed(arrays: Mapping[str, np.ndarray]) -> list[Keyframe]:
    missing = [name for name in NAMES if name not in arrays]
    if missing:
        raise SlamError(f"it is damaged: {missing[0]} is missing")
    counts, poses = arrays["places_counts"], arrays["places_poses"]
    points, descriptors = arrays["places_points"], arrays["places_descriptors"]
    num = int(counts.sum())
    _check("counts", counts, np.int64, (len(counts),))
    _check("poses", poses, np.float64, (len(counts), 4, 4))
    _check("points", points, np.float32, (num, 3))
    _check("descriptors", descriptors, np.uint64, (num, 4))
    if not (np.isfinite(poses).all() and np.isfinite(points).all() and (counts >= 0).all()):
        raise SlamError("it is damaged: a keyframe is not finite")
    words = load_vocabulary().words_of(np.ascontiguousarray(descriptors))
    ends = np.cumsum(counts)
    return [
        Keyframe(pose, Features(points[first:end], descriptors[first:end], words[first:end]))
        for pose, first, end in zip(poses, ends - counts, ends, strict=True)
    ]


def _check(name: str, array: np.ndarray, dtype: type, shape: tuple[int, ...]) -> None:
    if array.dtype != dtype or array.shape != shape:
        raise SlamError(f"it is damaged: places_{name} is {array.dtype} {array.shape}")
