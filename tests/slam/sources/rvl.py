"""An encoder of RVL."""

import struct

import numpy as np


def rvl(depth: np.ndarray) -> bytes:
    """Encode number by number, as the paper's C code does, after width and height."""
    digits: list[int] = []

    def put(value: int) -> None:
        while True:
            digits.append(value & 7 | (8 if value >> 3 else 0))
            value >>= 3
            if not value:
                return

    pixels, at, before = depth.ravel().tolist(), 0, 0
    while at < len(pixels):
        begin = at
        while at < len(pixels) and pixels[at] == 0:
            at += 1
        put(at - begin)
        begin = at
        while at < len(pixels) and pixels[at] != 0:
            at += 1
        put(at - begin)
        for value in pixels[begin:at]:
            step = value - before
            put(2 * step if step >= 0 else -2 * step - 1)
            before = value
    digits += [0] * (-len(digits) % 8)
    words = []
    for k in range(0, len(digits), 8):
        word = 0
        for digit in digits[k : k + 8]:
            word = word << 4 | digit
        words.append(word)
    return struct.pack(f"<{len(words) + 2}I", depth.shape[1], depth.shape[0], *words)
