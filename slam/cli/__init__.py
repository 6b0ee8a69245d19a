"""The command line."""

from slam.cli.parser import main

__all__ = ["main"]
