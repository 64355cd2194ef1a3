"""What the owner of a server decides about every session."""

import math

from msgspec import Struct


class Policy(Struct, frozen=True, forbid_unknown_fields=True):
    """Limits and habits of a session; times in seconds.

    ``pace_turns`` holds ``turnComplete`` back until the answer has played out in real time, as the hosted service
    does: widespread sample clients empty their playback queue when it arrives. ``strict`` refuses what the hosted
    service refuses for a model; without it such fields are ignored, and named in the log.

    A function that the model waits for has ``tool_timeout`` to answer, one that runs in the background has
    ``background_tool_timeout``. The model talks on while that runs, once ``filler_delay`` has passed: what answers
    sooner needs no filler words.

    ``resume_false_interruptions`` goes on with an answer that was interrupted by no more than a cough or an "mm-hm".
    ``interruption_delay`` is how long the user must speak before an answer is interrupted.

    An engine of which nothing is heard for ``stall_timeout`` in the middle of an answer is given up for another one; 0
    for never.

    With ``session_caps`` sessions end as the hosted service ends them, after a ``goAway``: ``audio_cap`` seconds with
    audio only, ``video_cap`` with pictures (neither with compression), and ``connection_cap`` for one connection; 0
    is what the model's profile says. ``go_away_lead`` is how long before the end it is announced.
    """

    setup_timeout: float = 30.0
    idle_timeout: float = 1800.0
    tool_timeout: float = 60.0
    background_tool_timeout: float = 600.0
    filler_delay: float = 0.3
    stall_timeout: float = 30.0
    pace_turns: bool = True
    strict: bool = False
    resume_false_interruptions: bool = True
    interruption_delay: float = 0.0
    voice_activity: bool = True
    session_caps: bool = False
    audio_cap: float = 0.0
    video_cap: float = 0.0
    connection_cap: float = 0.0
    go_away_lead: float = 50.0
    max_early_messages: int = 256
    messages_per_second: float = 500.0

    def __post_init__(self) -> None:
        for name in (
            "setup_timeout",
            "idle_timeout",
            "tool_timeout",
            "background_tool_timeout",
            "max_early_messages",
            "messages_per_second",
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive")
        for name in (
            *("filler_delay", "stall_timeout", "interruption_delay"),
            *("audio_cap", "video_cap", "connection_cap", "go_away_lead"),
        ):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must not be negative")
