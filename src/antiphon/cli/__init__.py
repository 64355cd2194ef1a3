"""The command line."""

from antiphon.cli.app import main

__all__ = ["main"]
