"""The built-in brain: small skills tried in order. No language model, and it says so.

It answers in English, whatever language an instruction asks for, and takes no orders about style: it is short
anyway. The same prompt at the same time always gives the same reply. What no skill knows is searched for, where the
prompt has a search.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime

from msgspec import structs

from antiphon.engines.cascade.brain.arithmetic import arithmetic
from antiphon.engines.cascade.brain.calendar import calendar
from antiphon.engines.cascade.brain.counting import counting, echo
from antiphon.engines.cascade.brain.fallback import fallback, unclear
from antiphon.engines.cascade.brain.memory import learn, recall, unknown
from antiphon.engines.cascade.brain.persona import assistant_name, identity, persona
from antiphon.engines.cascade.brain.research import Seek, after, research, seek
from antiphon.engines.cascade.brain.results import results
from antiphon.engines.cascade.brain.sight import first_look, mentions, see
from antiphon.engines.cascade.brain.skill import Ask, Skill, ask, is_result, spoken
from antiphon.engines.cascade.brain.smalltalk import again, control, smalltalk
from antiphon.engines.cascade.brain.tools import answer, ask_again, tools
from antiphon.engines.cascade.brain.units import units
from antiphon.engines.cascade.brain.words import asks, phrase, sentences
from antiphon.engines.cascade.parts import Ground, Prompt, Say, Thought

FIRST: tuple[Skill, ...] = (results, see, unclear, control, answer, again, tools)
"""What the conversation itself decides: results, a picture, a pending question, commands."""
SKILLS: tuple[Skill, ...] = (
    smalltalk,
    identity,
    counting,
    calendar,
    units,
    arithmetic,
    recall,
    persona,
    learn,
    unknown,
    echo,
)
"""What an utterance, or one sentence of it, is about; exact skills before the ones that weigh words."""

_PHRASES = (
    "what is your name", "who are you", "my name is", "what is my name", "i live in", "where do i live",
    "my favorite color is", "what is my favorite color", "my favorite number is", "remember that",
    "remember the number",
    "the magic number is", "what number did i tell you", "what number did i ask you to remember",
    "what did i just say",
    "what do you know about me", "what is", "how much is", "plus", "minus", "times", "divided by", "percent of",
    "the square root of", "to the power of", "what time is it", "what day is it today", "what is the date tomorrow",
    "how many days until christmas", "convert miles to kilometers", "how many feet are in a mile", "in celsius",
    "hello", "good morning", "how are you", "what can you do", "repeat that", "say that again", "thank you",
    "goodbye",
    "stop", "never mind", "yes", "no", "count to ten", "say hello",
)  # fmt: skip


def _local_time() -> datetime:
    return datetime.now().astimezone()


class BuiltinBrain:
    """Answers from the instruction, the history, the declared functions, and some arithmetic.

    ``now`` tells the time that dates and times are reckoned from.
    """

    def __init__(self, now: Callable[[], datetime] = _local_time) -> None:
        self._now = now

    async def reply(self, prompt: Prompt) -> AsyncGenerator[Thought, None]:
        """Words, or the calls of one or several functions; words that a search found, with what they rest on."""
        # Usually a millisecond, but a long history and many functions must not hold up every other session.
        said = 0
        for step in await asyncio.to_thread(self.plan, prompt):
            for thought in await _performed(step, prompt):
                yield after(thought, said) if isinstance(thought, Ground) else thought
            said += len(step.text.encode()) if isinstance(step, Say) else 0

    def plan(self, prompt: Prompt) -> tuple[Thought | Seek, ...]:
        """The reply to ``prompt``, with what is still to be searched for."""
        whole = ask(prompt, self._now())
        told = results(whole)
        if told is not None:
            unanswered = _before_results(prompt)
            return (told, Say(" "), *self.plan(unanswered)) if unanswered else (told,)
        step = self._decide(whole)
        looked = first_look(whole)
        if not looked or (isinstance(step, Say) and mentions(step.text)):
            return (step,)
        return (Say(f"{looked} "), step)

    def decide(self, prompt: Prompt) -> Thought | Seek:
        """The one thing that matters of the reply to ``prompt``: its last."""
        return self.plan(prompt)[-1]

    def _decide(self, whole: Ask) -> Thought | Seek:
        meant = _unaddressed(whole)
        if known := _first(FIRST, meant):
            return known
        # With a search, a question that ends an utterance is not passed over for what comes before it.
        found = _last_sought(meant) or _by_sentence(meant)
        return found or ask_again(whole) or seek(meant) or fallback(whole)

    def phrases(self) -> Sequence[str]:
        """What the skills know how to answer."""
        return _PHRASES


async def _performed(step: Thought | Seek, prompt: Prompt) -> Sequence[Thought]:
    if not isinstance(step, Seek):
        return (step,)
    return await research(step, prompt.search) if prompt.search is not None else ()


def _before_results(prompt: Prompt) -> Prompt | None:
    """``prompt`` without the results at its end, when a question of the user that nobody answered comes before them.

    A late result may stop an answer that had not begun to be heard.
    """
    history = prompt.history
    while history and is_result(history[-1]):
        history = history[:-1]
    asked = history and history[-1].role == "user" and asks(phrase(spoken(history[-1])))
    return structs.replace(prompt, history=history) if asked else None


def _first(skills: Sequence[Skill], one: Ask) -> Thought | None:
    return next((thought for skill in skills if (thought := skill(one))), None)


def _unaddressed(whole: Ask) -> Ask:
    """``whole`` without the assistant's name at either end: "Ada, what time is it"."""
    name = re.escape(assistant_name(whole.prompt.system_instruction))
    if not name:
        return whole
    text = re.sub(rf"^(?:(?:hey|hi|hello|okay|ok)\W+)?{name}\b\W*(?=\w+\W+\w)", "", whole.text, flags=re.IGNORECASE)
    text = re.sub(rf"(?<=\w)\W+{name}(?=[.!?]*$)", "", text, flags=re.IGNORECASE) if text.count(" ") > 1 else text
    return Ask(whole.prompt, text, phrase(text), whole.now)


def _last_sought(whole: Ask) -> Seek | None:
    """The search that the last of several sentences is in need of."""
    parts = sentences(whole.text)
    last = Ask(whole.prompt, parts[-1], phrase(parts[-1]), whole.now) if parts[1:] else None
    return seek(last) if last is not None and not _first(SKILLS, last) else None


def _by_sentence(whole: Ask) -> Thought | None:
    """The answer to the whole utterance, else to the last of its sentences that has one."""
    if thought := _first(SKILLS, whole):
        return thought
    parts = sentences(whole.text)
    asks = (Ask(whole.prompt, part, phrase(part), whole.now) for part in reversed(parts[-5:])) if parts[1:] else ()
    return next((thought for one in asks if (thought := _first(SKILLS, one))), None)
