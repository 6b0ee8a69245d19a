"""How steadily a camera is carried: tremor, sway, and haste.

Measured on recordings of TUM RGB-D (Sturm et al. 2012): 0.24 m/s and 9 deg/s on average in fr1/xyz,
0.41 m/s and 23 deg/s in fr1/desk, 50 deg/s in fr1/rpy; hand tremor lies at 1 to 6 Hz.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float64

TREMOR_HZ = (1.0, 6.0)
TREMOR_M, TREMOR_DEG = 0.0015, 0.12  # root mean square, each axis
SWAY_HZ = (0.25, 2.5)
HASTE_HZ = (0.08, 0.7)


@dataclass(frozen=True)
class Hands:
    """What is added to a walk."""

    pace: float  # mean speed, as a multiple of the walk's own
    haste: float  # how much the speed varies, as a share: 1 is from standing to twice the pace
    sway_m: float  # root mean square, each axis
    sway_deg: float


HANDS = {
    "smooth": Hands(1.0, 0.0, 0.0, 0.0),
    "handheld": Hands(1.0, 0.7, 0.008, 1.2),
    "fast": Hands(1.5, 0.8, 0.02, 4.0),
}


class Offset(NamedTuple):
    """What hands add to a path."""

    shift_m: Float64[np.ndarray, "n 3"]
    turn_deg: Float64[np.ndarray, "n 3"]  # rotation vectors


class Waves:
    """Band-limited noise of variance 1 that repeats after a period: sines at whole multiples of its
    frequency, whose speed is the same at all frequencies.
    """

    def __init__(
        self, period_s: float, band_hz: tuple[float, float], seed: int | tuple[int, ...]
    ) -> None:
        rng = np.random.default_rng(seed)
        num_waves = 24
        low, high = (max(round(hz * period_s), 1) for hz in band_hz)
        self._cycles = rng.integers(low, high + 1, (6, num_waves)).astype(np.float64)
        self._phase = rng.uniform(0.0, 2 * np.pi, (6, num_waves))
        amplitude = 1.0 / self._cycles
        self._amplitude = amplitude / np.sqrt((amplitude**2).sum(axis=1, keepdims=True) / 2)

    def at(self, periods: Float64[np.ndarray, "n"]) -> Float64[np.ndarray, "n 6"]:
        """Return six independent values at each time, which is counted in periods."""
        angle = 2 * np.pi * periods[:, None, None] * self._cycles + self._phase
        return (self._amplitude * np.sin(angle)).sum(axis=2)


class Carrier:
    """Hands that carry a camera for a period, over and over."""

    def __init__(self, hands: Hands, period_s: float, walk_seed: int, seed: int) -> None:
        self._hands = hands
        self._period_s = period_s
        is_same_always = hands == HANDS["smooth"]
        tremor_seed = walk_seed if is_same_always else (walk_seed, seed, 0)
        self._tremor = Waves(period_s, TREMOR_HZ, tremor_seed)
        self._sway = Waves(period_s, SWAY_HZ, (walk_seed, seed, 1))
        self._haste = Waves(period_s, HASTE_HZ, (walk_seed, seed, 2))

    def progress(self, times_s: Float64[np.ndarray, "n"]) -> Float64[np.ndarray, "n"]:
        """Return the time of the smooth walk that is reached at each time from 0 on."""
        if self._hands.haste == 0:
            return self._hands.pace * times_s
        steps_s = np.diff(times_s, prepend=0.0)
        rush = np.tanh(self._haste.at((times_s - steps_s / 2) / self._period_s)[:, 0])
        return np.cumsum(self._hands.pace * (1 + self._hands.haste * rush) * steps_s)

    def offset(self, times_s: Float64[np.ndarray, "n"]) -> Offset:
        """Return what tremor and sway add at each time."""
        tremor, sway = (w.at(times_s / self._period_s) for w in (self._tremor, self._sway))
        hands = self._hands
        return Offset(
            TREMOR_M * tremor[:, :3] + hands.sway_m * sway[:, :3],
            TREMOR_DEG * tremor[:, 3:] + hands.sway_deg * sway[:, 3:],
        )
