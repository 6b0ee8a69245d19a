"""The training run: step after step through the levels, kept on disk."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from pretraining.batch import Rooms
from pretraining.field import Weights, random_weights
from pretraining.meta import ERRORS

TRAINING, VALIDATION = 0, 1  # uses of rooms, which share none
# The rate of the decoders' own Adam: its peak, the steps to there, and the share of it at the end.
PEAK_RATE = {"middle": 0.04, "fine": 0.03}
WARM_UP, END_SHARE = 20, 0.02
MAX_GRADIENT = 1.0
EVERY = 25  # steps between two lines of progress, and two checkpoints


@dataclass(frozen=True)
class Plan:
    """What decides the result: the seed, and the steps on each level in their order."""

    seed: int
    middle: int
    fine: int

    @property
    def total(self) -> int:
        """The number of steps."""
        return self.middle + self.fine

    def place(self, step: int) -> tuple[str, int, int]:
        """Return a step's level, its number there from 0, and the number of steps there."""
        for name in ERRORS:
            count = getattr(self, name)
            if step < count:
                return name, step, count
            step -= count
        raise ValueError(f"step must be below {self.total}, got {step} more")


class Training:
    """Weights and their optimisers, one a level."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.num_done = plan, 0
        self.weights: Weights = random_weights(plan.seed)
        self.optimisers = {
            name: torch.optim.Adam(self._parameters(name), betas=(0.9, 0.99)) for name in ERRORS
        }
        self.rooms = Rooms(plan.seed, TRAINING)

    def step(self) -> float:
        """Take the next step; return the mean logarithm of the errors before it."""
        name, k, count = self.plan.place(self.num_done)
        for key, weight in self.weights.items():
            weight.requires_grad_(key.startswith(name)).grad = None
        error = ERRORS[name](self.weights, self.rooms, (self.plan.seed, self.num_done))
        error.backward()
        torch.nn.utils.clip_grad_norm_(self._parameters(name), MAX_GRADIENT)
        self.optimisers[name].param_groups[0]["lr"] = PEAK_RATE[name] * _share(k, count)
        self.optimisers[name].step()
        self.num_done += 1
        return error.item()

    def store(self, path: Path) -> None:
        """Write the state; an interruption leaves the file as it was before."""
        state = {
            "plan": asdict(self.plan),
            "num_done": self.num_done,
            "weights": {name: weight.detach() for name, weight in self.weights.items()},
            "optimisers": {name: o.state_dict() for name, o in self.optimisers.items()},
        }
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def restore(self, path: Path) -> None:
        """Read a state, which must be of the same plan."""
        state: dict[str, Any] = torch.load(path, weights_only=True)
        if state["plan"] != asdict(self.plan):
            raise ValueError(f"{path} is of the plan {state['plan']}, not {asdict(self.plan)}")
        self.num_done = state["num_done"]
        for name, weight in self.weights.items():
            weight.data.copy_(state["weights"][name])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(state["optimisers"][name])

    def _parameters(self, name: str) -> list[torch.Tensor]:
        return [self.weights[f"{name}_{layer}"] for layer in ("w1", "w2")]


def train(plan: Plan, checkpoint: Path, until: int | None = None) -> Weights:
    """Train from the checkpoint, if there is one, to the end or to a step."""
    training = Training(plan)
    if checkpoint.exists():
        training.restore(checkpoint)
    start_s, errors = time.perf_counter(), []
    while training.num_done < (plan.total if until is None else until):
        name, k, count = plan.place(training.num_done)
        errors.append(training.step())
        if (k + 1) % EVERY == 0 or k + 1 == count or training.num_done == until:
            training.store(checkpoint)
            elapsed_s, mean = time.perf_counter() - start_s, sum(errors) / len(errors)
            print(
                f"{elapsed_s:4.0f} s  {name} {k + 1}/{count}  mean log error {mean:.3f}", flush=True
            )
            errors = []
    return {name: weight.detach() for name, weight in training.weights.items()}


def _share(k: int, count: int) -> float:
    """Rise in a few steps, then fall in a straight line."""
    return min(1.0, (k + 1) / WARM_UP) * max(END_SHARE, 1 - k / count)
