"""What a long task with model files tells whoever watches."""

from typing import Protocol


class Progress(Protocol):
    """Someone who watches. Called from the thread that does the work."""

    def start(self, what: str, total: int | None) -> None:
        """A file is begun: ``what`` is done to it, and its bytes if known."""

    def at(self, done: int) -> None:
        """So many bytes of it are done. Falls where a download has to begin anew."""

    def say(self, text: str) -> None:
        """Something worth a line: a wait, a new beginning, a checksum that is new."""


class Silent:
    """Nobody watches."""

    def start(self, what: str, total: int | None) -> None:
        """Nothing."""

    def at(self, done: int) -> None:
        """Nothing."""

    def say(self, text: str) -> None:
        """Nothing."""
