"""Time stamps in seconds, whatever unit they are written in."""

import logging
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from slam.errors import SlamError

logger = logging.getLogger(__name__)
NOMINAL_FPS = 30.0
_UNITS = {"seconds": 1.0, "milliseconds": 1e-3, "microseconds": 1e-6, "nanoseconds": 1e-9}
# A factor of 1000 apart: exactly one unit makes a period of it. From 500 Hz to one frame in 2 s.
_PERIOD_S = (0.002, 2.0)
_UNIX_S = (1e9, 2.5e9)  # 2001 to 2049
_UNIX_PERIOD_S = (2e-4, 120.0)  # where the clock itself tells the unit, frames may be farther apart
_BESIDE_S = 1.0  # so far before or after the others is still of their time
_LEAST_SPAN = 0.01  # of the time of the others, that poses have to cover


@dataclass(frozen=True)
class TimeUnit:
    """What a file's time stamps count."""

    name: str
    seconds: float


SECONDS = TimeUnit("seconds", 1.0)
FRAME_NUMBERS = TimeUnit(f"frame numbers of {NOMINAL_FPS:g} Hz", 1.0 / NOMINAL_FPS)


def unit_of(stamps: Float64[np.ndarray, "n"], what: object) -> TimeUnit:
    """Return the unit of the stamps of frames, from their size and their distance in time.

    Another unit than seconds is told. Stamps that mostly repeat are a `SlamError`: no clock is
    left in them.
    """
    steps = np.diff(stamps[np.isfinite(stamps)])
    if steps.size and np.mean(steps == 0) > 0.5:
        raise SlamError(
            f"{what}: {int(np.sum(steps == 0))} of {len(stamps)} time stamps are equal to the one "
            f"before (cut to whole seconds?): give them with their fractions"
        )
    steps = steps[steps > 0]
    unit = SECONDS if not steps.size else _unit(float(np.median(stamps)), float(np.median(steps)))
    if unit is not SECONDS:
        logger.warning("%s: the time stamps are %s, and are converted to seconds", what, unit.name)
    return unit


def _unit(size: float, period: float) -> TimeUnit:
    if period == 1.0 and size < 1e6:
        return FRAME_NUMBERS
    for name, seconds in _UNITS.items():
        is_unix = _UNIX_S[0] <= size * seconds < _UNIX_S[1]
        if is_unix and _UNIX_PERIOD_S[0] <= period * seconds < _UNIX_PERIOD_S[1]:
            return _named(name, seconds)
    for name, seconds in _UNITS.items():
        if _PERIOD_S[0] <= period * seconds < _PERIOD_S[1]:
            return _named(name, seconds)
    return SECONDS


def _named(name: str, seconds: float) -> TimeUnit:
    return SECONDS if seconds == 1.0 else TimeUnit(name, seconds)


def unit_beside(
    stamps: Float64[np.ndarray, "n"],
    beside_s: Float64[np.ndarray, "m"],
    unit: TimeUnit = SECONDS,
) -> TimeUnit:
    """Return the unit in which stamps, of poses say, are of the time of others, which are seconds;
    `unit`, in which those were written, is tried first. Seconds where none is.
    """
    known = stamps[np.isfinite(stamps)]
    if len(known) and len(beside_s):
        first_s, last_s = beside_s.min() - _BESIDE_S, beside_s.max() + _BESIDE_S
        units = [TimeUnit(name, seconds) for name, seconds in _UNITS.items()]
        for candidate in (unit, *units):
            known_s = known * candidate.seconds
            num_beside = int(((known_s >= first_s) & (known_s <= last_s)).sum())
            # in too coarse a unit all of them are at the start
            is_spread = np.ptp(known_s) >= _LEAST_SPAN * np.ptp(beside_s) or len(known) == 1
            if num_beside >= min(3, len(known)) and is_spread:
                return SECONDS if candidate.seconds == 1.0 else candidate
    return SECONDS
