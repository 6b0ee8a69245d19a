#!/usr/bin/env python3
"""Train the network that judges depth readings before they are fused, and write judge.npz.

It learns on views of random rooms, rendered and seen by random sensors (without noise, with a
Kinect's, with a stereo camera's), of which 0 to 20 % of the readings are disturbed: single ones
anywhere in the range, small errors of 5 to 60 standard deviations, specks, mixtures of two surfaces
beside silhouettes. The noise that it is told is off by up to a factor of 2. The rooms that validate
it are others.

    scripts/train_fusion.py --out runs/fusion

slam/tracking/judge.npz is a copy of what it writes.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
import torch
from fusion_training.fit import TRAINING, VALIDATION, drawn, fitted, flat, joined, validated


def main(argv: Sequence[str] | None = None) -> None:
    """Draw, fit, validate, write."""
    args = _arguments(argv)
    torch.set_num_threads(1)  # sums in a fixed order
    views = [drawn(args.seed, TRAINING, k) for k in range(args.views)]
    model = fitted(joined(views), args.epochs, args.seed)
    unseen = [drawn(args.seed, VALIDATION, k) for k in range(args.validation_views)]
    scores = validated(model, unseen)
    print("readings of unseen rooms: gross errors, of them told, of the others lost; RMS error of")
    print("those that stay, in standard deviations: before and after, and what of it is lasting")
    for kind, found in scores.items():
        shares = (f"{found[name]:8.3%}" for name in ("gross", "told", "lost"))
        errors = (f"{found[name]:7.3f}" for name in ("before", "after", "lasting"))
        print(f"{kind:>10}:", *shares, *errors)
    header = {"command": _command(args), "validation": scores}
    args.out.mkdir(parents=True, exist_ok=True)
    text = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(args.out / "judge.npz", header=text, network=flat(model))
    print(f"wrote {args.out / 'judge.npz'}")


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    summary = (__doc__ or "").split("\n", 1)[0]
    parser = argparse.ArgumentParser(
        description=summary, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the result")
    parser.add_argument("--seed", type=int, default=0, help="of rooms, sensors and weights")
    parser.add_argument("--views", type=int, default=240, help="of rooms to train on")
    parser.add_argument("--validation-views", type=int, default=60, help="of other rooms")
    parser.add_argument("--epochs", type=int, default=8, help="times that each reading is seen")
    return parser.parse_args(argv)


def _command(args: argparse.Namespace) -> str:
    """Return the command that gives the same weights again."""
    options = {key.replace("_", "-"): value for key, value in vars(args).items() if key != "out"}
    words = [f"--{key} {value}" for key, value in options.items()]
    return f"scripts/train_fusion.py --out runs/fusion {' '.join(words)}"


if __name__ == "__main__":
    main()
