"""What is said when no skill has an answer: honestly, and shortly."""

from antiphon.engines.cascade.brain.skill import Ask, recent, spoken
from antiphon.engines.cascade.parts import Say

UNCLEAR = "Sorry, I did not catch that."
_REMEDY = "I have no language model; connect one to talk about anything: see the documentation on language models."
_HEARD = 'I heard: "'
_MOST = 120


def unclear(ask: Ask) -> Say | None:
    """Answer an utterance without a word in it."""
    return None if ask.said.words else Say(UNCLEAR)


def fallback(ask: Ask) -> Say:
    """Say what was heard and, once in a conversation, how to connect a language model."""
    text = spoken(ask.prompt.history[-1])
    heard = text if len(text) <= _MOST else f"{text[:_MOST].rsplit(' ', 1)[0]} …"
    words = " ".join(heard.split())
    first = f'{_HEARD}{words}".'
    said = any(turn.role == "model" and spoken(turn).startswith(_HEARD) for turn in recent(ask.before))
    return Say(first if said else f"{first} {_REMEDY}")
