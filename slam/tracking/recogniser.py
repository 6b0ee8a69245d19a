"""What the tracker asks when it is lost."""

from typing import Protocol, runtime_checkable

from slam.frame import Frame
from slam.geometry import Transform


@runtime_checkable
class Recogniser(Protocol):
    """Knows where the camera has been."""

    def recognise(self, frame: Frame) -> Transform | None:
        """Return T_world_camera that a frame may have, going by what it shows; None if it shows
        nothing known. The pose is a guess: it has to be verified.
        """
        ...

    def confirm(self, frame: Frame, T_world_camera: Transform) -> None:
        """Take note that a guess was verified and refined."""
        ...


class NothingKnown:
    """Recognises nothing."""

    def recognise(self, frame: Frame) -> Transform | None:
        """Return None."""
        return None

    def confirm(self, frame: Frame, T_world_camera: Transform) -> None:
        """Do nothing."""
