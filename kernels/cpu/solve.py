"""The Gauss-Newton step on the CPU: six unknowns are for LAPACK, so the definition runs."""

from kernels.reference.solve import solve

__all__ = ["solve"]
