"""Public ops. Each states its contract once, checks its arguments and dispatches by its arrays.

`kernels.reference` is the definition of every op, written to be read; `kernels.cpu` is the same in
numba, `kernels.cuda` in numba-cuda; `kernels.scalar` holds the bodies that both share.
"""

import os

# Two pools of threads that spin while they wait would fight for the same cores; both libraries read
# this at load.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("NUMBA_THREADING_LAYER", "threadsafe")
# Launches of a few blocks are meant: an image pyramid ends in small images.
os.environ.setdefault("NUMBA_CUDA_LOW_OCCUPANCY_WARNINGS", "0")
