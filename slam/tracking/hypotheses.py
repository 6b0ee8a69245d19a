"""Which of several poses of a frame is believed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import numpy as np

from slam.geometry import Transform, inverse, rotation_angle_rad
from slam.tracking.agreement import MIN_OVERLAP, Agreement
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.likeness import BETTER, UsualLikeness

SAME_M, SAME_RAD = 0.01, 0.005  # poses this near are one: the one that fits best
MIN_LEAD = 0.02  # of the best score before that of another pose


def tried(
    starts: Iterable[Transform],
    result: TrackResult,
    likeness: UsualLikeness,
    same: Callable[[Transform], float | None],
    align: Callable[[Transform], TrackResult],
) -> list[TrackResult]:
    """Return what alignments from starts find. If `result` is in doubt because the view looks
    unlike before: only until it looks as usual again, and not from where the result is, unless more
    looks the `same` from there. If that leaves none, `likeness` is told.
    """
    if likeness.is_usual(result.likeness):
        return [align(T_start) for T_start in starts]
    least = (same(result.T_world_camera) or 0.0) + BETTER
    found: list[TrackResult] = []
    for T_start in starts:
        is_new = result.state is TrackState.LOST or not is_near(T_start, result.T_world_camera)
        if is_new or (same(T_start) or 0.0) > least:
            found.append(align(T_start))
            if found[-1].state is TrackState.OK and likeness.is_usual(found[-1].likeness):
                break
    if not found:
        likeness.bear_out(result.likeness)
    return found


def chosen(
    results: Sequence[TrackResult],
    agreement: Callable[[Transform], Agreement],
    is_verified: Callable[[TrackResult], bool],
    is_alike: Callable[[TrackResult], bool],
) -> TrackResult:
    """Return the result that explains the frame best; the first one if all are lost.

    It is OK only if the keyframe bears it out, by its depth and by how much looks the same
    (`is_alike`), or where the keyframe saw another place the map does (`is_verified`), and no other
    pose explains the frame about as well.
    """
    found: list[tuple[TrackResult, Agreement]] = []
    for result in sorted(results, key=lambda r: r.inlier_ratio, reverse=True):
        is_new = not any(is_near(result.T_world_camera, other.T_world_camera) for other, _ in found)
        if result.state is not TrackState.LOST and is_new:
            found.append((result, agreement(result.T_world_camera)))
    if not found:
        return results[0]
    found.sort(key=lambda one: (_score(*one), one[0].inlier_ratio), reverse=True)
    best, agreed = found[0]
    is_elsewhere = agreed.overlap < MIN_OVERLAP
    if not (is_verified(best) if is_elsewhere else agreed.is_believed):
        return weakened(best, _doubt(agreed))
    if not is_elsewhere and not is_alike(best):
        return weakened(best, f"only {best.likeness:.0%} of the keyframe looks the same")
    for other, its_agreement in found[1:]:
        lead = _score(best, agreed) - _score(other, its_agreement)
        if its_agreement.is_believed and lead < MIN_LEAD:
            apart_m = np.linalg.norm((inverse(best.T_world_camera) @ other.T_world_camera)[:3, 3])
            return weakened(best, f"a pose {100.0 * apart_m:.0f} cm away explains the view as well")
    return best


def weakened(result: TrackResult, reason: str) -> TrackResult:
    """Return a result that is WEAK for a reason; one that is no better stays as it is."""
    is_ok = result.state is TrackState.OK
    return replace(result, state=TrackState.WEAK, reason=reason) if is_ok else result


def _score(result: TrackResult, agreed: Agreement) -> float:
    """Return how well a pose explains a frame: without colour by the points that meet the map."""
    return agreed.score if agreed.same is not None else agreed.score * result.inlier_ratio


def _doubt(agreed: Agreement) -> str:
    if agreed.overlap < MIN_OVERLAP:
        return f"the keyframe saw {agreed.overlap:.0%} of the view, and the map shows another place"
    return f"{agreed.contradicted:.0%} of the view lies in space that was seen to be free"


def is_near(T_a: Transform, T_b: Transform) -> bool:
    """Whether two poses are one."""
    T = inverse(T_a) @ T_b
    return bool(np.linalg.norm(T[:3, 3]) < SAME_M and rotation_angle_rad(T[:3, :3]) < SAME_RAD)
