"""What a command says on the terminal, as long as there is one."""

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from tqdm import tqdm

if TYPE_CHECKING:
    from slam.batch.batch import State
    from slam.viewer.base import Snapshot

BATCH_BAR = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"


def say(text: str) -> None:
    """Write a line of the command's answer."""
    with suppress(OSError):  # the terminal, or who reads the pipe, may be gone
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def tell(text: str) -> None:
    """Write a line beside the progress bar."""
    with suppress(OSError):
        tqdm.write(text, file=sys.stderr)


def say_scores(title: str, scores: dict) -> None:
    """Write a line for each score that there is."""
    for name, value in scores.items():
        if value is not None:
            shown = f"{value:.4g}" if isinstance(value, float) else value
            say(f"{title} {name}: {shown}")


def summary(metrics: dict) -> str:
    """Return the line that ends a run."""
    if "fps" in metrics:
        parts = [
            f"{metrics['frames']} frames, " + _pace(metrics["fps"]),
            f"tracked {metrics['tracked']}, lost {metrics['lost']}, ends {metrics['final_state']}",
            f"map {metrics['map_mb']:.0f} MB",
        ]
    else:  # another system's
        parts = [f"tracked {metrics['tracked']}"]
    if metrics.get("ate_rmse_m") is not None:
        parts.append(f"ATE {100 * metrics['ate_rmse_m']:.3f} cm")
    return "; ".join(parts)


def _pace(fps: float | None) -> str:
    """Say how fast a run was; one that goes on with a run that was done has nothing to do."""
    return f"{fps:.1f} fps" if fps else "none of them new"


class BatchProgress:
    """A bar of jobs, with the time that is left, and a line for each that failed."""

    def __init__(self, num_jobs: int) -> None:
        self._num_jobs = num_jobs
        self._num_failures = 0
        self._bar: tqdm | None = None

    def __call__(self, state: "State") -> None:
        """Show how far a batch is."""
        if self._bar is None:
            self._bar = tqdm(total=self._num_jobs, unit="run", bar_format=BATCH_BAR)
        for outcome in state.failures[self._num_failures :]:
            tell(f"failed: {outcome.job}: {outcome.error}")
        self._num_failures = len(state.failures)
        left_s = state.left_s
        parts = [f"{state.num_kept} done before"] if state.num_kept else []
        parts += [f"{self._num_failures} failed"] if self._num_failures else []
        if left_s:
            parts.append(f"about {tqdm.format_interval(int(left_s))} left")
        with suppress(OSError):
            self._bar.set_postfix_str(", ".join(parts), refresh=False)
            self._bar.update(len(state.outcomes) - self._bar.n)
            self._bar.refresh()

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            with suppress(OSError):
                self._bar.close()


class Progress:
    """A bar on the terminal from the first frame on, so that an error before stands alone."""

    def __init__(self, num_frames: int | None) -> None:
        self._num_frames = num_frames
        self._bar: tqdm | None = None

    def __call__(self, snapshot: "Snapshot") -> None:
        """Show a finished frame."""
        states = " ".join(system.result.state.value for system in snapshot.systems)
        self.step(f"{snapshot.fps:.1f} fps {states}")

    def step(self, text: str) -> None:
        """Go on by a frame, of which this is to be said."""
        with suppress(OSError):
            if self._bar is None:
                self._bar = tqdm(total=self._num_frames, unit="frame")
            self._bar.set_postfix_str(text, refresh=False)
            self._bar.update()

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            with suppress(OSError):
                self._bar.close()
