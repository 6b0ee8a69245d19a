"""The systems and the recording of the tests of evaluation."""

from ..evaluation.conftest import (  # noqa: F401
    path,
    recording,
    recording_without_truth,
    wall,
    write_other,
    write_ours,
)
