#!/usr/bin/env python3
"""Train the geometry decoders of the feature grid on random rooms, and write decoders.npz.

Features of a new map start near zero and get a few dozen steps of Adam, so that is what decoders
are trained for: an episode adapts fresh features to small crops of rooms, decoders fixed, and the
error that is left after some of the steps is followed back, through all of them, to the decoders'
weights. The levels are trained one after the other, as the fine one adds to the middle one.

    scripts/pretrain_decoders.py --out runs/decoders

Stopped, it goes on from its last checkpoint in that folder when called again; the result is the
same as without the stop. slam/maps/neural/decoders.npz is a copy of what it wrote; its header says
when.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from pretraining.batch import Rooms
from pretraining.episodes import SPREAD, Rates
from pretraining.field import LEVELS, Weights, linear_weights, random_weights
from pretraining.train import VALIDATION, Plan, train
from pretraining.validate import RATES, validate

from slam.maps.neural.decoders import GeometryDecoders, save_decoders


def main(argv: Sequence[str] | None = None) -> None:
    """Train, validate, write."""
    args = _arguments(argv)
    torch.set_num_threads(1)  # sums in a fixed order
    args.out.mkdir(parents=True, exist_ok=True)
    plan = Plan(args.seed, args.middle_steps, args.fine_steps)
    weights = train(plan, args.out / "checkpoint.pt")
    header = {
        "command": _command(args),
        "plan": asdict(plan),
        "spacings_m": {name: level.spacing_m for name, level in LEVELS.items()},
        "truncations_m": {name: level.truncation_m for name, level in LEVELS.items()},
        "spread_of_fresh_features": SPREAD,
        "on_line_rates": asdict(Rates()),
        "validation": _validation(weights, args),
    }
    arrays: dict[str, Any] = {name: weight.numpy() for name, weight in weights.items()}
    save_decoders(args.out / "decoders.npz", GeometryDecoders(**arrays, header=header))
    print(f"wrote {args.out / 'decoders.npz'}")


def _validation(weights: Weights, args: argparse.Namespace) -> dict[str, Any]:
    """Compare with a random decoder and with none, at several rates and lengths of adaptation."""
    rooms = Rooms(args.seed, VALIDATION)
    decoders = {
        "pretrained": weights,
        "random": random_weights(args.seed + 1),
        "linear": linear_weights(),
    }
    result: dict[str, Any] = {}
    print("RMS error within 3 cm of surfaces of unseen rooms, in mm")
    for name, candidate in decoders.items():
        for label, rates in RATES.items():
            errors = validate(candidate, rooms, args.validation_crops, rates)
            result[f"{name}, {label}"] = errors
            text = "  ".join(f"{key} {value:5.2f}" for key, value in errors.items())
            print(f"{name}, {label}: {text}", flush=True)
    return {"rms_error_mm": result, "num_crops": args.validation_crops}


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    summary = (__doc__ or "").split("\n", 1)[0]
    parser = argparse.ArgumentParser(
        description=summary, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of checkpoint and result")
    parser.add_argument("--seed", type=int, default=0, help="of rooms, weights and samples")
    parser.add_argument("--middle-steps", type=int, default=600, help="training steps")
    parser.add_argument("--fine-steps", type=int, default=250, help="training steps")
    parser.add_argument("--validation-crops", type=int, default=8, help="crops of unseen rooms")
    return parser.parse_args(argv)


def _command(args: argparse.Namespace) -> str:
    """Return the command that gives the same weights again."""
    options = {key.replace("_", "-"): value for key, value in vars(args).items() if key != "out"}
    words = [f"--{key} {value}" for key, value in options.items()]
    return f"scripts/pretrain_decoders.py --out runs/decoders {' '.join(words)}"


if __name__ == "__main__":
    main()
