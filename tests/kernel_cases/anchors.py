"""Noting which blocks frames have in view, against its definition."""

import numpy as np

from kernel_cases.check import Case, check, to_device, to_host
from kernels.anchors import note_view
from kernels.dispatch import using


@check
def note_frames(case: Case) -> None:
    for capacity in (1, 7, case.pick(200, 50_000)):
        wanted = (
            np.full(capacity, np.nan, np.float32), np.zeros(capacity, np.int32),
            np.full(capacity, -1, np.int32),
        )  # fmt: skip
        got = to_device(wanted)
        for number in range(6):
            slots = np.flatnonzero(case.random.random(capacity) < 0.4).astype(np.int32)
            count = len(slots) - (len(slots) // 3 if case.is_on_gpu else 0)
            index = 1_000_000 + 3 * number
            with using("reference"):
                note_view(slots[:count], index, number, 2, *wanted)
            listed = (np.array([count], np.int32),) if case.is_on_gpu else ()
            note_view(
                *to_device((slots,)), case.counted(index), case.counted(number), 2, *got,
                *to_device(listed),
            )  # fmt: skip
        frames, counts, lasts = to_host(got)
        case.equal(f"frames of {capacity} known", np.isnan(frames), np.isnan(wanted[0]))
        # float32 of an index of a million, over six frames
        case.close("frames", np.nan_to_num(frames), np.nan_to_num(wanted[0]), 0.5)
        case.equal("counts", counts, wanted[1])
        case.equal("lasts", lasts, wanted[2])
        case.true("stays end", capacity < 100 or bool((counts < 0).any() and (counts > 1).any()))
