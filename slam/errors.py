"""Errors that a user sees as one line."""


class SlamError(Exception):
    """A mistake or a failure that the user can act on: one line that says what is wrong and what to
    do.
    """


class BadFrameError(SlamError):
    """One frame that cannot be used; playback skips and counts it."""
