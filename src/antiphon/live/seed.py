"""What an engine's conversation begins with when the session is older than it is."""

from msgspec import Struct

from antiphon.live.history import History


class Seed(Struct, frozen=True):
    """``history`` is what was said before, in another conversation; ``generation`` numbers the next answer.

    Only engines that take turns need it: all others are handed the history with everything they are to answer. Nothing
    in it asks for an answer: that is told afterwards.
    """

    history: History = ()
    generation: int = 1
