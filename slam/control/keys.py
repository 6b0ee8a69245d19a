"""Keys in the terminal of a run."""

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from functools import partial

from slam.control.controls import Controls
from slam.control.raw_terminal import KeyTerminal, let_go_while_suspended
from slam.workers import POLL_S, Service, StopEvent

STDIN_FD = 0
ESCAPE_SEQUENCE = re.compile(r"\x1b(\[[0-9;]*.|O.)?")  # what arrow and function keys send
HELP = "keys: space pause or go on, n next frame, r reset, m save the mesh, q quit, ? help"


@contextlib.contextmanager
def terminal_keys(
    controls: Controls, say: Callable[[str], None], fd: int = STDIN_FD
) -> Iterator[None]:
    """Read keys while the block runs, if there is a terminal; `say` shows a line in it."""
    if not os.isatty(fd):
        yield
        return
    terminal = KeyTerminal(fd)
    with let_go_while_suspended(terminal):
        try:
            say(HELP)
            service = Service("keys", partial(_serve, terminal, controls, say))
            try:
                yield
            finally:
                service.close()
        finally:  # also where a second Ctrl-C comes in between
            terminal.let_go()


def _serve(
    terminal: KeyTerminal, controls: Controls, say: Callable[[str], None], stop: StopEvent
) -> None:
    while not stop.is_set():
        if not terminal.take():
            stop.wait(POLL_S)
            continue
        typed = terminal.read(POLL_S)
        if typed is None:
            return
        for key in ESCAPE_SEQUENCE.sub("", typed):
            said = press(key, controls)
            if said:
                say(said)


def press(key: str, controls: Controls) -> str:
    """Do what a key stands for; return what there is to say about it."""
    match key.lower():
        case " ":
            controls.toggle_pause()
            is_paused = controls.status()["phase"] == "paused"
            return "paused: space goes on, n takes one frame" if is_paused else "going on"
        case "n" | "s":
            controls.step()
        case "r":
            controls.reset()
            return "resetting the maps"
        case "m":
            controls.save_mesh()
            return "saving the mesh"
        case "q":
            controls.quit()
            return "ending the run"
        case "?":
            return HELP
    return ""
