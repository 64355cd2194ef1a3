"""What is kept of a session, so that another connection, after a restart or in another process, can go on with it."""

from msgspec import Struct

from antiphon.live.history import Turn
from antiphon.live.tokens import Tokens, Usage


class KeptTurn(Struct, frozen=True):
    """A turn and what it costs to read again."""

    turn: Turn
    tokens: Tokens


class Snapshot(Struct, frozen=True):
    """A session between two turns. Everything else comes with the setup of the connection that resumes it.

    ``next_generation`` goes on counting, so that no generation number is used twice in one session. ``seconds`` is how
    long the session lasted so far, ``has_video`` whether it had pictures.
    """

    session_id: str
    model: str
    turns: tuple[KeptTurn, ...]
    usage: Usage
    next_generation: int
    input_seconds: float = 0.0
    seconds: float = 0.0
    has_video: bool = False
