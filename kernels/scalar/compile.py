"""How a function that kernels call is compiled."""

from functools import partial
from typing import Any

from numba import njit

# fastmath assumes that there is no NaN and no infinity: missing values are marked by ordinary
# numbers. error_model: no branch for a division by zero. A function is typed once and put into its
# callers by LLVM, which compiles in half the time that numba's own inlining takes.
_njit: Any = njit  # its types know fewer options than it has
_compile = partial(_njit, nogil=True, fastmath=True, error_model="numpy", no_cfunc_wrapper=True)
# without reference counts, atomic and several a call where a tuple of arrays is passed; so an
# inlined function makes no array and returns none
inline = _compile(forceinline=True, _nrt=False)
subroutine = _compile()  # of what makes arrays of its own
