"""Where speech begins in sound that an engine is told again: a minute of silence need not be paid for twice."""

from collections.abc import Sequence

from antiphon.audio.pcm import peak
from antiphon.live.events import ActivityStart, Audio, Image, UserEvent

QUIET = 300
"""Peak of 16-bit samples below which a chunk is certainly no speech: softer than the noise of most rooms."""

LEAD_SECONDS = 0.5
"""Sound that is kept before the first chunk that may be speech."""


def speech_begins(kept: Sequence[tuple[float, UserEvent]]) -> int:
    """Index of the first of the events worth telling again; ``kept`` are events and when they came, in seconds."""
    for number, (offset, event) in enumerate(kept):
        if not isinstance(event, Audio) or peak(event.pcm) >= QUIET:
            earlier = (i for i in range(number + 1) if kept[i][0] >= offset - LEAD_SECONDS)
            return next(earlier, number)
    end = kept[-1][0] if kept else 0.0
    return next((i for i, (offset, _) in enumerate(kept) if offset >= end - LEAD_SECONDS), 0)


def from_activity(kept: Sequence[tuple[float, UserEvent]]) -> list[tuple[float, UserEvent]]:
    """The events from where an activity that the client marked begins; of before, only what was shown.

    What is left of an earlier activity would be heard as one of its own.
    """
    starts = (number for number, (_, event) in enumerate(kept) if isinstance(event, ActivityStart))
    first = next(starts, len(kept))
    return [each for number, each in enumerate(kept) if number >= first or isinstance(each[1], Image)]
