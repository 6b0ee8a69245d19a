"""Which depth readings to believe and by how much they are off, from the readings around them.

What a sensor reports beside its noise are gross errors: single pixels that were matched wrongly,
mixtures of two surfaces beside a silhouette, specks in the air. A plane is linear in inverse depth,
so a reading of a surface lies between two opposite neighbours, or at least near some of them. How
near, in standard deviations, is what a small network judges by. It also says how far the reading
may be drawn to where those neighbours have it. (To learn which readings are fused and how they are
denoised is the lesson of Weder et al. 2020, RoutedFusion, and 2021, NeuralFusion.)
"""

import numpy as np

from kernels.dispatch import check_array, implementation

RINGS_PX = (1, 6)  # how far the eight neighbours are that a reading is compared with
RANKS = (0, 1, 3, 5)  # which of the eight sorted differences count
NUM_FEATURES = 2 * (4 + len(RANKS) + 1) + 1
NUM_HIDDEN = 8
NUM_OUTPUTS = 3  # trust, and how much each ring's pairs weigh
NETWORK_SIZE = NUM_HIDDEN * (NUM_FEATURES + 1) + NUM_OUTPUTS * (NUM_HIDDEN + 1)
NO_NEIGHBOR = np.float32(1e6)  # the difference from a reading that is missing
HALF = np.float32(4.0)  # a difference of so many standard deviations becomes the feature 1 / 2
HALF_RELATIVE = np.float32(0.005)  # and noise that is so large a share of depth
REACH = np.float32(3.0)  # standard deviations: pairs farther off draw no reading
LEAST_SIGMA_M = np.float32(1e-4)


def judged_depth(depth_m: np.ndarray, noise: np.ndarray, network: np.ndarray) -> np.ndarray:
    """Return the depth image with corrected readings, and 0 for those that are not believed.

    Differences are those of inverse depth over the reading's own noise, sigma(z) / z^2; from what
    is missing the difference is NO_NEIGHBOR. Features of a reading: for each ring of eight
    neighbours, RINGS_PX pixels away, the four differences from the mean of two opposite ones,
    sorted by size; the differences from each single one, sorted, of which those with the RANKS; and
    the share of neighbours that are missing. A difference x becomes x / (x + HALF). Last,
    sigma(z) / z, squashed likewise with HALF_RELATIVE.

    The network has one layer of NUM_HIDDEN rectified units. Its outputs are the trust, the logit of
    the probability that a reading is one of the surface: it is believed if that is positive; and,
    rectified, the gain of each ring. A reading's inverse depth becomes the weighted mean of its
    own, of weight 1, and those of all pairs, of weight 2 gain max(0, 1 - (difference / REACH)^2);
    depth at most doubles.

    `network` is float32 (NETWORK_SIZE,): of each hidden unit the weights of the features and an
    offset; then of each output the weights of the units and an offset.
    """
    check_array("depth_m", depth_m, "float32", (None, None))
    check_array("noise", noise, "float32", (3,))
    check_array("network", network, "float32", (NETWORK_SIZE,))
    return implementation("judge", depth_m).judged_depth(depth_m, noise, network)
