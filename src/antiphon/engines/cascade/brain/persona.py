"""The persona: the name and the facts that the system instruction gives."""

import re

from antiphon.engines.cascade.brain.facts import Fact, best, fact
from antiphon.engines.cascade.brain.skill import Ask
from antiphon.engines.cascade.brain.words import asks, core, find, phrase, sentence, sentences, topics
from antiphon.engines.cascade.parts import Say

NAMELESS = "I am the built-in assistant of this server."
_NAME = re.compile(
    r"\b(?:[Yy]our name is|[Yy]ou(?: are|'re) (?:called|named)|[Cc]all yourself|[Yy]ou(?: are|'re))\s+"
    r"(?P<name>[A-Z][\w'-]*(?:\s+[A-Z][\w'-]*)*)"
)
_ROLE = re.compile(r"\b[Yy]ou(?: are|'re)\s+(?P<role>.+)", re.DOTALL)
_ORDER = re.compile(
    r"(?:you|your|be|answer|reply|respond|speak|talk|do|don't|never|always|use|keep|if|when|please|only|act|help|ask|say"
    r"|avoid|remember|make|call|greet|introduce|stay|try|must|should|tone|style)\b",
    re.IGNORECASE,
)
_ASKS_NAME = {
    "what is your name", "what are you called", "what should i call you", "how are you called", "your name",
    "what is your name again", "may i ask your name", "what was your name", "who is this", "who is there",
}  # fmt: skip
_ASKS_WHO = {
    "who are you", "what are you", "introduce yourself", "tell me about yourself", "about yourself",
    "who am i talking to",
    "who am i speaking to", "who am i speaking with", "who am i talking with", "are you a robot", "are you human",
    "are you an ai", "what is your job", "what is your role",
}  # fmt: skip


def identity(ask: Ask) -> Say | None:
    """Say who it is; None when not asked."""
    question = " ".join(core(ask.said).words)
    name = assistant_name(ask.prompt.system_instruction)
    if question in _ASKS_NAME:
        return Say(f"I am {name}." if name else NAMELESS)
    if question in _ASKS_WHO:
        return Say(_role(ask.prompt.system_instruction) or NAMELESS)
    return None


def assistant_name(instruction: str) -> str:
    """The name the instruction gives, empty when it gives none."""
    match = _NAME.search(instruction)
    return match["name"] if match else ""


def _role(instruction: str) -> str:
    for text in sentences(instruction):
        if match := _ROLE.match(text):
            return sentence(f"I am {match['role']}")
    name = assistant_name(instruction)
    return f"I am {name}." if name else ""


def persona(ask: Ask) -> Say | None:
    """Answer out of the instruction's facts; None when none fits."""
    if not is_enquiry(ask):
        return None
    found = best(core(ask.said).words, facts(ask.prompt.system_instruction))
    return Say(found.text) if found else None


def is_enquiry(ask: Ask) -> bool:
    """Whether something is asked for: a question, "tell me about ...", or no more than the name of a topic."""
    words = core(ask.said).words
    return asks(ask.said) or find(words, ("about",)) >= 0 or 0 < len(topics(words)) <= 2 >= len(words) - 1


def facts(instruction: str) -> list[Fact]:
    """The sentences of the instruction that state something, orders to the assistant left out."""
    return [fact(sentence(text)) for text in sentences(instruction) if _is_statement(text)]


def _is_statement(text: str) -> bool:
    return not _ORDER.match(text) and len(phrase(text).words) > 1
