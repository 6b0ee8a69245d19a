"""What the network is trained on again and again, so that it does not forget: which keyframes, and
which of their rays (iMAP, Sucar et al. 2021, section 3.4).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float32, Int64

from kernels.rays import UNCOLORED, Rays
from slam.maps.keyframes import Keyframe

CELLS = 8  # of an image, in both directions
UNTRIED_LOSS = 1.0  # of a cell that no ray was drawn from, more than others have: it is tried
MEMORY = 0.5  # of a cell's loss, from one step to the next


class Replayed:
    """A keyframe, or the newest frame, and how well the network explains the cells of its image."""

    def __init__(self, keyframe: Keyframe) -> None:
        self.keyframe = keyframe
        cell = cells_of(keyframe.rays, keyframe.camera.width, keyframe.camera.height)
        self._cell_of_ray = cell
        self._order = np.argsort(cell, kind="stable")  # rays by cell
        count = np.bincount(cell, minlength=CELLS * CELLS)
        self._first = np.cumsum(count) - count
        self._count = count
        self.losses = np.where(count > 0, UNTRIED_LOSS, 0.0)

    @property
    def loss(self) -> float:
        """Mean loss of the cells that have rays."""
        return float(self.losses.sum() / max(np.count_nonzero(self._count), 1))

    def draw(
        self, num: int, active_share: float, rng: np.random.Generator
    ) -> Int64[np.ndarray, "n"]:
        """Draw rays: some evenly, the others in proportion to the loss of their cells."""
        num_rays = self.keyframe.num_rays
        total = self.losses.sum()
        num_active = round(active_share * num) if total > 0.0 else 0
        evenly = rng.integers(0, num_rays, num - num_active)
        if not num_active:
            return evenly
        cells = rng.choice(CELLS * CELLS, num_active, p=self.losses / total)
        inside = (rng.random(num_active) * self._count[cells]).astype(np.int64)
        return np.concatenate([evenly, self._order[self._first[cells] + inside]])

    def learn(self, rays: Int64[np.ndarray, "n"], losses: Float32[np.ndarray, "n"]) -> None:
        """Take note of the losses of drawn rays."""
        cells = self._cell_of_ray[rays]
        count = np.bincount(cells, minlength=CELLS * CELLS)
        mean = np.bincount(cells, weights=losses, minlength=CELLS * CELLS) / np.maximum(count, 1)
        self.losses = np.where(count > 0, MEMORY * self.losses + (1.0 - MEMORY) * mean, self.losses)


def cells_of(rays: Rays, width: int, height: int) -> Int64[np.ndarray, "n"]:
    """Return the cell of an image that each ray is in, row by row."""
    v, u = np.divmod((rays.pixel % np.uint32(UNCOLORED)).astype(np.int64), width)
    return (v * CELLS // height) * CELLS + u * CELLS // width


def window_of(
    newest: Replayed, keyframes: Sequence[Replayed], size: int, rng: np.random.Generator
) -> list[Replayed]:
    """Return the newest frame, the last keyframe and others, drawn in proportion to their loss."""
    older = [each for each in keyframes if each is not newest]
    window = [newest, *older[-1:]][:size]
    rest = older[:-1]
    num = min(size - len(window), len(rest))
    if num > 0:
        loss = np.array([max(each.loss, 1e-9) for each in rest])
        chosen = rng.choice(len(rest), num, replace=False, p=loss / loss.sum())
        window += [rest[i] for i in chosen]
    return window
