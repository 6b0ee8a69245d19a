"""How launches become a graph; torch's part, which needs a GPU, is played."""

import contextlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from kernels.cuda import graph
from kernels.cuda.graph import Graph


class Torch:
    """What is called of `torch.cuda`, and in what order."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.stream = "own"
        self.fails = False
        self.cuda = SimpleNamespace(
            CUDAGraph=lambda: SimpleNamespace(replay=lambda: self.calls.append("replay")),
            graph=self._graph,
            current_stream=lambda: self.stream,
            set_stream=self._set_stream,
        )

    @contextlib.contextmanager
    def _graph(self, captured: Any, capture_error_mode: str) -> Iterator[None]:
        assert capture_error_mode == "thread_local"
        self.stream = "capture"
        try:
            yield
        finally:
            if self.fails:  # as torch does: it hides the reason, and stays on its stream
                raise RuntimeError("capturing failed due to a previous error")
        self.stream = "own"

    def _set_stream(self, stream: str) -> None:
        self.stream = stream

    def launch(self) -> None:
        self.calls.append(f"launch on {self.stream}")
        if self.fails and self.stream == "capture":
            raise ValueError("not permitted while capturing")


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Torch:
    torch = Torch()
    monkeypatch.setattr(graph, "torch", torch)
    monkeypatch.setattr(graph, "replays", True)
    monkeypatch.setattr(Graph, "num_failed", 0)
    return torch


def test_the_first_run_launches_the_second_captures_and_all_later_ones_replay(torch):
    captured = Graph()
    for _ in range(3):
        captured.run(torch.launch)
    assert torch.calls == ["launch on own", "launch on capture", "replay", "replay"]
    assert Graph.num_failed == 0


def test_what_cannot_be_captured_is_launched_on_the_stream_that_it_was_on(torch, caplog):
    torch.fails = True
    captured = Graph()
    for _ in range(3):
        captured.run(torch.launch)
    assert torch.calls == ["launch on own", "launch on capture", "launch on own", "launch on own"]
    assert torch.stream == "own"
    assert Graph.num_failed == 1
    (record,) = caplog.records
    assert record.getMessage().endswith(": not permitted while capturing")
    Graph().run(torch.launch)
    another = Graph()
    for _ in range(2):
        another.run(torch.launch)  # is not tried again
    assert torch.calls[4:] == ["launch on own"] * 3
    assert Graph.num_failed == 1


def test_without_replays_every_run_launches(torch, monkeypatch):
    monkeypatch.setattr(graph, "replays", False)
    captured = Graph()
    for _ in range(3):
        captured.run(torch.launch)
    assert torch.calls == ["launch on own"] * 3
