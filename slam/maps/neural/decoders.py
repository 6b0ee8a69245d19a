"""The geometry decoders of the feature grid, trained on random rooms and frozen.

scripts/pretrain_decoders.py trains them and writes the file; its header holds the command.
"""

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

CHANNELS, HIDDEN = 4, 32


@dataclass(frozen=True)
class GeometryDecoders:
    """Weights of one hidden layer of ReLU units a level, without biases.

    With features phi interpolated on a level, and values in units of the level's truncation:

        middle           sdf = phi[0] + w2 . relu(w1^T phi)
        fine             residual = phi_fine[0] + w2 . (relu(a + b) - relu(b)),
                         a = w1[:4]^T phi_fine, b = w1[4:]^T phi_middle

    So a level is positively homogeneous in its features, and no fine features mean no residual.
    """

    middle_w1: Float32[np.ndarray, "4 32"]
    middle_w2: Float32[np.ndarray, "32 1"]
    fine_w1: Float32[np.ndarray, "8 32"]
    fine_w2: Float32[np.ndarray, "32 1"]
    header: dict[str, Any]  # how they were trained, for which grids, and their errors


WEIGHTS = ("middle_w1", "middle_w2", "fine_w1", "fine_w2")


def load_decoders(path: Path | None = None) -> GeometryDecoders:
    """Read the decoders that come with the package, or those in a file."""
    source = path or resources.files("slam.maps.neural").joinpath("decoders.npz")
    with source.open("rb") as file, np.load(file) as arrays:
        header = json.loads(arrays["header"].tobytes())
        return GeometryDecoders(**{name: arrays[name] for name in WEIGHTS}, header=header)


def save_decoders(path: Path, decoders: GeometryDecoders) -> None:
    """Write a file that `load_decoders` reads."""
    header = np.frombuffer(json.dumps(decoders.header).encode(), np.uint8)
    arrays = {name: getattr(decoders, name) for name in WEIGHTS}
    np.savez(path, header=header, **arrays)
