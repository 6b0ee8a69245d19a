"""The cases that the CPU's ops run, too; needs no CUDA."""

from kernel_cases import (
    align,
    anchors,
    blocks,
    depth,
    field,
    field_step,
    image,
    judge,
    mesh,
    movers,
    query,
    rays,
    resample,
    tsdf,
    undistort,
)
from kernel_cases.check import CPU_CHECKS

__all__ = [
    "CPU_CHECKS", "align", "anchors", "blocks", "depth", "field", "field_step", "image", "judge",
    "mesh", "movers", "query", "rays", "resample", "tsdf", "undistort",
]  # fmt: skip
