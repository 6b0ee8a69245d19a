"""Random numbers from a counter (splitmix64, Steele et al. 2014)."""

import numpy as np

from kernels.scalar.compile import inline

GAMMA = 0x9E3779B97F4A7C15  # what the state grows by


@inline
def mixed(state):
    """Return the 64 random bits of a splitmix64 state."""
    z = np.uint64(state)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@inline
def random_of(state):
    """Return 24 random bits of a splitmix64 state as a float in [0, 1)."""
    z = mixed(state)
    return np.float32(np.int64(z >> np.uint64(40))) * np.float32(1.0 / (1 << 24))


@inline
def next_random(state):
    """Advance a state; return it and its random number."""
    state = np.uint64(state + np.uint64(GAMMA))
    return state, random_of(state)
