"""The pose that a twist leads to, an element a thread."""

import numpy as np

from kernels.cuda.launch import device

ZERO = np.float32(0.0)
ONE = np.float32(1.0)


@device
def exponential(twist, i, j):
    """Return element (i, j), i < 3, of the transform of a twist (v, omega) of shared memory.

    The series are exact in float32 up to a radian.
    """
    x, y, z = twist[3], twist[4], twist[5]
    s = x * x + y * y + z * z
    c = ONE - s / np.float32(42.0) * (ONE - s / np.float32(72.0))
    c = (ONE - s / np.float32(20.0) * c) / np.float32(6.0)
    b = ONE - s / np.float32(30.0) * (ONE - s / np.float32(56.0))
    b = np.float32(0.5) * (ONE - s / np.float32(12.0) * b)
    a = ONE - s * c
    result = ZERO
    if j < 3:  # I + a [omega]x + b [omega]x^2
        result = b * twist[3 + i] * twist[3 + j]
        if i == j:
            result += ONE - b * s
        else:
            k = 3 - i - j
            is_next = (i + 1) % 3 == j
            result += -a * twist[3 + k] if is_next else a * twist[3 + k]
    else:  # (I + b [omega]x + c [omega]x^2) v
        n, l = (i + 1) % 3, (i + 2) % 3
        dot = x * twist[0] + y * twist[1] + z * twist[2]
        cross = twist[3 + n] * twist[l] - twist[3 + l] * twist[n]
        result = twist[i] + b * cross + c * (twist[3 + i] * dot - s * twist[i])
    return result
