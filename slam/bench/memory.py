"""Memory of this process over a stretch of its life."""

import re
import resource
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


class PeakMemory:
    """The peak since this was created; where the system cannot tell, since the process began."""

    def __init__(self) -> None:
        try:
            CLEAR_REFS.write_text("5")  # sets the kernel's high-water mark back
            self.start_mb = _status_mb("VmRSS")
        except OSError:
            self.start_mb = None

    @property
    def peak_mb(self) -> float:
        """Peak of the resident memory, with everything that was there before."""
        if self.start_mb is None:
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return _status_mb("VmHWM")

    @property
    def added_mb(self) -> float | None:
        """How far the peak lies above the start; None if that is not known."""
        return None if self.start_mb is None else max(0.0, self.peak_mb - self.start_mb)


def _status_mb(name: str) -> float:
    """Read a size from the process's status; OSError where there is none."""
    found = re.search(rf"{name}:\s+(\d+) kB", STATUS.read_text())
    if found is None:
        raise OSError(f"{STATUS} does not state {name}")
    return int(found[1]) / 1024
