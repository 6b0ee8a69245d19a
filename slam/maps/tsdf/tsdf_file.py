"""The file of a TSDF map; see `slam.maps.map_file` for what all map files have in common.

    header  uint8     JSON text: format "twinmap-tsdf", version, config, noise, frame count
    coords  int32     (n, 3)      block coordinates; block c covers voxels 8 c .. 8 c + 7
    sdf     int16     (n, 512)    distance in units of the widest truncation / 32000, z fastest
    weight  uint16    (n, 512)    in 1/256 of a reading at 1 m; 0 = unknown
    color   uint8     (n, 4, 512) red, green, blue, colour weight
    anchors float32   (n,)        index of the frame that a block moves with; NaN: it stays

A reader refuses other formats and newer versions. Version 1 has no anchors: its blocks stay.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32, Int16, Int32, UInt8, UInt16

from kernels.blocks import MAX_COORD
from slam.camera import DepthNoise
from slam.config import TsdfConfig
from slam.config_file import build
from slam.errors import SlamError
from slam.maps.map_file import check_format, opened_map_file
from slam.maps.sizes import check_tsdf
from slam.meshio import replaced_file

FORMAT = "twinmap-tsdf"
VERSION = 2


@dataclass(frozen=True)
class TsdfContent:
    """What a map file holds."""

    config: TsdfConfig
    depth_noise: DepthNoise
    num_integrated: int
    coords: Int32[np.ndarray, "n 3"]
    sdf: Int16[np.ndarray, "n 512"]
    weight: UInt16[np.ndarray, "n 512"]
    color: UInt8[np.ndarray, "n 4 512"]
    anchors: Float32[np.ndarray, "n"]


def write_tsdf(path: Path, content: TsdfContent, beside: Mapping[str, Any]) -> None:
    """Write a map file, whole or not at all, with the arrays of others beside the map's."""
    header = {
        "format": FORMAT,
        "version": VERSION,
        "config": asdict(content.config),
        "depth_noise": asdict(content.depth_noise),
        "num_integrated": content.num_integrated,
    }
    arrays: dict[str, Any] = {
        "header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
        "coords": content.coords,
        "sdf": content.sdf,
        "weight": content.weight,
        "color": content.color,
        "anchors": content.anchors,
    }
    with replaced_file(path) as file:
        np.savez(file, **arrays, **beside)


def read_tsdf(path: Path) -> TsdfContent:
    """Read a map file; whatever is wrong with it is one line."""
    with opened_map_file(path) as (header, arrays):
        check_format(header, FORMAT, VERSION)
        config = build(TsdfConfig, header["config"])
        check_tsdf(config)
        content = TsdfContent(
            config=config,
            depth_noise=build(DepthNoise, header["depth_noise"]),
            num_integrated=int(header["num_integrated"]),
            coords=arrays["coords"],
            sdf=arrays["sdf"],
            weight=arrays["weight"],
            color=arrays["color"],
            anchors=_anchors(header["version"], arrays),
        )
    check_blocks(str(path), content)
    if not content.color.any():  # of before there were marks: then nothing tells what was read
        content.color[:, 0] = content.weight > 0
    return content


def _anchors(version: int, arrays: Mapping[str, Any]) -> Float32[np.ndarray, "n"]:
    return arrays["anchors"] if version > 1 else np.full(len(arrays["coords"]), np.nan, np.float32)


def check_blocks(where: str, content: TsdfContent) -> None:
    """Refuse arrays that are no blocks; `where` is what the error says to be damaged."""
    n = len(content.coords)
    shapes = {
        "coords": (content.coords, np.int32, (n, 3)),
        "sdf": (content.sdf, np.int16, (n, 512)),
        "weight": (content.weight, np.uint16, (n, 512)),
        "color": (content.color, np.uint8, (n, 4, 512)),
        "anchors": (content.anchors, np.float32, (n,)),
    }
    for name, (array, dtype, shape) in shapes.items():
        if array.dtype != dtype or array.shape != shape:
            raise SlamError(f"{where} is damaged: {name} is {array.dtype} {array.shape}")
    if n and int(np.abs(content.coords.astype(np.int64)).max()) >= MAX_COORD - 1:
        raise SlamError(f"{where} is damaged: a block lies out of range")
    if len(np.unique(content.coords, axis=0)) != n:
        raise SlamError(f"{where} is damaged: a block occurs twice")
