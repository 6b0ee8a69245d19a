#!/usr/bin/env bash
# Install what is needed, then run every check. Arguments go to pytest: scripts/test.sh -k config
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/setup.sh dev
use_writable_numba_cache
export TWINMAP_ARTEFACTS="${TWINMAP_ARTEFACTS:-$PWD/artefacts}" # pictures that tests took of the pages
python=.venv/bin/python
failed=()

check() { # check NAME COMMAND...: go on after a failure, so that one run shows all of them
    heading "$1"
    "${@:2}" || failed+=("$1")
}

tests() { "$python" -m pytest "$@" || [[ $? == 5 ]]; } # 5: the arguments chose none of these

check "ruff check" "$python" -m ruff check .
check "ruff format" "$python" -m ruff format --check .
check "pyright" "$python" -m pyright
# once, in processes side by side: else every process of tests compiles what it comes to first
check "kernels" "$python" -c '
from slam.config import Config
from slam.runs.warmup import warm_up
duration_s = warm_up([Config(map=name) for name in ("tsdf", "neural")])
print(f"compiled in {duration_s:.0f} s")'
# a process a core; who has done its half of the tests takes from the other's
check "pytest" tests -m "not realtime" --numprocesses auto --maxprocesses 4 --dist worksteal "$@"
check "pytest, real time" tests -m realtime "$@"

if [[ ${#failed[@]} != 0 ]]; then
    printf -v names '%s, ' "${failed[@]}"
    fail "failed: ${names%, }"
fi
heading "all checks passed"
