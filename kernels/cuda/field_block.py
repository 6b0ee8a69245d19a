"""What the threads of a block of the neural field's training step do together on CUDA.

Nothing here waits: the barriers between these parts stand in the kernel
(`kernels.cuda.field_step`). A thread is number t of its block.
"""

import numpy as np
from numba import cuda

from kernels.cuda.launch import device
from kernels.field import NUM_BAND, NUM_FEATURES, NUM_SAMPLES
from kernels.scalar.field_decode import HIDDEN, HIDDEN_COLOR

ZERO = np.float32(0.0)
RAYS = 32
THREADS = RAYS * NUM_SAMPLES
NUM_LOSSES = 5
PARTS = THREADS // HIDDEN_COLOR  # of the samples of a block, to sum over by parts
PART = THREADS // PARTS
NUM_COLOR = 7  # of a sample: four features, and the gradient by three colours
NUM_SEEN = 6  # of a sample: its weight and the distance by it, its colour's and the colour by it
FIRST_W1 = NUM_LOSSES  # of the sums over all samples
FIRST_W2 = FIRST_W1 + NUM_FEATURES * HIDDEN_COLOR
NUM_SUMS = FIRST_W2 + 3 * HIDDEN_COLOR

# of what is in shared memory
MIDDLE_SHAPE, FINE_SHAPE = (NUM_FEATURES, HIDDEN), (2 * NUM_FEATURES, HIDDEN)
COLOR_SHAPE, RGB_SHAPE = (NUM_FEATURES, HIDDEN_COLOR), (HIDDEN_COLOR, 3)
LOSSES_SHAPE, COLORS_SHAPE = (NUM_LOSSES, THREADS), (NUM_COLOR, THREADS)
SEEN_SHAPE = NUM_SEEN, THREADS


@device
def load_distance_decoders(decoders, t, middle_w1, middle_w2, fine_w1, fine_w2):
    """Copy the decoders of distances into shared memory."""
    for i in range(t, NUM_FEATURES * HIDDEN, THREADS):
        q, k = i // HIDDEN, i % HIDDEN
        middle_w1[q, k] = decoders.middle_w1[q, k]
        fine_w1[q, k] = decoders.fine_w1[q, k]
        fine_w1[q + NUM_FEATURES, k] = decoders.fine_w1[q + NUM_FEATURES, k]
    if t < HIDDEN:
        middle_w2[t] = decoders.middle_w2[t]
        fine_w2[t] = decoders.fine_w2[t]


@device
def load_color_decoder(decoders, t, color_w1, color_w2):
    """Copy the decoder of colours into shared memory."""
    if t < HIDDEN_COLOR:
        for q in range(NUM_FEATURES):
            color_w1[q, t] = decoders.color_w1[q, t]
        for q in range(3):
            color_w2[t, q] = decoders.color_w2[t, q]


@device
def sum_of_band(values, k, first):
    """Add up what the band samples of a ray have; `first` is the thread of the first."""
    total = ZERO
    for j in range(NUM_BAND):
        total += values[k, first + j]
    return total


@device
def mean_color_of_band(by_sample, first):
    """Return the sum of the weights of a ray's colours and, where it is not 0, their mean."""
    total = sum_of_band(by_sample, 2, first)
    red, green, blue = ZERO, ZERO, ZERO
    if total > ZERO:
        red = sum_of_band(by_sample, 3, first) / total
        green = sum_of_band(by_sample, 4, first) / total
        blue = sum_of_band(by_sample, 5, first) / total
    return total, red, green, blue


@device
def sum_color_gradient(color_w1, color_w2, colors, parts, t):
    """Sum the colour decoder's gradient by one hidden unit over a part of the samples."""
    k = t % HIDDEN_COLOR
    first = t // HIDDEN_COLOR * PART
    a0, a1, a2, a3 = color_w1[0, k], color_w1[1, k], color_w1[2, k], color_w1[3, k]
    v0, v1, v2 = color_w2[k, 0], color_w2[k, 1], color_w2[k, 2]
    s0, s1, s2, s3, s4, s5, s6 = ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
    for i in range(first, first + PART):
        x0, x1, x2, x3 = colors[0, i], colors[1, i], colors[2, i], colors[3, i]
        pre = a0 * x0 + a1 * x1 + a2 * x2 + a3 * x3
        if pre > ZERO:
            d = v0 * colors[4, i] + v1 * colors[5, i] + v2 * colors[6, i]
            s0 += d * x0
            s1 += d * x1
            s2 += d * x2
            s3 += d * x3
            s4 += pre * colors[4, i]
            s5 += pre * colors[5, i]
            s6 += pre * colors[6, i]
    parts[0, t], parts[1, t], parts[2, t], parts[3, t] = s0, s1, s2, s3
    parts[4, t], parts[5, t], parts[6, t] = s4, s5, s6


@device
def fold_losses(losses, t):
    """Add up a column of a loss; nobody else reads it before the next barrier."""
    if t < NUM_LOSSES * PART:
        l, i = t // PART, t % PART
        value = ZERO
        for part in range(PARTS):
            value += losses[l, i + part * PART]
        losses[l, i] = value


@device
def add_color_gradient(sums, parts, t):
    """Add one weight's gradient, of all parts, to what other blocks have."""
    if t < NUM_COLOR * HIDDEN_COLOR:
        q, k = t // HIDDEN_COLOR, t % HIDDEN_COLOR
        value = ZERO
        for part in range(PARTS):
            value += parts[q, k + part * HIDDEN_COLOR]
        if value != ZERO:
            at = FIRST_W1 + q * HIDDEN_COLOR + k
            if q >= NUM_FEATURES:
                at = FIRST_W2 + k * 3 + q - NUM_FEATURES
            cuda.atomic.add(sums, at, value)


@device
def add_losses(sums, losses, t):
    """Add one loss, of all folded columns, to what other blocks have."""
    if t < NUM_LOSSES:
        value = ZERO
        for i in range(PART):
            value += losses[t, i]
        if value != ZERO:
            cuda.atomic.add(sums, t, value)
