#!/usr/bin/env python3
"""Check every CUDA kernel against its definition, on a GPU or in numba's simulator.

scripts/gpu_check.py                 # on a machine with a GPU
scripts/gpu_check.py --simulate      # without one: tiny inputs, no times
"""

import argparse
import json
import os
import pickle
import sys
from dataclasses import asdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--simulate", action="store_true", help="run in numba's simulator")
    parser.add_argument("--only", default="", metavar="PART", help="checks whose name holds this")
    parser.add_argument("--seed", type=int, help="of the random inputs; default: a fresh one")
    parser.add_argument("--json", type=Path, help="write the results there")
    parser.add_argument("--record", type=Path, help="write the types of all launches there")
    return parser.parse_args()


def main() -> int:
    options = parse()
    if options.simulate:  # read by numba when it is imported
        os.environ.update(NUMBA_ENABLE_CUDASIM="1", NUMBA_DISABLE_JIT="1")
    sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]
    from gpu_checks import record
    from gpu_checks.check import run_check
    from gpu_checks.suite import CHECKS

    seen = record.record() if options.record else {}
    seed = int.from_bytes(os.urandom(4), "little") if options.seed is None else options.seed
    print(f"seed {seed}")
    results = []
    for name in CHECKS:
        if options.only in name:
            result = run_check(name, seed)
            results.append(result)
            print(f"{'FAILED' if result.mismatches else 'ok':6} {name} {result.seconds:.1f} s")
            for mismatch in result.mismatches:
                print(f"       {mismatch}")
    if options.json:
        options.json.write_text(json.dumps([asdict(result) for result in results], indent=1))
    if options.record:
        options.record.write_bytes(pickle.dumps(seen))
    return int(any(result.mismatches for result in results) or not results)


if __name__ == "__main__":
    sys.exit(main())
