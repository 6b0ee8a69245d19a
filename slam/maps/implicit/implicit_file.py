"""The file of an implicit map; see `slam.maps.map_file` for what all map files have in common, and
`slam.maps.keyframe_file` for the keyframes.

    header             uint8    JSON text: format "twinmap-implicit", version, config, noise, frame
                                count, steps of the optimiser, error at readings, and the keyframes
    network_NAME       float32  a parameter of the network, or a constant of it
    mean_NAME          float32  its first moment in the optimiser, none before the first step
    square_NAME        float32  its second moment
    observed_coords    int32    (n, 3): blocks of 8 cm in which surface was seen
    observed_frames    uint16   (n,): frames that saw each
    observed_color     bool     (n,): whether one of them had colour there
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kernels.blocks import MAX_COORD
from slam.camera import DepthNoise
from slam.config import ImplicitConfig
from slam.config_file import build
from slam.errors import SlamError
from slam.maps.implicit.network import Network
from slam.maps.implicit.observed import Observed
from slam.maps.implicit.training import Trainer
from slam.maps.keyframe_file import check, checked, keyframe_headers, ray_arrays, read_keyframes
from slam.maps.keyframes import Keyframes
from slam.maps.map_file import check_format, opened_map_file
from slam.maps.sizes import check_implicit
from slam.meshio import replaced_file

FORMAT = "twinmap-implicit"
VERSION = 1
MOMENTS = {"mean": "exp_avg", "square": "exp_avg_sq"}  # names here and in the optimiser


@dataclass(frozen=True)
class ImplicitContent:
    """What a map file holds; the network and its trainer are on the CPU when it is read."""

    config: ImplicitConfig
    depth_noise: DepthNoise
    num_integrated: int
    network: Network
    trainer: Trainer
    observed: Observed
    keyframes: Keyframes


def write_implicit(path: Path, content: ImplicitContent, beside: Mapping[str, Any]) -> None:
    """Write a map file, whole or not at all, with the arrays of others beside the map's."""
    observed, items = content.observed, content.keyframes.items
    states = content.trainer.optimiser.state
    steps = [int(state["step"]) for state in states.values()]
    header = {
        "format": FORMAT,
        "version": VERSION,
        "config": asdict(content.config),
        "depth_noise": asdict(content.depth_noise),
        "num_integrated": content.num_integrated,
        "num_steps": max(steps, default=0),
        "sigma_m": content.trainer.sigma_m,
        "keyframes": keyframe_headers(items),
    }
    arrays: dict[str, Any] = {
        "header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8),
        "observed_coords": observed.index.coords[: observed.count],
        "observed_frames": observed.num_frames[: observed.count],
        "observed_color": observed.has_color[: observed.count],
        **ray_arrays(items),
    }
    for name, value in content.network.state_dict().items():
        arrays[f"network_{name}"] = value.cpu().numpy()
    for name, parameter in content.network.named_parameters():
        for ours, theirs in MOMENTS.items():
            if parameter in states:
                arrays[f"{ours}_{name}"] = states[parameter][theirs].cpu().numpy()
    with replaced_file(path) as file:
        np.savez(file, **arrays, **beside)


def read_implicit(path: Path, device: torch.device) -> ImplicitContent:
    """Read a map file; whatever is wrong with it is one line."""
    with opened_map_file(path) as (header, arrays):
        check_format(header, FORMAT, VERSION)
        config = build(ImplicitConfig, header["config"])
        check_implicit(config)
        network = _read_network(config, arrays).to(device)
        return ImplicitContent(
            config=config,
            depth_noise=build(DepthNoise, header["depth_noise"]),
            num_integrated=int(header["num_integrated"]),
            network=network,
            trainer=_read_trainer(config, network, header, arrays),
            observed=_read_observed(config, arrays),
            keyframes=read_keyframes(header["keyframes"], arrays),
        )


def _read_network(config: ImplicitConfig, arrays: Any) -> Network:
    network = Network(config)
    state = network.state_dict()
    for name, value in state.items():
        state[name] = _tensor(arrays, f"network_{name}", value)
    network.load_state_dict(state)
    return network


def _read_trainer(
    config: ImplicitConfig, network: Network, header: dict[str, Any], arrays: Any
) -> Trainer:
    trainer, num_steps = Trainer(config, network), int(header["num_steps"])
    trainer.sigma_m = float(header["sigma_m"])
    if num_steps > 0:
        for name, parameter in network.named_parameters():
            trainer.optimiser.state[parameter] = {
                "step": torch.tensor(float(num_steps), device=parameter.device),
                **{
                    theirs: _tensor(arrays, f"{ours}_{name}", parameter).to(parameter.device)
                    for ours, theirs in MOMENTS.items()
                },
            }
    return trainer


def _read_observed(config: ImplicitConfig, arrays: Any) -> Observed:
    coords = arrays["observed_coords"]
    n = len(coords)
    check("observed_coords", coords, np.int32, (n, 3))
    if n and int(np.abs(coords.astype(np.int64)).max()) >= MAX_COORD - 1:
        raise SlamError("it is damaged: a block lies out of range")
    if len(np.unique(coords, axis=0)) != n:
        raise SlamError("it is damaged: a block occurs twice")
    observed = Observed(config.budget_mb)
    num_frames = checked(arrays, "observed_frames", np.uint16, (n,))
    observed.take(coords, num_frames, checked(arrays, "observed_color", np.bool_, (n,)))
    return observed


def _tensor(arrays: Any, name: str, like: torch.Tensor) -> torch.Tensor:
    dtype = like.detach().cpu().numpy().dtype
    array = checked(arrays, name, dtype, tuple(like.shape))
    if not np.isfinite(array).all():
        raise SlamError(f"it is damaged: {name} is not finite")
    return torch.from_numpy(array.copy())
