"""What the parts of a view say of the camera's motion since an earlier view.

The view is divided into tiles, and each of them has two voices, that of its depth and that of its
intensity: normal equations of the earlier view's points that project into it. A pose is judged by
how much of the surface contradicts it, so that a thing that is near, and therefore outweighs the
room in a sum of squares, has no more to say than the surface that it covers. (Consensus in the
sense of RANSAC, with the robust loss of Geman and McClure on whole tiles.)
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, Float64

from kernels.align import PLACE
from kernels.image import TexturedPoints, pick_textured
from kernels.tiles import intensity_tiles, range_tiles
from slam.geometry import Transform, inverse, transform_points
from slam.tracking.photometric import MAX_POINTS, MIN_GRADIENT
from slam.tracking.prepare import CLOUD_LEVEL, PreparedFrame

ROWS, COLUMNS = 6, 8
NUM_TILES = ROWS * COLUMNS
POINT_STEP = 4  # of the points with depth
OVERLAP_STEP = 16  # of those
INTENSITY_SIGMA = 4.0  # grey levels
SCALE = 6.0  # of the robust weight of a residual
LEAST_SQUARES = 0.5, 1.0  # mean squares of depth and intensity below which none is unusual
MOST_SQUARES = 2.25  # times that: what is usual may be as much
DEPTH_SHARE, INTENSITY_SHARE = 0.4, 0.2  # of residuals that err independently; at most
MAX_INDEPENDENT = 8.0  # of a tile
BETTER = 0.93  # a pose is better if less than this times as much contradicts it
# The same where nothing moved before. In a room that stands, noise and blur speak for other poses,
# too, but nearly as much contradicts those: 0.71 times at least in two recordings with a Kinect,
# 0.51 to 0.56 times where a thing moves.
MUCH_BETTER = 0.65
SLACK = 0.02  # of the share that contradicts, for one kind of residual
DISSENT = 4.0  # energy at which a voice counts half
CONTRADICTION = 32.0  # energy of a tile all of whose depth contradicts
MAX_CONTRADICTING = 0.1  # of a tile's depth, at edges
NEAREST, FARTHEST = 0.4, 2.0  # of the mean depth: surface that a pixel shows grows with depth^2
RIDGE = 10.0
MAX_TWIST = 0.15  # farther away linear equations mean nothing
SAME_BRIGHTNESS = 0.5  # grey levels
_NO_TWIST = np.zeros((1, 6))
_LOSSES = 2.0, 1.0, 1.0, 1.0  # scales of the iterations, in DISSENT
_ROW, _COLUMN = np.divmod(np.arange(NUM_TILES), COLUMNS)
_PARTS = np.array(
    [
        _COLUMN < 4, _COLUMN >= 4, (_COLUMN < 2) | (_COLUMN >= 6), (_COLUMN >= 2) & (_COLUMN < 6),
        _COLUMN < 3, _COLUMN >= 5, _ROW < 3, _ROW >= 3, _ROW < 2, _ROW >= 4, _ROW >= 0,
    ],
    np.float64,
)  # fmt: skip


class EarlierView(NamedTuple):
    """A view that later ones are compared with."""

    T_world_view: Transform
    points: Float32[np.ndarray, "n 3"]  # in its frame
    sigma_m: Float32[np.ndarray, "n"]  # of their depth
    texture: TexturedPoints | None


class Voices(NamedTuple):
    """What tiles say of a motion: `v` voices, one for each tile and kind of residual."""

    H: Float64[np.ndarray, "v 6 6"]
    b: Float64[np.ndarray, "v 6"]
    c: Float64[np.ndarray, "v"]
    usual: Float64[np.ndarray, "v"]  # energy that says nothing
    contradiction: Float64[np.ndarray, "v"]  # energy that no small motion changes
    weight: Float64[np.ndarray, "v"]  # by the surface that is seen

    def energies(self, twists: Float64[np.ndarray, "k 6"]) -> Float64[np.ndarray, "k v"]:
        """Return how much each voice contradicts motions."""
        squares = (twists[:, :, None] * twists[:, None, :]).reshape(-1, 36)
        energy = self.c + 2.0 * twists @ self.b.T + squares @ self.H.reshape(-1, 36).T
        return np.maximum(energy - self.usual, 0.0) + self.contradiction

    def minima(self, weights: Float64[np.ndarray, "k v"]) -> Float64[np.ndarray, "k 6"]:
        """Return the motions that voices of such weights agree on."""
        H = (weights @ self.H.reshape(-1, 36)).reshape(-1, 6, 6) + RIDGE * np.eye(6)
        return -np.linalg.solve(H, (weights @ self.b)[..., None])[..., 0]

    def shares(self, twists: Float64[np.ndarray, "k 6"]) -> Float64[np.ndarray, "k"]:
        """Return the share of the surface that contradicts motions."""
        energies = self.energies(twists)
        total = max(float(self.weight.sum()), 1e-9)
        return energies / (energies + DISSENT) @ self.weight / total

    def dissent(self) -> float:
        """Return the share that contradicts the pose at which the voices were taken."""
        return float(self.shares(_NO_TWIST)[0])

    def are_fewer_than(self, other: "Voices", share: float) -> bool:
        """Whether their pose is contradicted by less than a share of the surface that contradicts
        another, and neither by more of the depth nor of the intensity: colour that is late or
        blurred goes by a pose of its own, everywhere.
        """
        own, others = self._dissent_by_kind(), other._dissent_by_kind()
        return bool(own.sum() < share * others.sum() and (own <= others + SLACK).all())

    def _dissent_by_kind(self) -> Float64[np.ndarray, "kinds"]:
        """Return the parts that depth and intensity have in the share that contradicts."""
        energies = self.energies(_NO_TWIST)[0]
        against = (energies / (energies + DISSENT) * self.weight).reshape(-1, NUM_TILES)
        return against.sum(axis=1) / max(float(self.weight.sum()), 1e-9)

    def contradicting(self) -> Bool[np.ndarray, "t"]:
        """Return the tiles that contradict that pose."""
        is_against = self.energies(_NO_TWIST)[0] > DISSENT
        against = (self.weight * is_against).reshape(-1, NUM_TILES).sum(axis=0)
        return against > self.weight.reshape(-1, NUM_TILES).sum(axis=0) / 3.0

    def consensus(
        self, starts: Float64[np.ndarray, "k 6"]
    ) -> tuple[Float64[np.ndarray, "6"], float]:
        """Return the motion that the least share of the surface contradicts, and the share; looking
        from given ones and from what parts of the view say.
        """
        parts = np.tile(_PARTS, len(self.c) // NUM_TILES)
        twists = np.vstack([starts, self.minima(parts * self.weight)])
        twists[np.abs(twists).max(axis=1) > MAX_TWIST] = 0.0
        for loss in _LOSSES:
            scale = loss * DISSENT
            twists = self.minima(self.weight * (scale / (self.energies(twists) + scale)) ** 2)
        shares = self.shares(twists)
        best = int(shares.argmin())
        return twists[best], float(shares[best])


def earlier_view(
    prepared: PreparedFrame, T_world_view: Transform, has_intensity: bool = True
) -> EarlierView:
    """Keep of a frame what later ones are compared with; `has_intensity`, or its depth alone."""
    points = np.ascontiguousarray(prepared.cloud.points[::POINT_STEP])
    sigma_m = prepared.frame.depth_noise.sigma_m(points[:, 2]).astype(np.float32)
    level, texture = prepared.levels[CLOUD_LEVEL], None
    if has_intensity and level.gray is not None:
        texture = pick_textured(
            level.gray, level.depth_m, level.camera.intrinsics, MIN_GRADIENT, MAX_POINTS
        )
    return EarlierView(T_world_view, points, sigma_m, texture)


def voices(
    view: EarlierView,
    prepared: PreparedFrame,
    T_world_camera: Transform,
    trust: Float64[np.ndarray, "t"],
) -> Voices:
    """Compare a frame at a pose with an earlier view; `trust` weighs the tiles."""
    level = prepared.levels[CLOUD_LEVEL]
    T = (inverse(T_world_camera) @ view.T_world_view).astype(np.float32)
    tiles = ROWS, COLUMNS
    intrinsics = level.camera.intrinsics
    sums, seen = range_tiles(view.points, view.sigma_m, level.depth_m, intrinsics, T, SCALE, tiles)
    known = np.maximum(seen[:, 0].astype(np.float64), 1.0)
    is_shown = np.minimum(seen[:, 0] * (NUM_TILES / max(len(view.points), 1)), 1.0)
    depth_m = seen[:, 2] / known
    mean_m = max(float(is_shown @ depth_m) / max(float(is_shown.sum()), 1e-9), 1e-3)
    surface = trust * is_shown * np.clip(depth_m / mean_m, NEAREST, FARTHEST) ** 2
    contradicting = np.maximum(seen[:, 1] / known - MAX_CONTRADICTING, 0.0)
    kinds = [_Kind(sums, DEPTH_SHARE, LEAST_SQUARES[0], len(view.points))]
    if view.texture is not None and level.gray is not None:
        offset = 0.0
        for _ in range(2):  # the first time for the brightness
            sums = intensity_tiles(
                view.texture.points, view.texture.intensities, level.gray, level.depth_m,
                intrinsics, T, offset, INTENSITY_SIGMA, SCALE, tiles,
            )  # fmt: skip
            change = INTENSITY_SIGMA * float(sums[:, 29].sum() / max(sums[:, 28].sum(), 1e-9))
            if abs(change) < SAME_BRIGHTNESS:
                break
            offset += change
        num_textured = len(view.texture.points)
        kinds.append(_Kind(sums, INTENSITY_SHARE, LEAST_SQUARES[1], num_textured))
    H, b, c, usual, heard = _weighed(kinds)
    contradiction = np.zeros(len(c))
    contradiction[:NUM_TILES] = CONTRADICTION * contradicting
    weight = np.tile(surface, len(kinds)) * heard
    return Voices(H, b, c, usual, contradiction, weight)


def overlap(view: EarlierView, prepared: PreparedFrame, T_world_camera: Transform) -> float:
    """Return the share of an earlier view's points that lie in a frame."""
    camera = prepared.levels[CLOUD_LEVEL].camera
    points = transform_points(
        inverse(T_world_camera) @ view.T_world_view, view.points[::OVERLAP_STEP]
    )
    z = np.maximum(points[:, 2], 1e-3)
    u, v = points[:, 0] / z * camera.fx + camera.cx, points[:, 1] / z * camera.fy + camera.cy
    is_in = (u > 0) & (v > 0) & (u < camera.width) & (v < camera.height)
    return float(np.count_nonzero(is_in)) / max(len(points), 1)


class _Kind(NamedTuple):
    """Sums of one kind of residual, and what they are worth."""

    sums: Float32[np.ndarray, "t s"]
    share: float
    least: float
    num_points: int


def _weighed(kinds: list[_Kind]) -> tuple[Float64[np.ndarray, "..."], ...]:
    """Return H, b, c, usual energy of all voices, and how far each is heard."""
    total = np.concatenate([kind.sums for kind in kinds]).astype(np.float64)
    weight, count = total[:, 28], total[:, 30]
    usual, factor, heard = np.empty((3, len(total)))
    for k, (_, share, least, num_points) in enumerate(kinds):
        part = slice(k * NUM_TILES, (k + 1) * NUM_TILES)
        is_told = weight[part] > 5.0
        told = total[part, 27][is_told] / weight[part][is_told]
        middle = np.partition(told, len(told) // 2)[len(told) // 2] if len(told) else least
        usual[part] = min(max(middle, least), MOST_SQUARES * least)
        factor[part] = np.minimum(share, MAX_INDEPENDENT / np.maximum(count[part], 1.0))
        heard[part] = np.minimum(count[part] / max(0.7 * num_points / NUM_TILES, 1.0), 1.0)
    factor /= usual
    H = total[:, PLACE].reshape(-1, 6, 6) * factor[:, None, None]
    return (
        H, total[:, 21:27] * factor[:, None], total[:, 27] * factor, weight * usual * factor, heard
    )  # fmt: skip
