"""Which aligner a device gets."""

from slam.config import TrackingConfig
from slam.device import DeviceKind
from slam.geometry import Transform
from slam.tracking.dense import DenseTracker
from slam.tracking.host import HostAligner
from slam.tracking.pieces import OnePiece, Pieces
from slam.tracking.recogniser import Recogniser


def dense_tracker(
    config: TrackingConfig,
    device: DeviceKind = "cpu",
    has_map: bool = False,
    recogniser: Recogniser | None = None,
    T_start: Transform | None = None,
    pieces: Pieces | OnePiece | None = None,
) -> DenseTracker:
    """Make the dense tracker of a device; see `DenseTracker` for the rest.

    Projective geometry, which is there to study, is aligned on the CPU whatever the device.
    """
    if device == "cpu" or config.geometry != "sdf":
        return DenseTracker(config, HostAligner(config), has_map, recogniser, T_start, pieces)
    from slam.tracking.cuda.aligner import CudaAligner

    return DenseTracker(config, CudaAligner(config), has_map, recogniser, T_start, pieces)
