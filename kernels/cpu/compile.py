"""How every CPU kernel is compiled."""

from numba import njit

# nogil: tracker, mapper and reader run side by side. The rest as in `kernels.scalar.compile`.
kernel = njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
parallel_kernel = njit(nogil=True, cache=True, fastmath=True, error_model="numpy", parallel=True)
