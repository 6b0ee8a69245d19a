"""The neural field: features on a hierarchy of sparse grids, tiny decoders, and the gradients
that it learns by (`kernels.field_update`).

Three levels of vertices, each on its own block index (`kernels.blocks`, vertices in place of
voxels), hold NUM_FEATURES features a vertex, interpolated trilinearly. Decoders have one hidden
layer of ReLUs and no biases, so zero features decode to zero:

    middle(phi_m) = phi_m[0] + w2 . relu(W1^T phi_m)                 in units of truncation_m
    fine(phi_f, phi_m) = phi_f[0] + w2 . (relu(W1^T [phi_f, phi_m]) - relu(W1^T [0, phi_m]))
    color(phi_k) = phi_k[:3] + W2^T relu(W1^T phi_k)                 of RGB in 0..1

The signed distance is base + fine (NICE-SLAM has middle + fine, Zhu et al. 2022) and the colour is
base + color. The base is fused distance and colour on a TSDF grid of its own, finer than all
levels; fine and color are residuals, 0 where their level does not exist. A point is observed where
the base is known at all eight voxels round it. The base's colour is interpolated between those of
them that have one.

A vertex takes ten bytes: its features and the sum that its optimiser keeps, as bfloat16
(`kernels.bfloat16`). Updates round them at random, so that small steps count.
"""

from typing import NamedTuple

import numpy as np

from kernels.blocks import BlockIndex
from kernels.dispatch import check_array, implementation
from kernels.tsdf import TsdfGrid

NUM_FEATURES = 4
HIDDEN_COLOR = 16
NUM_LEVELS = 3
MIDDLE, FINE, COLOR = range(NUM_LEVELS)
CURVATURE = NUM_FEATURES  # its place behind the gradient in `Touched`
NUM_BAND = 3  # samples of a ray about its reading: on it, and a pair before and behind it
NUM_SAMPLES = NUM_BAND + 1  # and one in free space
BELL_WIDTH = 0.15  # of the rendering weight 1 / (1 + (s / width)^2)^2, in truncations


class Level(NamedTuple):
    """One level of the grid."""

    blocks: BlockIndex
    features: np.ndarray  # uint16 (capacity, 512, NUM_FEATURES): bfloat16
    sums: np.ndarray  # uint16 (capacity, 512): bfloat16 of squared gradients, or curvatures
    spacing_m: np.float32


class Decoders(NamedTuple):
    """The weights of all decoders, float32."""

    middle_w1: np.ndarray  # (4, 32)
    middle_w2: np.ndarray  # (32,)
    fine_w1: np.ndarray  # (8, 32): fine features first
    fine_w2: np.ndarray  # (32,)
    color_w1: np.ndarray  # (4, 16)
    color_w2: np.ndarray  # (16, 3)


class Field(NamedTuple):
    """All that evaluating the field takes."""

    middle: Level
    fine: Level
    color: Level
    base: TsdfGrid  # fused distance and colour
    decoders: Decoders
    truncation_m: np.float32


class RayBatch(NamedTuple):
    """Samples along rays: the first NUM_BAND are symmetric about the reading, the last is free
    space.
    """

    points: np.ndarray  # float32 (n, NUM_SAMPLES, 3), world
    distance_m: np.ndarray  # float32 (n, NUM_SAMPLES): to the reading's tangent plane, + in front
    rgb: np.ndarray  # float32 (n, 3), 0..1; negative where the frame has no colour
    weight: np.ndarray  # float32 (n,): of the ray, 0 leaves it out


class StepWeights(NamedTuple):
    """Factors of the losses; see `gradients`."""

    near: float = 1.0
    free: float = 0.3
    depth: float = 0.1
    color: float = 0.02  # on the geometry: the colours themselves are scale-free


class Losses(NamedTuple):
    """Weighted means over the rays of a batch, each before its factor."""

    middle: float
    near: float
    free: float
    depth: float
    color: float


class DecoderGradient(NamedTuple):
    """Gradient of the colour decoder, the only one that learns on line."""

    color_w1: np.ndarray
    color_w2: np.ndarray


class Touched(NamedTuple):
    """The vertices of a level that a batch has a gradient for, and that."""

    rows: np.ndarray  # int32 (n,): slot * 512 + vertex, each once; on a GPU some are -1
    gradient: np.ndarray  # float32 (n, NUM_FEATURES + 1): by feature; then the curvature, of COLOR


def new_vertices(capacity: int) -> tuple[np.ndarray, np.ndarray]:
    """Return zero features and sums for `capacity` blocks (pages are taken when written)."""
    return (
        np.zeros((capacity, 512, NUM_FEATURES), np.uint16),
        np.zeros((capacity, 512), np.uint16),
    )


def query(field: Field, points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Evaluate the signed distance at world points (n, 3).

    Returns sdf_m float32 (n,), its gradient float32 (n, 3) by the chain rule, and is_valid bool
    (n,): observed. Where invalid, distance and gradient are 0.
    """
    check_array("points", points, "float32", (None, 3))
    return implementation("field_query", points).query(field, points)


def color(field: Field, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Decode RGB at world points (n, 3): uint8 (n, 3), and is_known bool (n,).

    It is known where the base has a colour, and else 0.
    """
    check_array("points", points, "float32", (None, 3))
    return implementation("field_query", points).color(field, points)


def gradients(
    field: Field, batch: RayBatch, weights: StepWeights
) -> tuple[Losses, DecoderGradient, list[Touched]]:
    """Compute the losses of a batch and their gradients; the field stays as it is.

    With s = prediction, t = clip(distance / truncation, -1, 1), r the ray's weight, all sums
    divided by the number of rays, and every loss times r:

        middle: (middle - t)^2 at band samples, min(middle - 1, 0)^2 at the free one
        near:   (s - t)^2 at band samples
        free:   min(s - 1, 0)^2 at the free one
        depth:  (sum w_i z_i / sum w_i)^2, z_i = t_i without clipping, over band samples:
                rendered minus measured depth along the normal; zero for the true field, since the
                samples are symmetric
        color:  |sum w_i color_i / sum w_i - rgb|^2 over the band samples where the base has a
                colour and the colour level exists

    with w = 1 / (1 + (s / BELL_WIDTH)^2)^2. A sample takes no part on a level that does not exist
    there; depth and colour need at least one. Middle features learn from their own loss only, fine
    ones from near, free, depth and colour, as in NICE-SLAM; the base is constant.

    A sample adds to the curvature of a colour vertex that one's share of what moving the whole cell
    would add to that of the loss: 2 color r w_i / sum w_i / num_rays times the trilinear weight.

    Returns losses, the colour decoder's gradient, and per level the vertices touched: all corners
    of the cells of samples that have a gradient, or on the colour level a curvature. On a GPU
    nothing is read back: losses are tensors, and the lists have gaps, which the updates leave out.
    """
    _check_batch(batch)
    return implementation("field_step", batch.points).gradients(field, batch, weights)


def _check_batch(batch: RayBatch) -> None:
    n = batch.points.shape[0]
    check_array("points", batch.points, "float32", (None, NUM_SAMPLES, 3))
    check_array("distance_m", batch.distance_m, "float32", (n, NUM_SAMPLES))
    check_array("rgb", batch.rgb, "float32", (n, 3))
    check_array("weight", batch.weight, "float32", (n,))
