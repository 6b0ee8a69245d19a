"""One run of all checks in the simulator, in a process of its own: numba reads at import whether to
simulate.
"""

import json
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

LIMIT_S = 1500
SEED = 7  # the same inputs every time: a failure then is the change's
ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class CheckRun:
    """What the run printed and wrote."""

    results: dict[str, dict[str, Any]]
    launched: dict[str, set[tuple[Any, ...]]]  # "module:kernel" to types of arguments


@pytest.fixture(scope="session")
def check_run(tmp_path_factory: pytest.TempPathFactory) -> CheckRun:
    """Run `scripts/gpu_check.py --simulate`."""
    folder = tmp_path_factory.mktemp("gpu_check")
    command = [sys.executable, str(ROOT / "scripts" / "gpu_check.py"), "--simulate"]
    command += [
        "--seed",
        str(SEED),
        "--json",
        str(folder / "results.json"),
        "--record",
        str(folder / "launches"),
    ]
    try:
        run = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        done = (error.stdout or b"").decode(errors="replace")
        pytest.fail(f"the checks take longer than {LIMIT_S} s; done:\n{done}")
    if not (folder / "launches").exists():  # written last
        pytest.fail(f"exit status {run.returncode}\n{run.stdout[-3000:]}\n{run.stderr[-6000:]}")
    results = json.loads((folder / "results.json").read_text())
    launched = pickle.loads((folder / "launches").read_bytes())
    return CheckRun({result["name"]: result for result in results}, launched)
