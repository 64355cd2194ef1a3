"""The built-in brain: small skills tried in order. No language model, and it says so.

It answers in English, whatever language an instruction asks for, and takes no orders about style: it is short
anyway. The same prompt at the same time always gives the same reply.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime

from antiphon.engines.cascade.brain.arithmetic import arithmetic
from antiphon.engines.cascade.brain.calendar import calendar
from antiphon.engines.cascade.brain.counting import counting, echo
from antiphon.engines.cascade.brain.fallback import fallback, unclear
from antiphon.engines.cascade.brain.memory import learn, recall, unknown
from antiphon.engines.cascade.brain.persona import assistant_name, identity, persona
from antiphon.engines.cascade.brain.results import results
from antiphon.engines.cascade.brain.skill import Ask, Skill, ask
from antiphon.engines.cascade.brain.smalltalk import again, control, smalltalk
from antiphon.engines.cascade.brain.tools import answer, ask_again, tools
from antiphon.engines.cascade.brain.units import units
from antiphon.engines.cascade.brain.words import phrase, sentences
from antiphon.engines.cascade.parts import Prompt, Thought

FIRST: tuple[Skill, ...] = (results, unclear, control, answer, again, tools)
"""What the conversation itself decides: results, a pending question, commands."""
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
LAST: tuple[Skill, ...] = (ask_again, fallback)

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
        """One thought: words, or the calls of one or several functions."""
        # Usually a millisecond, but a long history and many functions must not hold up every other session.
        yield await asyncio.to_thread(self.decide, prompt)

    def decide(self, prompt: Prompt) -> Thought:
        """The reply to ``prompt``, at once."""
        whole = ask(prompt, self._now())
        meant = _unaddressed(whole)
        return _first(FIRST, meant) or _by_sentence(meant) or _first(LAST, whole) or fallback(whole)

    def phrases(self) -> Sequence[str]:
        """What the skills know how to answer."""
        return _PHRASES


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


def _by_sentence(whole: Ask) -> Thought | None:
    """The answer to the whole utterance, else to the last of its sentences that has one."""
    if thought := _first(SKILLS, whole):
        return thought
    parts = sentences(whole.text)
    asks = (Ask(whole.prompt, part, phrase(part), whole.now) for part in reversed(parts[-5:])) if parts[1:] else ()
    return next((thought for one in asks if (thought := _first(SKILLS, one))), None)
