"""All cases, those of what only a GPU does among them."""

from kernel_cases import (
    field_render,
    maps,
    median,
    neural_map,
    raycast,
    registration,
    shared,
    solve,
    tracking,
)
from kernel_cases.check import CHECKS

__all__ = [
    "CHECKS", "field_render", "maps", "median", "neural_map", "raycast", "registration", "shared",
    "solve", "tracking",
]  # fmt: skip
