"""What a skill is: a function that answers an :class:`Ask`, or None to let the next one try."""

from collections.abc import Callable
from datetime import datetime

from msgspec import Struct

from antiphon.engines.cascade.brain.words import Phrase, phrase
from antiphon.engines.cascade.parts import Prompt, Thought
from antiphon.live.history import FunctionResult, History, Turn, Words

MAX_TEXT = 4_000
"""Characters of a turn in the history that are looked at."""
MAX_UTTERANCE = 1_000
"""Characters of the utterance itself, its last ones: what is wanted comes at the end, and matching stays fast."""
MAX_TURNS = 400
"""Turns of history that are looked at, the newest."""


class Ask(Struct, frozen=True):
    """A prompt made ready for skills: its last user turn as ``text`` and ``said``, and the time ``now``."""

    prompt: Prompt
    text: str
    said: Phrase
    now: datetime

    @property
    def before(self) -> History:
        """The history before the user's last turn."""
        return recent(self.prompt.history)[:-1]


Skill = Callable[[Ask], Thought | None]
"""Answers at once, with words or calls."""


def recent(history: History) -> History:
    """The newest :data:`MAX_TURNS` turns."""
    return history[-MAX_TURNS:]


def spoken(turn: Turn) -> str:
    """The words of a turn, cut at :data:`MAX_TEXT`."""
    return " ".join(part.text.strip() for part in turn.parts if isinstance(part, Words))[:MAX_TEXT].strip()


def ask(prompt: Prompt, now: datetime) -> Ask:
    """``prompt`` made ready; no text at all when it does not end with a user turn."""
    last = prompt.history[-1] if prompt.history else None
    text = spoken(last)[-MAX_UTTERANCE:] if last is not None and last.role == "user" else ""
    return Ask(prompt, text, phrase(text), now)


def is_result(turn: Turn) -> bool:
    """Whether a turn holds function results."""
    return any(isinstance(part, FunctionResult) for part in turn.parts)


def user_texts(history: History) -> list[str]:
    """What the user said, oldest first."""
    return [text for turn in history if turn.role == "user" and (text := spoken(turn))]


def last_reply(history: History) -> str:
    """The model's last words, empty when it has said nothing."""
    return next((text for turn in reversed(history) if turn.role == "model" and (text := spoken(turn))), "")
