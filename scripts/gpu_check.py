#!/usr/bin/env python3
"""Check every CUDA kernel against its definition and the GPU against the CPU, and measure both.

scripts/gpu_check.py                 # on a machine with a GPU: everything, in less than 8 minutes
scripts/gpu_check.py --only tsdf     # the checks and sections whose names hold this
scripts/gpu_check.py --simulate      # without a GPU: the checks of kernels in numba's simulator
scripts/gpu_check.py --simulate --only compare:tsdf   # tracker and map in it: a minute
"""

import argparse
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

SCRIPT = Path(__file__).resolve()
ROOT = SCRIPT.parents[1]
TOOLKIT = Path("/usr/local/cuda")
SIMULATOR = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1"}


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--simulate", action="store_true", help="run in numba's simulator")
    parser.add_argument("--only", default="", metavar="PART", help="what has this in its name")
    parser.add_argument("--seed", type=int, help="of the random inputs; default: a fresh one")
    parser.add_argument("--json", type=Path, help="results; default: gpu_check.json")
    parser.add_argument("--markdown", type=Path, help="write the table there, too")
    parser.add_argument("--record", type=Path, help="write the types of all launches there")
    # one part, in a process of its own
    parser.add_argument("--section", help=argparse.SUPPRESS)
    parser.add_argument("--checks", help=argparse.SUPPRESS)
    parser.add_argument("--notes", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    options = parse()
    sys.path[:0] = [str(ROOT), str(ROOT / "scripts"), str(ROOT / "tests")]
    if options.simulate:
        prepare_simulator()
    if options.section:
        return run_part(options)
    seed = int.from_bytes(os.urandom(4), "little") if options.seed is None else options.seed
    if options.simulate:
        return simulate(options, seed)
    with tempfile.TemporaryDirectory(prefix="gpu_check_") as folder:
        return run_all(options, seed, Path(folder))


def run_all(options: argparse.Namespace, seed: int, folder: Path) -> int:
    """Run the whole check on a GPU, in a folder of its own."""
    # Before numba is imported. What it has kept elsewhere does not know of changes in files beside
    # a kernel's own; and a checkout may be read-only.
    os.environ["NUMBA_CACHE_DIR"] = str(folder / "numba")
    if (toolkit := find_toolkit()) is not None:
        os.environ.setdefault("CUDA_HOME", str(toolkit))
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was done is told then, too
    from slam.device import find_obstacle

    if (obstacle := find_obstacle()) is not None:
        remedy = f": {obstacle.remedy}" if obstacle.remedy else ""
        print(f"gpu_check: {obstacle.what}{remedy}; without a GPU: --simulate", file=sys.stderr)
        return 2
    from gpu_checks.kernel_checks import names_like
    from gpu_checks.sections import SECTIONS
    from gpu_checks.session import run_session

    if not names_like(options.only) and not any(options.only in name for name in SECTIONS):
        return fail_for_nothing(options.only, SECTIONS)
    print(f"seed {seed}", flush=True)
    json_path = options.json or Path("gpu_check.json")
    return run_session(SCRIPT, seed, options.only, folder, json_path, options.markdown)


def find_toolkit() -> Path | None:
    """Return where numba can look for a compiler if no wheel has brought one."""
    if TOOLKIT.is_dir():
        return TOOLKIT
    nvcc = shutil.which("nvcc")
    return Path(nvcc).resolve().parents[1] if nvcc else None


def prepare_simulator() -> None:
    """Set what has to be set before numba is imported, and let the simulator be faster."""
    os.environ.update(SIMULATOR)
    # hashes and random numbers are meant to overflow
    warnings.filterwarnings("ignore", "overflow encountered", RuntimeWarning)
    from gpu_checks import simulator

    simulator.install()


def run_part(options: argparse.Namespace) -> int:
    """Run one section."""
    from gpu_checks import sections

    is_tiny, rows = options.simulate or options.tiny, options.work / "rows.jsonl"
    if options.section == "cpu":
        return sections.run_cpu_section(is_tiny, options.work)
    if options.section == "kernels":
        names = options.checks.split(",")
        return sections.run_kernel_section(names, options.seed, options.notes, rows)
    return sections.run_section(options.section, is_tiny, options.work, rows)


def simulate(options: argparse.Namespace, seed: int) -> int:
    """Run the checks of kernels in this process; or one section, if `--only` is its name."""
    from gpu_checks import kernel_checks, record
    from gpu_checks.sections import SECTIONS

    if options.only in SECTIONS:
        return simulate_section(options)
    names = kernel_checks.names_like(options.only)
    if not names:
        return fail_for_nothing(options.only, SECTIONS)
    print(f"seed {seed}", flush=True)
    seen = record.record() if options.record else {}
    results = []
    for result in kernel_checks.run_checks(names, seed, None):
        results.append(result)
        print(kernel_checks.describe(result), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1))
    if options.record:
        options.record.write_bytes(pickle.dumps(seen))
    return int(any(result.mismatches for result in results))


def simulate_section(options: argparse.Namespace) -> int:
    """Run a section on tiny inputs. The CPU's part is compiled, so it has a process of its own."""
    from gpu_checks.report import has_mismatch
    from gpu_checks.sections import read_rows, run_section

    with tempfile.TemporaryDirectory(prefix="gpu_check_") as folder:
        command = [sys.executable, str(SCRIPT), "--tiny", "--section", "cpu", "--work", folder]
        compiled = {key: value for key, value in os.environ.items() if key not in SIMULATOR}
        subprocess.run(command, env=compiled, check=True)
        path = Path(folder) / "rows.jsonl"
        run_section(options.only, True, Path(folder), path)
        rows = read_rows(path)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))
    return int(has_mismatch(rows))


def fail_for_nothing(only: str, sections: Iterable[str]) -> int:
    """Say that no check has such a name; return the exit status."""
    known = ", ".join(sections)
    print(f"gpu_check: nothing has {only!r} in its name; sections: {known}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
