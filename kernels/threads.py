"""How many threads kernels may use."""

import numba

NUM_THREADS = numba.get_num_threads()  # of the process, read before anything lowers it


def share_threads(in_turns: bool) -> tuple[int, int]:
    """Return the threads of two loops of kernels: all for each if they take turns, else half."""
    if in_turns:
        return NUM_THREADS, NUM_THREADS
    second = max(1, NUM_THREADS // 2)
    return max(1, NUM_THREADS - second), second
