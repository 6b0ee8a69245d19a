"""Keys, through real pseudo-terminals."""

import contextlib
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import textwrap
import time
from pathlib import Path

import pytest

from slam.control.controls import Controls
from slam.control.keys import HELP, press, terminal_keys

pytestmark = pytest.mark.timeout(60)
ROOT = Path(__file__).resolve().parents[3]
LONG_S = 20.0
COOKED = termios.ECHO | termios.ICANON


class Terminal:
    """A pseudo-terminal: what is typed on the master arrives at the slave."""

    def __init__(self):
        self.master, self.slave = pty.openpty()

    def modes(self):
        return termios.tcgetattr(self.slave)[3]

    def type(self, text):
        os.write(self.master, text.encode())

    def close(self):
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal():
    terminal = Terminal()
    yield terminal
    terminal.close()


def wait_for(condition):
    end_s = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < end_s, "waited in vain"
        time.sleep(0.01)


def phase(controls):
    return controls.status()["phase"]


@pytest.mark.parametrize("key", ["n", "s", "N"])
def test_a_step_pauses(key):
    controls = Controls()
    assert press(key, controls) == ""
    assert phase(controls) == "paused"


def test_each_key_does_what_the_help_says():
    controls = Controls()
    assert "paused" in press(" ", controls)
    assert phase(controls) == "paused"
    press(" ", controls)
    assert phase(controls) == "running"
    press("r", controls)
    assert (controls.take_reset(), controls.take_save()) == (True, False)
    press("m", controls)
    assert (controls.take_reset(), controls.take_save()) == (False, True)
    assert press("?", controls) == HELP
    assert press("x", controls) == ""
    assert not controls.is_quit
    press("q", controls)
    assert controls.is_quit


def test_typed_keys_arrive_and_the_terminal_is_as_before(terminal):
    controls, said = Controls(), []
    before = termios.tcgetattr(terminal.slave)
    with terminal_keys(controls, said.append, terminal.slave):
        wait_for(lambda: not terminal.modes() & COOKED)
        assert terminal.modes() & termios.ISIG  # Ctrl-C stays Ctrl-C
        terminal.type(" ")
        wait_for(lambda: phase(controls) == "paused")
        terminal.type("\x1b[A\x1bOQ")  # cursor up, F2
        terminal.type("é")
        terminal.type("m")
        wait_for(controls.take_save)
        assert not controls.is_quit
    assert termios.tcgetattr(terminal.slave) == before
    assert said[0] == HELP
    terminal.type("r")
    assert not controls.take_reset()


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_the_terminal_is_as_before_after_an_error(terminal, error):
    before = termios.tcgetattr(terminal.slave)

    def fail():
        with terminal_keys(Controls(), [].append, terminal.slave):
            wait_for(lambda: not terminal.modes() & COOKED)
            raise error

    with pytest.raises(error):
        fail()
    assert termios.tcgetattr(terminal.slave) == before


def test_a_terminal_reset_by_someone_else_is_taken_again(terminal):
    with terminal_keys(Controls(), [].append, terminal.slave):
        wait_for(lambda: not terminal.modes() & COOKED)
        attributes = termios.tcgetattr(terminal.slave)
        attributes[3] |= COOKED
        termios.tcsetattr(terminal.slave, termios.TCSANOW, attributes)
        wait_for(lambda: not terminal.modes() & COOKED)


def test_without_a_terminal_there_are_no_keys(tmp_path):
    said = []
    with (tmp_path / "input").open("w+") as file:
        with terminal_keys(Controls(), said.append, file.fileno()):
            pass
    assert said == []


CHILD = """
import sys, time
sys.path.insert(0, {root!r})
from slam.control.controls import Controls
from slam.control.keys import terminal_keys
from slam.workers import StopEvent
def say(line):
    print("said:", line, flush=True)
controls, stop = Controls(), StopEvent()
with terminal_keys(controls, say):
    {body}
print("end", flush=True)
"""
UNTIL_QUIT = "while not controls.is_quit: time.sleep(0.01)"
UNTIL_KILLED = "time.sleep(1000)"


class Shell:
    """A plain shell with job control in a terminal of its own; it repairs no terminal modes."""

    def __init__(self):
        self.shown = ""
        self.master, slave = pty.openpty()
        self.slave = slave
        self._process = subprocess.Popen(
            [sys.executable, "-c", SHELL_IN_TERMINAL],
            stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env=os.environ | {"PS1": "ready> ", "ENV": ""},
        )  # fmt: skip

    def type(self, text):
        os.write(self.master, text.encode())

    def wait_until_shown(self, text):
        """Wait for new output; what was shown before it is forgotten."""
        end_s = time.monotonic() + LONG_S
        while text not in self.shown:
            assert time.monotonic() < end_s, f"no {text!r} in {self.shown!r}"
            if select.select([self.master], [], [], 0.05)[0]:
                self.shown += os.read(self.master, 4096).decode(errors="replace")
        self.shown = self.shown.partition(text)[2]

    def is_cooked(self):
        return termios.tcgetattr(self.slave)[3] & COOKED == COOKED

    def close(self):
        os.close(self.master)  # hangs up: ends whatever still runs in it
        os.close(self.slave)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


SHELL_IN_TERMINAL = """
import fcntl, os, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp("sh", ["sh", "-i"])
"""


@pytest.fixture
def shell():
    shell = Shell()
    shell.wait_until_shown("ready> ")
    yield shell
    shell.close()


@pytest.fixture
def program(tmp_path):
    """A line for the shell that runs a program with keys."""

    def write(body):
        path = tmp_path / "program.py"
        path.write_text(textwrap.dedent(CHILD.format(root=str(ROOT), body=body)))
        return f"{sys.executable} {path}"

    return write


def test_a_suspended_program_leaves_the_terminal_as_it_was(shell, program):
    shell.type(program(UNTIL_QUIT) + "\n")
    shell.wait_until_shown("said: keys")
    wait_for(lambda: not shell.is_cooked())
    shell.type("\x1a")  # Ctrl-Z
    shell.wait_until_shown("ready> ")
    assert shell.is_cooked()
    shell.type("fg\n")
    wait_for(lambda: not shell.is_cooked())
    shell.type(" ")
    shell.wait_until_shown("said: paused")
    shell.type("q")
    shell.wait_until_shown("end")
    shell.wait_until_shown("ready> ")
    assert shell.is_cooked()


def test_a_program_in_the_background_leaves_the_terminal_alone(shell, program):
    later = "time.sleep(0.4); say('not stopped')\n    "  # after several looks of its thread
    shell.type(program(later + UNTIL_QUIT) + " &\n")
    shell.wait_until_shown("said: not stopped")
    assert shell.is_cooked()
    shell.type("fg\n")
    wait_for(lambda: not shell.is_cooked())
    shell.type("q")
    shell.wait_until_shown("end")
    shell.wait_until_shown("ready> ")
    assert shell.is_cooked()


def test_ctrl_c_leaves_the_terminal_as_it_was(shell, program):
    shell.type(program(UNTIL_KILLED) + "\n")
    shell.wait_until_shown("said: keys")
    wait_for(lambda: not shell.is_cooked())
    shell.type("\x03")
    shell.wait_until_shown("KeyboardInterrupt")
    shell.wait_until_shown("ready> ")
    assert shell.is_cooked()
