import numpy as np
import pytest

from slam.errors import SlamError
from slam.sources.image_sequence import ImageSequence
from slam.sources.scannet import list_scannet


@pytest.fixture
def folder(tmp_path, sample):
    sample.write["scannet"](tmp_path)
    return tmp_path


def test_lost_poses_are_left_out(folder):
    (folder / "pose/1.txt").write_text("-inf -inf -inf -inf\n" * 4)
    source = ImageSequence(list_scannet(folder))
    truth = source.ground_truth()
    np.testing.assert_allclose(truth.timestamps_s, source.timestamps_s[[0, 2, 3]])
    assert np.isfinite(truth.Ts_world_camera).all()


def test_frames_are_in_numeric_order(folder):
    for name in ("depth/10.png", "color/10.jpg", "pose/10.txt"):
        (folder / name.replace("10", "2")).rename(folder / name)
    np.testing.assert_allclose(
        ImageSequence(list_scannet(folder)).timestamps_s, np.array([0, 1, 3, 10]) / 30
    )


def test_broken_intrinsics(folder):
    (folder / "intrinsic/intrinsic_depth.txt").write_text("1 2 3\n")
    with pytest.raises(SlamError, match=r"intrinsic_depth\.txt must hold"):
        ImageSequence(list_scannet(folder))
    (folder / "intrinsic/intrinsic_color.txt").unlink()
    sample_intrinsics = "58.5 0 31.5\n0 58.5 23.5\n0 0 1\n"
    (folder / "intrinsic/intrinsic_depth.txt").write_text(sample_intrinsics)
    with pytest.raises(SlamError, match=r"cannot read .*intrinsic_color\.txt"):
        ImageSequence(list_scannet(folder))
