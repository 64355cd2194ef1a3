"""What gates let through."""

import math

from msgspec import Struct


class GateConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Which gates there are. Times in seconds.

    ``silence``: sound passes while somebody may be speaking, from ``preroll`` before to ``hangover`` after; 0 for what
    the session's own end of turn needs. ``video``: frames pass around speech, and with what is typed, up to ``tail``
    after; in between only the newest is kept. Clients that ask for all input (``TURN_INCLUDES_ALL_INPUT``), or mark
    their activity themselves, have no silence gate.
    """

    silence: bool = False
    video: bool = False
    preroll: float = 0.5
    hangover: float = 0.0
    tail: float = 1.0

    def __post_init__(self) -> None:
        for name in ("preroll", "hangover", "tail"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must not be negative")
