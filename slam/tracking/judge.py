"""Learned fusion: readings are judged by their neighbours before anything else sees them.

A sensor's noise is averaged out; what is no noise is averaged in. A small network, trained on
random rooms by scripts/train_fusion.py, says which readings are gross errors and by how much the
others are off, so that tracker, maps and places are all given better ones.
"""

import dataclasses
import json
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from kernels.judge import judged_depth
from slam.config import Config
from slam.device import DeviceKind
from slam.frame import Frame


class JudgeNetwork(NamedTuple):
    """The weights of `kernels.judge.judged_depth`, and how they were trained."""

    weights: Float32[np.ndarray, "n"]
    header: dict[str, Any]


class Judge:
    """Leaves gross errors out of frames and corrects what stays."""

    def __init__(self, device: DeviceKind = "cpu") -> None:
        self._is_on_gpu = device == "cuda"
        self._weights = load_network().weights

    def judged(self, frame: Frame) -> Frame:
        """Return the frame with the depth that is believed."""
        arguments = frame.depth_m, frame.depth_noise.coefficients, self._weights
        if self._is_on_gpu:
            from kernels.cuda.arrays import to_device, to_host

            depth_m = to_host(judged_depth(*to_device(arguments)))
        else:
            depth_m = judged_depth(*arguments)
        return dataclasses.replace(frame, depth_m=depth_m)


class NoJudge:
    """Believes everything."""

    def judged(self, frame: Frame) -> Frame:
        """Return the frame as it is."""
        return frame


def new_judge(config: Config, device: DeviceKind = "cpu") -> Judge | NoJudge:
    """Make what a config names."""
    return Judge(device) if config.fusion == "learned" else NoJudge()


@cache
def load_network(path: Path | None = None) -> JudgeNetwork:
    """Read the network that comes with the package, or that of a file."""
    source = path or resources.files("slam.tracking").joinpath("judge.npz")
    with source.open("rb") as file, np.load(file) as arrays:
        return JudgeNetwork(arrays["network"], json.loads(arrays["header"].tobytes()))
