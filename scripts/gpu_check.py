#!/usr/bin/env python3
"""Check every CUDA kernel against its definition and the GPU against the CPU, and measure both.

scripts/gpu_check.py                 # on a machine with a GPU: everything, in less than 8 minutes
scripts/gpu_check.py --only tsdf     # the checks and sections whose names hold this
scripts/gpu_check.py --simulate      # without a GPU: the checks of kernels in numba's simulator
"""

import argparse
import json
import os
import pickle
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

SCRIPT = Path(__file__).resolve()
ROOT = SCRIPT.parents[1]
TOOLKIT = Path("/usr/local/cuda")


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
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--tiny", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    options = parse()
    if options.simulate:
        prepare_simulator()
    sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
    if options.section:
        return run_part(options)
    seed = int.from_bytes(os.urandom(4), "little") if options.seed is None else options.seed
    if options.simulate:
        return simulate(options, seed)
    if TOOLKIT.is_dir():  # numba looks there for a compiler where no wheel has brought one
        os.environ.setdefault("CUDA_HOME", str(TOOLKIT))
    from slam.device import find_obstacle

    if (obstacle := find_obstacle()) is not None:
        remedy = f": {obstacle.remedy}" if obstacle.remedy else ""
        print(f"gpu_check: {obstacle.what}{remedy}; without a GPU: --simulate", file=sys.stderr)
        return 2
    from gpu_checks.kernel_checks import names_like
    from gpu_checks.sections import SECTIONS
    from gpu_checks.session import run_session

    if not names_like(options.only) and not any(options.only in name for name in SECTIONS):
        return fail_for_nothing(options.only, f"; sections: {', '.join(SECTIONS)}")
    print(f"seed {seed}", flush=True)
    json_path = options.json or Path("gpu_check.json")
    return run_session(SCRIPT, seed, options.only, json_path, options.markdown)


def prepare_simulator() -> None:
    """Set what has to be set before numba is imported."""
    os.environ.update(NUMBA_ENABLE_CUDASIM="1", NUMBA_DISABLE_JIT="1")
    if hasattr(os, "sched_setaffinity"):
        # a kernel's threads run in turns anyway; on two cores they take twice as long to
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    # hashes and random numbers are meant to overflow
    warnings.filterwarnings("ignore", "overflow encountered", RuntimeWarning)


def run_part(options: argparse.Namespace) -> int:
    """Run one section."""
    from gpu_checks import sections

    is_tiny, rows = options.simulate or options.tiny, options.work / "rows.jsonl"
    if options.section == "cpu":
        return sections.run_cpu_section(is_tiny, options.work)
    if options.section == "kernels":
        names = options.checks.split(",")
        notes = options.work / f"checks_{len(names)}.jsonl"
        return sections.run_kernel_section(names, options.seed, notes, rows)
    return sections.run_section(options.section, is_tiny, options.work, rows)


def simulate(options: argparse.Namespace, seed: int) -> int:
    """Run the checks of kernels in this process."""
    from gpu_checks import kernel_checks, record

    names = kernel_checks.names_like(options.only)
    if not names:
        return fail_for_nothing(options.only)
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


def fail_for_nothing(only: str, more: str = "") -> int:
    """Say that no check has such a name; return the exit status."""
    print(f"gpu_check: no check has {only!r} in its name{more}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
