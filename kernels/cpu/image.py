"""Textured pixels on the CPU, once a keyframe: NumPy is fast enough, so the definition runs."""

from kernels.reference.image import pick_textured

__all__ = ["pick_textured"]
