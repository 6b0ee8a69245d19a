"""Association of time stamps and the TUM file."""

import numpy as np
import pytest

from slam.errors import SlamError
from slam.geometry import se3_exp
from slam.trajectory import Trajectory, associate, read_tum, tum_text


def random_stamps_s(num: int, seed: int) -> np.ndarray:
    return np.sort(np.random.default_rng(seed).uniform(0.0, 0.02 * num, num))


def greedy_pairs(a_s: np.ndarray, b_s: np.ndarray, limit_s: float) -> list[tuple[int, int]]:
    """The rule of the TUM tools, written out: the closest pair first, each stamp once."""
    candidates = sorted((abs(a - b), i, j) for i, a in enumerate(a_s) for j, b in enumerate(b_s))
    pairs, used_a, used_b = [], set(), set()
    for difference_s, i, j in candidates:
        if difference_s <= limit_s and i not in used_a and j not in used_b:
            used_a.add(i)
            used_b.add(j)
            pairs.append((i, j))
    return sorted(pairs)


@pytest.mark.parametrize("seed", range(5))
def test_associate_is_the_greedy_rule_and_one_to_one(seed):
    a_s, b_s = random_stamps_s(60, seed), random_stamps_s(80, seed + 100)
    i, j = associate(a_s, b_s, 0.02)
    assert len(set(i)) == len(i) > 10
    assert len(set(j)) == len(j)
    assert (np.abs(a_s[i] - b_s[j]) <= 0.02).all()
    assert list(zip(i, j, strict=True)) == greedy_pairs(a_s, b_s, 0.02)


def test_associate_takes_the_stamps_in_any_order():
    a_s, b_s = random_stamps_s(30, 1), random_stamps_s(30, 2)
    order = np.random.default_rng(3).permutation(30)
    i, j = associate(a_s, b_s)
    i_shuffled, j_shuffled = associate(a_s, b_s[order])
    np.testing.assert_array_equal(i, i_shuffled)
    np.testing.assert_array_equal(j, order[j_shuffled])


def test_associate_without_overlap_is_empty():
    i, j = associate(np.array([0.0, 1.0]), np.array([5.0]))
    assert len(i) == len(j) == 0
    assert len(associate(np.empty(0), np.empty(0))[0]) == 0


def test_tum_roundtrip(tmp_path):
    random = np.random.default_rng(0)
    stamps_s = 1305031102.175304 + np.arange(20) / 30.0
    poses = np.array([se3_exp(random.normal(size=6)) for _ in stamps_s])
    (tmp_path / "trajectory.txt").write_text(tum_text(Trajectory(stamps_s, poses)))
    read = read_tum(tmp_path / "trajectory.txt")
    np.testing.assert_allclose(read.timestamps_s, stamps_s, atol=1e-6, rtol=0.0)
    # The file has nine decimals; a rotation's entries move by up to four times its quaternion's.
    np.testing.assert_allclose(read.Ts_world_camera, poses, atol=4e-9, rtol=0.0)


def test_tum_rows_are_sorted_and_repeats_dropped(tmp_path):
    path = tmp_path / "poses.txt"
    path.write_text("# comment\n2 0 0 2 0 0 0 1\n\n1 0 0 1 0 0 0 1\n2 0 0 9 0 0 0 1\n")
    read = read_tum(path)
    np.testing.assert_array_equal(read.timestamps_s, [1.0, 2.0])
    np.testing.assert_array_equal(read.positions_m[:, 2], [1.0, 2.0])


def test_tum_file_may_be_empty(tmp_path):
    path = tmp_path / "poses.txt"
    path.write_text(tum_text(Trajectory(np.empty(0), np.empty((0, 4, 4)))))
    assert len(read_tum(path)) == 0


@pytest.mark.parametrize(
    "line",
    ["1 2 3", "1 0 0 0 0 0 0 x", "1 0 0 0 0 1 0 0 0 0 1 0"],
)
def test_malformed_line_is_named(tmp_path, line):
    path = tmp_path / "poses.txt"
    path.write_text("# comment\n0 0 0 0 0 0 0 1\n" + line + "\n")
    with pytest.raises(SlamError, match=r"poses\.txt:3: .*expected") as caught:
        read_tum(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("line", ["1 nan 0 0 0 0 0 1", "1 0 0 0 0 0 0 0", "inf 0 0 0 0 0 0 1"])
def test_a_row_that_is_no_pose_is_left_out_and_counted(tmp_path, caplog, line):
    path = tmp_path / "poses.txt"
    path.write_text("0 0 0 0 0 0 0 1\n" + line + "\n2 0 0 0 0 0 0 1\n")
    assert read_tum(path).timestamps_s.tolist() == [0.0, 2.0]
    assert "poses.txt: 1 of 3 rows are no poses and left out, the first in line 2" in caplog.text


def test_the_header_says_where_qw_stands(tmp_path):
    path = tmp_path / "poses.txt"
    path.write_text("timestamp,tx,ty,tz,qw,qx,qy,qz\n0,1,2,3,0,1,0,0\n")  # half a turn about x
    np.testing.assert_allclose(
        read_tum(path).Ts_world_camera[0, :3, :3], np.diag([1.0, -1.0, -1.0]), atol=1e-12
    )
