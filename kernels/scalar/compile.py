"""How a scalar body is compiled."""

from numba import njit

# fastmath assumes that there is no NaN and no infinity: missing values are marked by ordinary
# numbers. error_model: no branch for a division by zero.
inline = njit(nogil=True, fastmath=True, error_model="numpy", inline="always")
