"""Errors that a user sees as one line."""

from collections.abc import Iterator
from contextlib import contextmanager


class SlamError(Exception):
    """A mistake or a failure that the user can act on: one line that says what is wrong and what to
    do.
    """


class BadFrameError(SlamError):
    """One frame that cannot be used; playback skips and counts it."""


@contextmanager
def error_context(subject: object) -> Iterator[None]:
    """Put what a SlamError is about, a file say, before its line."""
    try:
        yield
    except SlamError as error:
        raise SlamError(f"{subject}: {error}") from error
