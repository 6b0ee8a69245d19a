"""All checks of kernels."""

from gpu_checks import depth, field, image, mesh
from gpu_checks.check import CHECKS

__all__ = ["CHECKS", "depth", "field", "image", "mesh"]
