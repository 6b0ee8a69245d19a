"""How every CPU kernel is compiled."""

from numba import njit

# nogil: tracker, mapper and reader run side by side. error_model: no branch for a division by zero.
# fastmath assumes that there is no NaN and no infinity: missing values are marked by ordinary
# numbers.
kernel = njit(nogil=True, cache=True, fastmath=True, error_model="numpy")
parallel_kernel = njit(nogil=True, cache=True, fastmath=True, error_model="numpy", parallel=True)
inline = njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
