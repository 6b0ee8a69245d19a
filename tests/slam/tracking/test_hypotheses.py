"""Which of several poses is taken, on results and agreements made up."""

from dataclasses import replace

import numpy as np

from slam.geometry import se3_exp
from slam.tracking.agreement import Agreement
from slam.tracking.base import TrackResult, TrackState
from slam.tracking.hypotheses import SAME_M, chosen, tried
from slam.tracking.likeness import UsualLikeness

OK, WEAK, LOST = TrackState.OK, TrackState.WEAK, TrackState.LOST


def result(x_m: float, state=OK) -> TrackResult:
    T = se3_exp(np.array([x_m, 0.0, 0.0, 0.0, 0.0, 0.0]))
    return TrackResult(T, state, "" if state is OK else "why", 0.001, 0.8, 0.01, 5)


def choose(results, *agreements, is_verified=False, is_alike=True):
    """Return what is chosen where agreements are those of poses at x = 0, 1, 2 ... m, the map
    bears out all or none, and all or none look as usual.
    """
    return chosen(
        results, lambda T: agreements[round(T[0, 3])], lambda _: is_verified, lambda _: is_alike
    )


def test_the_pose_that_explains_the_frame_best_is_taken():
    results = [result(0.0), result(1.0), result(2.0)]
    agreements = Agreement(0.9, 0.02, 0.6), Agreement(0.9, 0.0, 0.9), Agreement(0.9, 0.2, 0.8)
    assert choose(results, *agreements) is results[1]


def test_of_poses_that_are_nearly_one_the_one_that_fits_best_is_taken():
    first, better = result(0.0), replace(result(0.004), inlier_ratio=0.9)
    assert choose([first, better], Agreement(0.9, 0.0, 0.9)) is better


def test_a_pose_that_nothing_bears_out_is_weak():
    found = choose([result(0.0)], Agreement(0.9, 0.2, 0.5))
    assert found.state is WEAK
    assert found.reason == "20% of the view lies in space that was seen to be free"
    found = choose([result(0.0)], Agreement(0.9, 0.2, 0.5), is_verified=True)
    assert found.state is WEAK  # the keyframe knows better than the map


def test_a_pose_from_which_the_view_looks_unlike_before_is_weak():
    first = replace(result(0.0), likeness=0.61)
    found = choose([first], Agreement(0.9, 0.01, 0.61), is_alike=False)
    assert found.state is WEAK
    assert found.reason == "only 61% of the keyframe looks the same"
    elsewhere = Agreement(0.1, 0.0, 0.61)  # of which the keyframe tells nothing
    assert choose([first], elsewhere, is_verified=True, is_alike=False).state is OK


def test_where_the_keyframe_saw_another_place_the_map_decides():
    elsewhere = Agreement(0.1, 0.0, None)
    assert choose([result(0.0)], elsewhere, is_verified=True).state is OK
    found = choose([result(0.0)], elsewhere)
    assert found.state is WEAK
    assert found.reason.startswith("the keyframe saw 10% of the view")


def test_two_poses_as_good_as_each_other_are_weak():
    results = [result(0.0), result(1.0)]
    found = choose(results, Agreement(0.9, 0.0, 0.805), Agreement(0.9, 0.0, 0.8))
    assert found.state is WEAK
    assert found.reason == "a pose 100 cm away explains the view as well"


def test_the_same_pose_twice_is_no_ambiguity():
    results = [result(0.0), result(0.001)]
    assert choose(results, Agreement(0.9, 0.0, 0.8)) is results[0]


def test_lost_ones_are_left_out_and_weak_ones_stay_weak():
    results = [result(0.0, LOST), result(1.0, WEAK)]
    assert choose(results, None, Agreement(0.9, 0.0, 0.9)) is results[1]
    lost = [result(0.0, LOST), result(1.0, LOST)]
    assert choose(lost, None, None) is lost[0]


def test_without_colour_the_points_that_meet_the_map_tell():
    steps_on_steps, right = replace(result(0.0), inlier_ratio=0.75), result(1.0)
    agreements = Agreement(1.0, 0.01, None), Agreement(1.0, 0.02, None)
    assert choose([steps_on_steps, right], *agreements) is right


USUAL, UNLIKE = 0.9, 0.5


def tries(starts, first, found_likeness, same=lambda T: UNLIKE):
    """Return what is found from starts at x, with the likeness there, and what is usual after."""
    likeness = UsualLikeness()
    likeness.observe(USUAL)
    found = tried(
        (at(x) for x in starts), first, likeness, same,
        lambda T: replace(result(T[0, 3]), likeness=found_likeness(T[0, 3])),
    )  # fmt: skip
    return [round(one.T_world_camera[0, 3], 3) for one in found], likeness


def at(x_m: float) -> np.ndarray:
    return result(x_m).T_world_camera


def test_a_pose_that_is_in_no_doubt_is_compared_with_all():
    first = replace(result(0.0), likeness=USUAL)
    assert tries([0.0, 1.0, 2.0], first, lambda x: USUAL)[0] == [0.0, 1.0, 2.0]


def test_a_search_ends_where_the_view_looks_as_usual_again():
    first = replace(result(0.0), likeness=UNLIKE)
    found, _ = tries([1.0, 2.0, 3.0], first, lambda x: USUAL if x > 1.5 else UNLIKE)
    assert found == [1.0, 2.0]


def test_where_the_result_is_nothing_is_aligned_again_unless_it_looks_better():
    first = replace(result(0.0), likeness=UNLIKE)
    starts = [0.5 * SAME_M, 1.0]
    assert tries(starts, first, lambda x: UNLIKE)[0] == [1.0]
    better = tries(starts, first, lambda x: UNLIKE, same=lambda T: UNLIKE + 0.2 * (T[0, 3] > 0))
    assert better[0] == [0.5 * SAME_M, 1.0]
    lost = replace(first, state=LOST)  # where the motion has it, not where anything was aligned
    assert tries(starts, lost, lambda x: UNLIKE)[0] == [0.5 * SAME_M, 1.0]


def test_what_no_start_improves_is_borne_out():
    first = replace(result(0.0), likeness=UNLIKE)
    assert tries([0.001, 0.002], first, lambda x: UNLIKE)[1].is_usual(UNLIKE)
    assert not tries([1.0], first, lambda x: UNLIKE)[1].is_usual(UNLIKE)
