"""Public ops. Each states its contract once, checks its arguments and dispatches by its arrays.

`kernels.reference` is the definition of every op, written to be read; `kernels.cpu` is the same in
numba.
"""

import os

# Two pools of threads that spin while they wait would fight for the same cores; both libraries read
# this at load.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("NUMBA_THREADING_LAYER", "threadsafe")
