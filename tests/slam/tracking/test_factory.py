"""Which aligner a device gets."""

import pytest

from slam.config import TrackingConfig
from slam.tracking.aligner import Aligner
from slam.tracking.factory import dense_tracker
from slam.tracking.host import HostAligner


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_projective_geometry_is_aligned_on_the_host(device: str):
    """Also where there is no GPU: nothing of it is imported."""
    tracker = dense_tracker(TrackingConfig(geometry="projective"), device)
    assert isinstance(tracker._aligner, HostAligner)


def test_the_host_aligns_without_a_gpu():
    aligner = dense_tracker(TrackingConfig())._aligner
    assert isinstance(aligner, HostAligner)
    assert isinstance(aligner, Aligner)
