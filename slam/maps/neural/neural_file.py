"""The file of a neural map; see `slam.maps.map_file` for what all map files have in common.

    header            uint8    JSON text: format "twinmap-neural", version, config, noise, frame
                               count, and frame index, camera, colour flag and pose of each keyframe
    LEVEL_coords      int32    (n, 3), LEVEL one of middle, fine, color: block coordinates
    LEVEL_features    uint16   (n, 512, 4), z fastest: bfloat16 (`kernels.bfloat16`)
    LEVEL_sums        uint16   (n, 512): what the optimiser has summed up, as bfloat16
    base_coords, _sdf, _weight, _color, _anchors: the base, as in `slam.maps.tsdf.tsdf_file`
    color_w1, _w2     float32  (4, 16), (16, 3): the colour decoder
    ray_counts        int64    (k,): rays of each keyframe
    ray_pixel, ray_depth_m, ray_slope, ray_rgbw: all rays, keyframe after keyframe (`kernels.rays`)

The geometry decoders belong to the program: a file names theirs, and others are refused.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from kernels.blocks import MAX_COORD
from kernels.field import NUM_FEATURES, Decoders
from slam.camera import DepthNoise
from slam.config import NeuralConfig
from slam.config_file import build
from slam.errors import SlamError
from slam.maps.keyframe_file import check, checked, keyframe_headers, ray_arrays, read_keyframes
from slam.maps.keyframes import Keyframes
from slam.maps.map_file import check_format, opened_map_file
from slam.maps.neural.grid import Grid, new_decoders
from slam.maps.sizes import check_neural
from slam.meshio import replaced_file

FORMAT = "twinmap-neural"
VERSION = 4
LEVELS = ("middle", "fine", "color")
BASE = ("coords", "sdf", "weight", "color", "anchors")


@dataclass(frozen=True)
class NeuralContent:
    """What a map file holds."""

    config: NeuralConfig
    depth_noise: DepthNoise
    num_integrated: int
    grid: Grid
    keyframes: Keyframes


def write_neural(path: Path, content: NeuralContent, beside: Mapping[str, Any]) -> None:
    """Write a map file, whole or not at all, with the arrays of others beside the map's."""
    grid, items = content.grid, content.keyframes.items
    header = {
        "format": FORMAT,
        "version": VERSION,
        "config": asdict(content.config),
        "depth_noise": asdict(content.depth_noise),
        "num_integrated": content.num_integrated,
        "decoders": _fingerprint(grid.decoders),
        "keyframes": keyframe_headers(items),
    }
    arrays: dict[str, Any] = {
        "header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
        **{f"base_{name}": a for name, a in zip(BASE, grid.base.arrays(), strict=True)},
        "color_w1": grid.decoders.color_w1,
        "color_w2": grid.decoders.color_w2,
        **ray_arrays(items),
    }
    for name in LEVELS:
        level, n = getattr(grid, name).level, getattr(grid, name).count
        arrays[f"{name}_coords"] = level.blocks.coords[:n]
        arrays[f"{name}_features"] = level.features[:n]
        arrays[f"{name}_sums"] = level.sums[:n]
    with replaced_file(path) as file:
        np.savez(file, **arrays, **beside)


def read_neural(path: Path) -> NeuralContent:
    """Read a map file; whatever is wrong with it is one line."""
    with opened_map_file(path) as (header, arrays):
        check_format(header, FORMAT, VERSION, VERSION)
        config = build(NeuralConfig, header["config"])
        check_neural(config)
        depth_noise = build(DepthNoise, header["depth_noise"])
        num_integrated = int(header["num_integrated"])
        decoders = new_decoders()
        if header["decoders"] != _fingerprint(decoders):
            raise SlamError("it was trained with other geometry decoders than this program has")
        decoders = decoders._replace(
            color_w1=checked(arrays, "color_w1", np.float32, (4, 16)),
            color_w2=checked(arrays, "color_w2", np.float32, (16, 3)),
        )
        return NeuralContent(
            config=config,
            depth_noise=depth_noise,
            num_integrated=num_integrated,
            grid=_read_grid(config, depth_noise, decoders, num_integrated, arrays),
            keyframes=read_keyframes(header["keyframes"], arrays),
        )


def _read_grid(
    config: NeuralConfig, depth_noise: DepthNoise, decoders: Decoders, num: int, arrays: Any
) -> Grid:
    grid = Grid(config, depth_noise, decoders)
    grid.take_base(num, [arrays[f"base_{name}"] for name in BASE])
    for name in LEVELS:
        growing = getattr(grid, name)
        coords = arrays[f"{name}_coords"]
        n = len(coords)
        check(f"{name}_coords", coords, np.int32, (n, 3))
        if n and int(np.abs(coords.astype(np.int64)).max()) >= MAX_COORD - 1:
            raise SlamError(f"it is damaged: a block of {name} lies out of range")
        if len(np.unique(coords, axis=0)) != n:
            raise SlamError(f"it is damaged: a block of {name} occurs twice")
        if not growing.insert(coords):
            raise SlamError(f"its {n} blocks of {name} exceed {config.budget_mb} MB")
        features = checked(arrays, f"{name}_features", np.uint16, (n, 512, NUM_FEATURES))
        growing.level.features[:n] = features
        growing.level.sums[:n] = checked(arrays, f"{name}_sums", np.uint16, (n, 512))
    grid.publish()
    return grid


def _fingerprint(decoders: Decoders) -> int:
    """Return a checksum of the geometry decoders."""
    checksum = 0
    for weights in decoders[:4]:
        checksum = zlib.crc32(np.ascontiguousarray(weights).tobytes(), checksum)
    return checksum
