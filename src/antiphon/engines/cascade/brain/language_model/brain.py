"""The brain that asks a language model, and performs what that wants of this server: searches, and second tries.

It says what the model says while the model says it. What is not for ears, thoughts and calls, never becomes words.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from antiphon.engines.cascade.brain.language_model.instruction import PREFACE, instruction
from antiphon.engines.cascade.brain.language_model.messages import Answered, Results, messages, without_pictures
from antiphon.engines.cascade.brain.language_model.model import (
    Called,
    Delta,
    LanguageModel,
    Meter,
    ModelFailed,
    Reasoned,
    Request,
    Spoke,
    Text,
    new_id,
)
from antiphon.engines.cascade.brain.language_model.searching import Searching
from antiphon.engines.cascade.brain.language_model.speakable import Speakable
from antiphon.engines.cascade.brain.language_model.tags import Kind, Tags
from antiphon.engines.cascade.parts import Call, Fail, Prompt, Say, Speak, Think, Thought, Used
from antiphon.live.history import FunctionCall, FunctionResult

log = logging.getLogger("antiphon.language_model")

MAX_ROUNDS: Final = 4
"""How often a model is asked for one answer: searches and calls that went wrong ask again."""
PATIENCE: Final = 2.0
"""Seconds a suspended answer keeps the model working, in case the interruption was none."""
APOLOGY: Final = "I am sorry, I cannot answer right now. Please ask me again in a moment."
CLOSE_CODE: Final = 1011

NOT_NOW: Final[dict[str, Any]] = {"error": "not called, because another call was answered first; call it again"}


class Manners(Struct, frozen=True):
    """How the brain behaves, whatever the model.

    ``preface`` comes before the instruction where answers are spoken, ``apology`` is said when the model fails in a
    way that may pass. Of the pictures in a history the newest ``max_pictures`` are shown.
    """

    preface: str = PREFACE
    apology: str = APOLOGY
    max_pictures: int = 16


class LanguageModelBrain:
    """Answers with a language model."""

    patience = PATIENCE

    def __init__(self, model: LanguageModel, manners: Manners | None = None) -> None:
        self.model = model
        self._manners = manners or Manners()

    @property
    def thinks(self) -> bool:
        """Whether the client's thinking settings mean something to the model."""
        return self.model.thinks

    def __str__(self) -> str:
        return f"{self.model.name} at {self.model.provider}" if self.model.provider else self.model.name

    async def start(self) -> None:
        """Load the model, or see that it is there.

        Raises:
            EngineUnavailable: it is not; the message has the remedy.
        """
        await self.model.start()

    async def aclose(self) -> None:
        """Free the model. Idempotent."""
        await self.model.aclose()

    def phrases(self) -> Sequence[str]:
        """Nothing: people may say anything to a language model."""
        return ()

    async def reply(self, prompt: Prompt) -> AsyncGenerator[Thought, None]:
        """Answer ``prompt``: words as they are made, what they rest on, calls, and what was used.

        A failure that may pass is apologised for, and the session lives on; any other ends it, and its reason says what
        the owner has to do.
        """
        try:
            async with aclosing(self._rounds(prompt)) as thoughts:
                async for thought in thoughts:
                    yield thought
        except ModelFailed as error:
            log.warning("no answer: %s", error)
            if error.passing:
                yield Say(self._manners.apology)
            else:
                yield Fail(CLOSE_CODE, error.reason)

    async def _rounds(self, prompt: Prompt) -> AsyncGenerator[Thought, None]:
        request = self._request(prompt)
        searching = Searching(prompt.search, {tool.name for tool in prompt.tools})
        request = replace(request, tools=(*request.tools, *searching.tools))
        for _ in range(MAX_ROUNDS):
            one = _Round(self.model, request, prompt)
            async with aclosing(one.thoughts()) as thoughts:
                async for thought in thoughts:
                    yield thought
            if one.said and (ground := searching.ground()) is not None:
                yield ground
            if not one.calls:
                return
            results = await self._own_results(one, searching)
            if results is None:
                yield Call(one.calls)
                return
            request = replace(request, messages=(*request.messages, Answered(one.said, one.calls), Results(results)))
        raise ModelFailed(f"{self.model.name} asked for more than {MAX_ROUNDS} searches or broken calls", passing=True)

    def _request(self, prompt: Prompt) -> Request:
        kept = self._manners.max_pictures if self.model.vision else 0
        return Request(
            without_pictures(messages(prompt.history), kept),
            instruction(prompt, preface=self._manners.preface, vision=self.model.vision),
            prompt.tools,
            prompt.thinking,
            prompt.temperature,
            prompt.top_p,
            prompt.top_k,
            prompt.seed,
            prompt.max_output_tokens,
            prompt.media_resolution,
        )

    async def _own_results(self, one: "_Round", searching: Searching) -> tuple[FunctionResult, ...] | None:
        """The results of calls that are this server's to answer; None when all are the client's.

        Where both come together, the client's are put off: the model calls them again when it knows what was found.
        """
        broken = {call.id: reason for call, reason in one.broken}
        searches = [call for call in one.calls if searching.is_search(call) and call.id not in broken]
        if not broken and not searches:
            return None
        found = await asyncio.gather(*(searching.search(call) for call in searches))
        given = dict(zip((call.id for call in searches), found, strict=True))
        given |= {name: {"error": reason} for name, reason in broken.items()}
        return tuple(FunctionResult(call.id, call.name, given.get(call.id, NOT_NOW)) for call in one.calls)


class _Round:
    """One request to the model. ``said``, ``calls`` and ``broken`` are there when its thoughts are over."""

    def __init__(self, model: LanguageModel, request: Request, prompt: Prompt) -> None:
        self.said = ""
        self.calls: tuple[FunctionCall, ...] = ()
        self.broken: list[tuple[FunctionCall, str]] = []
        self._model = model
        self._request = request
        self._prompt = prompt
        self._known = {tool.name for tool in request.tools}
        self._meter = Meter(model, request)
        self._tags = Tags()
        self._speakable = Speakable() if prompt.spoken else None

    async def thoughts(self) -> AsyncGenerator[Thought, None]:
        """What the model says and thinks, and last what it used. Closed early, that is told to the prompt."""
        reported = failed = False
        try:
            async with aclosing(self._model.answer(self._request)) as deltas:
                async for delta in deltas:
                    self._meter.see(delta)
                    for thought in self._thoughts_of(delta):
                        yield thought
            for thought in self._rest():
                yield thought
            reported = True
            yield Used(self._meter.used(whole=True))
        except ModelFailed:
            failed = True
            raise
        finally:
            if not reported and (self._meter.begun or not failed):
                self._prompt.spend(self._meter.used(whole=False))

    def _thoughts_of(self, delta: Delta) -> list[Thought]:
        match delta:
            case Text(text):
                return [one for kind, piece in self._tags.feed(text) for one in self._of_kind(kind, piece)]
            case Spoke(speech):
                self.said += delta.text
                return [Speak(speech)]
            case Reasoned(text):
                return [Think(text)]
            case Called(calls, broken):
                for call in calls:
                    self._call(call)
                for call, reason in broken:
                    self._call(call, reason)
        return []

    def _rest(self) -> list[Thought]:
        rest = [one for kind, piece in self._tags.flush() for one in self._of_kind(kind, piece)]
        if self._speakable is not None and (text := self._speakable.flush()):
            rest.append(Say(text))
        return rest

    def _of_kind(self, kind: Kind, text: str) -> list[Thought]:
        if kind == "thought":
            return [Think(text)]
        if kind == "call":
            call, reason = read_call(text)
            self._call(call, reason)
            return []
        self.said += text
        spoken = text if self._speakable is None else self._speakable.feed(text)
        return [Say(spoken)] if spoken else []

    def _call(self, call: FunctionCall, reason: str = "") -> None:
        if not reason and call.name not in self._known:
            reason = f"there is no function {call.name}"
        self.calls += (call,)
        if reason:
            self.broken.append((call, reason))


def read_call(text: str) -> tuple[FunctionCall, str]:
    """The call that a model wrote between tags, and what is wrong with it, if anything."""
    call_id = new_id()
    try:
        value = msgspec.json.decode(text.strip())
    except (msgspec.DecodeError, UnicodeError) as error:
        return FunctionCall(call_id, "unknown", {}), f"the call is no JSON ({error})"
    name = value.get("name") if isinstance(value, dict) else None
    arguments = value.get("arguments", value.get("parameters", {})) if isinstance(value, dict) else None
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return FunctionCall(call_id, "unknown", {}), "the call must have a name and an object of arguments"
    return FunctionCall(call_id, name, arguments), ""
