"""What a language model is told before a conversation: the application's instruction, and what speaking asks for."""

from antiphon.engines.cascade.parts import Prompt
from antiphon.live.history import Picture

PREFACE = (
    "You are talking with somebody, live. What you write is spoken aloud as it is: write as one speaks, in short plain "
    "sentences, without lists, headings, markup, emoji or web addresses. Keep answers short unless you are asked for "
    "more. What the other side says comes from a speech recogniser, which may have misheard it."
)
"""What comes before the application's instruction where the answer is spoken."""

_BLIND = "Pictures were sent, which you cannot see. Where it matters, say so once."
_RUNNING = (
    'A function whose result is {"status": "running"} works in the background. Do not call it again for the same: its '
    "result will be told to you later. Talk on meanwhile."
)


def instruction(prompt: Prompt, *, preface: str = PREFACE, vision: bool) -> str:
    """The whole instruction for ``prompt``: ``preface`` for spoken answers, then the application's own, then notes."""
    pieces = (
        preface if prompt.spoken else "",
        prompt.system_instruction,
        _language(prompt.language),
        _RUNNING if any(not tool.blocking for tool in prompt.tools) else "",
        _BLIND if not vision and _shows_pictures(prompt) else "",
    )
    return "\n\n".join(piece for piece in pieces if piece)


def _language(tag: str) -> str:
    return f"Answer in the language with the tag {tag}, unless you are asked for another." if tag else ""


def _shows_pictures(prompt: Prompt) -> bool:
    return any(isinstance(part, Picture) for turn in prompt.history for part in turn.parts)
