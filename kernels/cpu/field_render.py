"""Rendering the field on the CPU: the definition, whose work is done by ops that are compiled."""

from kernels.reference.field_render import render

__all__ = ["render"]
