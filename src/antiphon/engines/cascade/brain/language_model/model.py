"""The contract between the brain and a language model, whatever dialect it speaks."""

from collections.abc import AsyncGenerator
from secrets import token_hex
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from antiphon.engines.cascade.brain.language_model.messages import Message
from antiphon.engines.cascade.parts import SpeechChunk
from antiphon.live.history import FunctionCall
from antiphon.live.setup import Thinking, Tool
from antiphon.live.tokens import MediaResolution, Tokens, UpstreamUsage, Usage, picture_tokens, text_tokens

NO_ANSWER: Final = "the language model cannot answer; the log of the server says why"


class Request(Struct, frozen=True):
    """What a model is asked: messages in the order that every dialect takes, and how to answer them.

    What is None is left to the model.
    """

    messages: tuple[Message, ...]
    instruction: str = ""
    tools: tuple[Tool, ...] = ()
    thinking: Thinking = Thinking()
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    max_output_tokens: int | None = None
    media_resolution: MediaResolution = ""


class Text(Struct, frozen=True):
    """Words of the answer; pieces join verbatim."""

    text: str


class Spoke(Struct, frozen=True, gc=False):
    """Speech of a model that speaks itself; its words are the answer's."""

    speech: SpeechChunk

    @property
    def text(self) -> str:
        """The words that begin in it."""
        return "".join(word.text for word in self.speech.words)


class Reasoned(Struct, frozen=True):
    """What the model thought; never part of the answer."""

    text: str


class Called(Struct, frozen=True):
    """Functions the model calls together; its answer ends here.

    ``broken`` are calls whose arguments are no JSON object, with what is wrong with them.
    """

    calls: tuple[FunctionCall, ...]
    broken: tuple[tuple[FunctionCall, str], ...] = ()


class Told(Struct, frozen=True):
    """What the model says it used so far, all in all; a later one replaces it."""

    usage: Usage


Delta = Text | Spoke | Reasoned | Called | Told


class ModelFailed(Exception):
    """A model has no answer; the message says why, without secrets, to the owner.

    ``passing`` says that asking again later may help; else the owner has to do something. ``elsewhere`` says that
    another model may be asked the same. ``reason`` is for clients: it names no address.
    """

    def __init__(self, message: str, *, passing: bool = False, elsewhere: bool = True, reason: str = NO_ANSWER) -> None:
        super().__init__(message)
        self.reason = reason
        self.passing = passing
        self.elsewhere = elsewhere


class LanguageModel(Protocol):
    """One model at one place, shared by all sessions of the process."""

    @property
    def name(self) -> str:
        """Its name, as its server knows it."""
        ...

    @property
    def provider(self) -> str:
        """Who is paid for it, by the name in the price list; empty where it runs on the owner's hardware."""
        ...

    @property
    def vision(self) -> bool:
        """Whether it can look at pictures."""
        ...

    @property
    def thinks(self) -> bool:
        """Whether the client's thinking settings mean something to it."""
        ...

    async def start(self) -> None:
        """Load it, or see that it is there.

        Raises:
            EngineUnavailable: it is not; the message has the remedy.
        """

    def answer(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The answer as it is made; closed early, the model stops working and its connection is closed.

        Raises:
            ModelFailed: there is no answer, or no rest of it.
        """
        ...

    async def aclose(self) -> None:
        """Free what :meth:`start` took. Idempotent."""


class Meter:
    """What one request used: what the model told, or else what can be counted here."""

    def __init__(self, model: LanguageModel, request: Request) -> None:
        self._model = model
        self._request = request
        self._told: Usage | None = None
        self._characters = 0
        self._thought = 0

    @property
    def begun(self) -> bool:
        """Whether anything of an answer has come."""
        return self._told is not None or bool(self._characters or self._thought)

    def see(self, delta: Delta) -> None:
        """Take note of a piece of the answer."""
        match delta:
            case Told(usage):
                self._told = usage
            case Text() | Spoke():
                self._characters += len(delta.text)
            case Reasoned(text):
                self._thought += len(text)
            case Called(calls):
                self._characters += sum(len(call.name) + len(str(call.args)) for call in calls)

    def used(self, *, whole: bool) -> UpstreamUsage:
        """The usage; of an answer that is not ``whole``, what was told before its end may be too little."""
        if self._told is not None and whole:
            return UpstreamUsage(self._model.provider, self._model.name, self._told)
        told = self._told or Usage(prompt_tokens(self._request))
        counted = replace(
            told,
            response=max(told.response, Tokens(text=text_tokens(self._characters)), key=_total),
            thoughts=max(told.thoughts, text_tokens(self._thought)),
        )
        return UpstreamUsage(self._model.provider, self._model.name, counted, estimated=True)


def new_id() -> str:
    """An id for a call whose model gives none. No other call has it, in this process or another."""
    return f"call-{token_hex(6)}"


def _total(tokens: Tokens) -> int:
    return tokens.total


def prompt_tokens(request: Request) -> Tokens:
    """The size of a prompt that nobody told: characters by the rule of thumb, and pictures."""
    characters = len(request.instruction) + sum(_characters(tool) for tool in request.tools)
    characters += sum(message.characters for message in request.messages)
    pictures = sum(message.pictures for message in request.messages)
    return Tokens(text=text_tokens(characters), image=pictures * picture_tokens(request.media_resolution))


def _characters(tool: Tool) -> int:
    return len(tool.name) + len(tool.description) + len(str(tool.parameters or ""))
