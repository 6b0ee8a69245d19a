"""The noise of this sensor, learned from how far its readings lie from the map.

What a maker or a paper states of a sensor is often off by a factor: clean depth that is taken for a
Kinect's is given too little weight by an order of magnitude, a camera whose projector is off has
several times the noise. The readings themselves tell: those of a tracked frame scatter about the
surface that many frames before have averaged. The median of that scatter a depth bin, over the
noise that is stated for the bin, is the factor by which the statement is wrong (a robust variance
component, as in Kerl et al. 2013 for intensities).
"""

import dataclasses
import itertools
import logging
from collections.abc import Callable, Mapping

import numpy as np
from jaxtyping import Bool, Float32, Float64

from slam.camera import DepthNoise
from slam.frame import Frame
from slam.geometry import Transform, transform_points
from slam.maps.base import SdfSamples

logger = logging.getLogger(__name__)
Query = Callable[[Float32[np.ndarray, "n 3"]], SdfSamples]
EVERY = 3  # tracked frames, until the memory of a bin is full; then
LATER_EVERY = 10
LATTICE = 8  # pixels between the readings that are looked at
BIN_EDGES_M = 0.25 * 1.25 ** np.arange(20)  # 0.25 to 17 m
MIN_READINGS = 400  # of a bin, over all frames looked at; fewer tell nothing
MIN_STEPS = 100  # of a bin, to tell how wide they are
MIN_EQUAL = 0.25  # neighbours that are equal over those that are not: fewer are no rounding
MIN_FRAMES = 3  # of a bin
MEMORY = 40  # looks that a bin averages
BOUNDS = (0.1, 4.0)  # of the factor
SURE = 1.35  # readings that scatter by more than this factor are worse than stated
# Better only by this one: the map has followed what errors have in common, so that the scatter
# about it shows but a part of them.
SURE_BETTER = 2.5
MAX_DISTANCE_SIGMAS = 6.0  # farther from the map a reading is something else
MAX_DISTANCE_M = 0.03  # what the map's band holds whatever the noise
MIN_COSINE = 0.35  # between ray and normal: at a grazing angle the distance along the ray is unsure
NOISE_PREFIX = "noise_"  # of the arrays in a map file
NAMES = ("noise_stated", "noise_learned")
NORMAL_MAD = 1.4826  # standard deviation of a normal distribution over its median deviation


class SensorNoise:
    """Corrects the noise that frames are stated to have, by what their readings show."""

    def __init__(
        self, is_learned: bool = True, saved: Mapping[str, Float64[np.ndarray, "3"]] | None = None
    ) -> None:
        """Start with what is stated, or for the same statement with what `arrays` said it is."""
        self._is_learned = is_learned
        self._stated: DepthNoise | None = None
        self._current: DepthNoise | None = None
        self._saved = {name: DepthNoise(*map(float, c)) for name, c in (saved or {}).items()}
        self._forget()

    def _forget(self) -> None:
        num_bins = len(BIN_EDGES_M) - 1
        self._logs, self._num_looks = np.zeros(num_bins), np.zeros(num_bins)
        self._num_readings = np.zeros(num_bins)
        self._step_m = np.zeros(num_bins)
        self._num_frames = 0

    @property
    def learned(self) -> DepthNoise | None:
        """The noise that frames get now; None before the first one or if nothing is learned."""
        return self._current if self._is_learned else None

    def corrected(self, frame: Frame) -> Frame:
        """Return the frame with the noise that was learned so far."""
        if not self._is_learned:
            return frame
        if frame.depth_noise != self._stated:  # a new sensor, or the first frame
            self._forget()
            self._stated = self._current = frame.depth_noise
            if self._saved.get("noise_stated") == self._stated:
                self._current = self._saved.get("noise_learned", self._stated)
        return dataclasses.replace(frame, depth_noise=self._current)

    def arrays(self) -> dict[str, Float64[np.ndarray, "3"]]:
        """Return what a map file keeps: the coefficients as stated and as learned; none where
        nothing was learned.
        """
        if self._stated is None or self._current is None or not self._is_learned:
            return {}
        return {
            name: np.array([noise.constant_m, noise.linear, noise.quadratic_per_m])
            for name, noise in zip(NAMES, (self._stated, self._current), strict=True)
        }

    def observe(self, frame: Frame, query: Query, T_world_camera: Transform) -> None:
        """Take in a frame whose pose is sure, before the map has it; `query` is the map's."""
        if not self._is_learned:
            return
        self._num_frames += 1
        is_full = self._num_looks.max() >= MEMORY
        if self._num_frames % (LATER_EVERY if is_full else EVERY):
            return
        assert self._stated is not None
        self._count(*ray_errors(frame, query, T_world_camera))
        seen_m = depth_steps(frame.depth_m[LATTICE // 2 :: LATTICE])
        self._step_m = np.where(seen_m > 0, seen_m, self._step_m)
        self._update()

    def _count(self, z: Float32[np.ndarray, "n"], error_m: Float32[np.ndarray, "n"]) -> None:
        """Average the logarithm of each bin's factor over the looks."""
        assert self._stated is not None
        assert self._current is not None
        within_m = np.maximum(MAX_DISTANCE_SIGMAS * self._current.sigma_m(z), MAX_DISTANCE_M)
        is_near = np.abs(error_m) < within_m
        ratio = np.abs(error_m) / self._stated.sigma_m(z)
        bins = np.digitize(z, BIN_EDGES_M) - 1
        for k in np.unique(bins[is_near]):
            if not 0 <= k < len(self._logs):
                continue
            ratios = ratio[is_near & (bins == k)]
            if len(ratios) < 30:
                continue
            log = np.log(max(NORMAL_MAD * float(np.median(ratios)), 1e-3))
            self._num_looks[k] = min(self._num_looks[k] + 1, MEMORY)
            self._num_readings[k] += len(ratios)
            self._logs[k] += (log - self._logs[k]) / self._num_looks[k]

    def _update(self) -> None:
        """Take over a noise that is clearly another one than the present one."""
        assert self._stated is not None
        assert self._current is not None
        is_known = (self._num_looks >= MIN_FRAMES) & (self._num_readings >= MIN_READINGS)
        if not is_known.any():
            return
        learned = corrected_noise(self._stated, np.exp(self._logs), is_known, self._step_m)
        middles_m = _middles_m()[is_known]
        change = np.abs(np.log(learned.sigma_m(middles_m) / self._current.sigma_m(middles_m)))
        if float(np.median(change)) > np.log(SURE) / 2:
            logger.info(
                "depth noise learned: sigma %s",
                ", ".join(f"{1e3 * learned.sigma_m(z):.1f} mm at {z:.1f} m" for z in middles_m),
            )
            self._current = learned


def ray_errors(
    frame: Frame, query: Query, T_world_camera: Transform
) -> tuple[Float32[np.ndarray, "n"], Float32[np.ndarray, "n"]]:
    """Return the depth of the map's surface, and how far before it they lie along z, of a lattice
    of readings.
    """
    camera = frame.camera
    v, u = np.mgrid[LATTICE // 2 : camera.height : LATTICE, LATTICE // 2 : camera.width : LATTICE]
    z = frame.depth_m[v, u].ravel()
    rays = camera.unproject(u, v, np.ones(u.shape, np.float32)).reshape(-1, 3)[z > 0]
    z = z[z > 0]
    samples = query(transform_points(T_world_camera, rays * z[:, None]))
    along = -(samples.gradient * (rays @ T_world_camera[:3, :3].T.astype(np.float32))).sum(axis=1)
    length = np.linalg.norm(samples.gradient, axis=1)
    is_sure = samples.is_valid & (along > MIN_COSINE * length) & (length > 0.3)
    error_m = samples.sdf_m[is_sure] / along[is_sure]
    return z[is_sure] + error_m, error_m


def depth_steps(depth_m: Float32[np.ndarray, "r w"]) -> Float64[np.ndarray, "b"]:
    """Return the smallest steps between neighbours in rows of depth, for each bin; 0 where there
    are too few.

    Rounded readings are equal or a whole step apart, and many are equal; others are apart by
    anything.
    """
    left, right = depth_m[:, :-1].ravel(), depth_m[:, 1:].ravel()
    change_m = np.abs(right - left)
    is_pair = (left > 0) & (right > 0) & (change_m < 0.1 * left)
    bins = np.digitize(left, BIN_EDGES_M) - 1
    steps_m = np.zeros(len(BIN_EDGES_M) - 1)
    for k in range(len(steps_m)):
        changes_m = change_m[is_pair & (bins == k)]
        real_m = changes_m[changes_m > 0]
        num_equal = len(changes_m) - len(real_m)
        if len(real_m) >= MIN_STEPS and num_equal > MIN_EQUAL * len(real_m):
            steps_m[k] = np.percentile(real_m, 10)
    return steps_m


def corrected_noise(
    stated: DepthNoise,
    factors: Float64[np.ndarray, "b"],
    is_known: Bool[np.ndarray, "b"],
    step_m: Float64[np.ndarray, "b"],
) -> DepthNoise:
    """Return the noise whose polynomial comes closest to the stated one times its factors.

    Factors that are not surely another one leave the statement as it is. Depths that were not seen
    get the factor of the nearest bin that was. No depth is taken for better than rendered: what
    remains is the map's. Nor for better than half the step of its values: what rounding adds is the
    same for all of a wall that faces the camera, and no number of readings averages it out.
    """
    middles_m = _middles_m()
    known = np.flatnonzero(is_known)
    nearest = known[np.abs(np.arange(len(factors))[:, None] - known).argmin(axis=1)]
    stated_m = stated.sigma_m(middles_m)
    best_m = np.maximum(DepthNoise.rendered().sigma_m(middles_m), 0.5 * step_m)
    # no depth whose noise was stated right gets worse by this
    best_m = np.minimum(best_m, np.maximum(stated_m, DepthNoise.rendered().sigma_m(middles_m)))
    is_unsure = (factors > 1.0 / SURE_BETTER) & (factors < SURE)
    if is_unsure[is_known].all():
        return stated
    bounded = np.maximum(np.clip(factors, *BOUNDS), best_m / stated_m)
    factors = np.where(is_unsure, 1.0, bounded)[nearest]
    target_m = factors * stated_m
    weight = np.where(is_known, 1.0, 0.01) / target_m
    powers = np.stack([np.ones_like(middles_m), middles_m, middles_m**2], axis=1)
    coefficients = nonnegative_fit(powers * weight[:, None], target_m * weight)
    return DepthNoise(*(float(c) for c in coefficients))


def nonnegative_fit(
    A: Float64[np.ndarray, "n k"], b: Float64[np.ndarray, "n"]
) -> Float64[np.ndarray, "k"]:
    """Return the x >= 0 with the least |A x - b|, of a few unknowns: it is the plain fit of those
    that are not 0, so each choice of them is tried. (SciPy has this in `optimize`, which every run
    would have to load, and which loads for long.)
    """
    normal, right = A.T @ A, A.T @ b
    best, least = np.zeros(len(right)), 0.0
    for chosen in itertools.product((True, False), repeat=len(right)):
        mine = np.flatnonzero(chosen)
        x = np.zeros(len(right))
        x[mine] = np.linalg.solve(normal[np.ix_(mine, mine)], right[mine])
        error = x @ normal @ x - 2.0 * right @ x  # but for b's own square
        if x.min() >= 0.0 and error < least:
            best, least = x, error
            if all(chosen):
                break
    return best


def _middles_m() -> Float64[np.ndarray, "b"]:
    return np.sqrt(BIN_EDGES_M[:-1] * BIN_EDGES_M[1:])
