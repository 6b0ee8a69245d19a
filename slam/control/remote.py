"""Remote control of a run, for as long as a block runs."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from slam.control.controls import Controls
from slam.control.keys import terminal_keys
from slam.control.server import LOOPBACK, control_page


@contextmanager
def controlled(
    say: Callable[[str], None],
    has_keys: bool = True,
    port: int | None = None,
    host: str = LOOPBACK,
) -> Iterator[Controls]:
    """Let a run be controlled while the block runs, by keys and by a page where a port is given.

    Args:
        say: shows the user a line, beside the progress bar.
        has_keys: read keys if standard input is a terminal.
        port: of the control page; 0 takes a free one.
        host: the address to serve the page on. Beyond the loopback address it has no password.

    Raises:
        SlamError: the page cannot be served there.
    """
    controls = Controls()
    with ExitStack() as stack:
        if port is not None:
            url = stack.enter_context(control_page(controls, host, port))
            say(f"control page: {url}")
        if has_keys:
            stack.enter_context(terminal_keys(controls, say))
        yield controls
