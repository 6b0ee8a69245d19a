"""All checks of kernels."""

from gpu_checks import (
    align,
    blocks,
    depth,
    field,
    field_render,
    field_step,
    image,
    maps,
    mesh,
    neural_map,
    query,
    raycast,
    rays,
    registration,
    solve,
    tracking,
    tsdf,
)
from gpu_checks.check import CHECKS

__all__ = [
    "CHECKS",
    "align",
    "blocks",
    "depth",
    "field",
    "field_render",
    "field_step",
    "image",
    "maps",
    "mesh",
    "neural_map",
    "query",
    "raycast",
    "rays",
    "registration",
    "solve",
    "tracking",
    "tsdf",
]
