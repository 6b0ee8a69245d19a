"""Numbers of two bytes: the upper half of a float32, as uint16, with 8 significant bits.

Their range is that of float32, so squares of small gradients fit, and no processor needs an
instruction for them.
"""

import numpy as np


def widened(bits: np.ndarray) -> np.ndarray:
    """Return bfloat16 numbers (uint16) as float32, exactly."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)


def narrowed(values: np.ndarray) -> np.ndarray:
    """Round finite numbers to the nearest bfloat16 (uint16), those halfway away from zero."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32)
    return ((bits + np.uint32(0x8000)) >> np.uint32(16)).astype(np.uint16)
