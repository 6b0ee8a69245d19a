"""The words that binary descriptors are sorted into: a tree of centres, trained and frozen.

scripts/train_vocabulary.py trains it and writes the file; its header holds the command.
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32, UInt64

from kernels.places import words_of


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary tree (Nister and Stewenius 2006) of binary centres; see `kernels.places`."""

    tree: UInt64[np.ndarray, "nodes 4"]
    header: dict[str, Any]  # how it was trained

    def words_of(self, descriptors: UInt64[np.ndarray, "n 4"]) -> Int32[np.ndarray, "n"]:
        """Return the word of each descriptor."""
        return words_of(descriptors, self.tree)


def load_vocabulary(path: Path | None = None) -> Vocabulary:
    """Read the vocabulary that comes with the package, or one in a file."""
    return _shipped() if path is None else _read(path)


@cache
def _shipped() -> Vocabulary:
    return _read(resources.files("slam.places").joinpath("vocabulary.npz"))


def _read(source: Any) -> Vocabulary:
    with source.open("rb") as file, np.load(file) as arrays:
        return Vocabulary(arrays["tree"], json.loads(arrays["header"].tobytes()))


def save_vocabulary(path: Path, vocabulary: Vocabulary) -> None:
    """Write a file that `load_vocabulary` reads."""
    header = np.frombuffer(json.dumps(vocabulary.header).encode(), np.uint8)
    np.savez(path, header=header, tree=vocabulary.tree)
