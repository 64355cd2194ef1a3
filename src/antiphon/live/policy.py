"""What the owner of a server decides about every session."""

import math

from msgspec import Struct


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """Limits and habits of a session; times in seconds.

    ``pace_turns`` holds ``turnComplete`` back until the answer has played out in real time, as the hosted service
    does: widespread sample clients empty their playback queue when it arrives.
    """

    setup_timeout: float = 30.0
    idle_timeout: float = 1800.0
    tool_timeout: float = 60.0
    pace_turns: bool = True
    max_early_messages: int = 256
    messages_per_second: float = 500.0

    def __post_init__(self) -> None:
        for name in ("setup_timeout", "idle_timeout", "tool_timeout", "max_early_messages", "messages_per_second"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive")
