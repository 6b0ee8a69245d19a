"""The cases that the CPU's ops run, too; needs no CUDA."""

from kernel_cases import (
    align,
    blocks,
    depth,
    field,
    field_step,
    image,
    mesh,
    movers,
    query,
    rays,
    tsdf,
    undistort,
)
from kernel_cases.check import CPU_CHECKS

__all__ = [
    "CPU_CHECKS", "align", "blocks", "depth", "field", "field_step", "image", "mesh", "movers",
    "query", "rays", "tsdf", "undistort",
]  # fmt: skip
