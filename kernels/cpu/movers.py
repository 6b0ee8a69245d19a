"""Movers on the CPU: the definition, whose work is done by ops that are compiled."""

from kernels.reference.movers import remember, without_movers

__all__ = ["remember", "without_movers"]
