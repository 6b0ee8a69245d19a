"""The keyframes in the file of a map; see `slam.maps.map_file` for what all map files share.

header                     "keyframes": frame index, camera, colour flag and pose of each
ray_counts        int64    (k,): rays of each keyframe
ray_pixel, ray_depth_m, ray_slope, ray_rgbw: all rays, keyframe after keyframe (`kernels.rays`)
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from kernels.rays import Rays
from slam.camera import Camera
from slam.config_file import build
from slam.errors import SlamError
from slam.maps.keyframes import Keyframe, Keyframes


def keyframe_headers(items: Sequence[Keyframe]) -> list[dict[str, Any]]:
    """Return what the header of a map file says of keyframes."""
    return [
        {
            "frame_index": keyframe.frame_index,
            "camera": asdict(keyframe.camera),
            "has_color": keyframe.has_color,
            "T_world_camera": keyframe.T_world_camera.tolist(),
            "T_world_tracked": keyframe.T_world_tracked.tolist(),
        }
        for keyframe in items
    ]


def ray_arrays(items: Sequence[Keyframe]) -> dict[str, np.ndarray]:
    """Return the arrays of a map file that hold the rays of keyframes."""
    arrays = {"ray_counts": np.array([len(keyframe.rays.pixel) for keyframe in items], np.int64)}
    for field, empty in zip(Rays._fields, _no_rays(), strict=True):
        parts = [getattr(keyframe.rays, field) for keyframe in items]
        arrays[f"ray_{field}"] = np.concatenate([empty, *parts])
    return arrays


def read_keyframes(headers: list[dict[str, Any]], arrays: Any) -> Keyframes:
    """Read the keyframes of a map file; whatever is wrong raises within `opened_map_file`."""
    counts = checked(arrays, "ray_counts", np.int64, (len(headers),))
    num_rays = int(counts.sum())
    rays = Rays(
        *(
            checked(arrays, f"ray_{field}", empty.dtype, (num_rays, *empty.shape[1:]))
            for field, empty in zip(Rays._fields, _no_rays(), strict=True)
        )
    )
    keyframes = Keyframes()
    last = np.cumsum(counts)
    for header, first, end in zip(headers, last - counts, last, strict=True):
        keyframes.add(
            Keyframe(
                frame_index=int(header["frame_index"]),
                camera=build(Camera, header["camera"]),
                T_world_camera=_transform(header["T_world_camera"]),
                T_world_tracked=_transform(header["T_world_tracked"]),
                rays=Rays(*(array[first:end] for array in rays)),
                has_color=bool(header["has_color"]),
                is_own=False,
            )
        )
    return keyframes


def _transform(rows: list[list[float]]) -> np.ndarray:
    return np.array(rows, dtype=np.float64).reshape(4, 4)


def _no_rays() -> Rays:
    return Rays(
        np.empty(0, np.uint32), np.empty(0, np.float32), np.empty(0, np.float32),
        np.empty((0, 4), np.uint8),
    )  # fmt: skip


def checked(arrays: Any, name: str, dtype: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of a map file that must be of this type and shape."""
    array = arrays[name]
    check(name, array, dtype, shape)
    return array


def check(name: str, array: np.ndarray, dtype: Any, shape: tuple[int, ...]) -> None:
    """Refuse an array of another type or shape."""
    if array.dtype != dtype or array.shape != shape:
        raise SlamError(f"it is damaged: {name} is {array.dtype} {array.shape}")
