"""The three parts a cascade is made of, each behind a small contract: recogniser, brain, voice."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Protocol, runtime_checkable

from msgspec import Struct

from antiphon.live.grounding import GroundedSearch
from antiphon.live.history import FunctionCall, History
from antiphon.live.setup import Thinking, Tool
from antiphon.live.tokens import MediaResolution, UpstreamUsage

INPUT_RATE = 16_000
"""Samples per second of the audio a recogniser takes (mono, 16-bit little-endian)."""


class Hypothesis(Struct, frozen=True):
    """A recogniser's reading of an utterance; ``text`` is plain words, empty when nothing was heard.

    ``used`` is what an upstream was used for since the last reading that told it, this one and abandoned ones included.
    """

    text: str
    used: UpstreamUsage | None = None


class Utterance(Protocol):
    """One stretch of the user's speech being recognised while it is spoken."""

    def feed(self, pcm: bytes) -> None:
        """Take more sound at :data:`INPUT_RATE`. Never blocks; waits in a queue while no recogniser is free."""

    async def finish(self) -> Hypothesis:
        """The hypothesis for all sound fed so far.

        May be called early, on a guess that the user is done: feeding more afterwards reopens the utterance
        with nothing lost, and ``finish`` may be called again.

        Raises:
            RecogniserBusy: no recogniser became free within the stated bound.
            RecogniserFailed: the recogniser has no answer; the message says why.
        """
        ...

    async def partial(self) -> Hypothesis:
        """The hypothesis for what was recognised so far, without ending anything; empty while nothing is known.

        Sound still waiting for a recogniser is not waited for.
        """
        ...

    async def aclose(self) -> None:
        """Give the recogniser back. Idempotent."""


class Recogniser(Protocol):
    """Speech to text, shared by all sessions of the process."""

    async def start(self) -> None:
        """Load and warm the models. Raises EngineUnavailable with the remedy."""

    def context(
        self, system_instruction: str, tools: Sequence[Tool], phrases: Sequence[str], language: str = ""
    ) -> RecognitionContext:
        """What a session is about, made once when it opens: models for it may be prepared in the background.

        ``language`` is the BCP-47 tag that the session's setup names, empty where it names none.
        """
        ...

    def utterance(self, context: RecognitionContext) -> Utterance:
        """Begin to recognise an utterance of a session."""
        ...

    async def aclose(self) -> None:
        """End every process and task."""


class RecognitionContext(Struct, frozen=True):
    """What an application says about the words to expect: its instruction, its tools, phrases of a script.

    ``language`` is the BCP-47 tag they will be spoken in, empty where nobody said.
    """

    phrases: tuple[str, ...] = ()
    language: str = ""


class RecogniserBusy(Exception):
    """All recognisers were busy for longer than the stated bound; the message names bound and remedy."""


class RecogniserFailed(Exception):
    """A recogniser could not read an utterance; the message says why and what to do, without secrets."""


class VoiceFailed(Exception):
    """A voice could not speak a text; the message says why and what to do, without secrets."""


def _spend_nothing(_: UpstreamUsage) -> None:
    pass


class Prompt(Struct, frozen=True):
    """What a brain answers: the whole history, ending with the user's turn or with function results.

    It ends with the model's own words where an answer was cut that is to go on there. ``spoken`` answers are heard, the
    others read. ``spend`` takes what a brain finds to have been used when it is closed early and can think no more.
    """

    history: History
    system_instruction: str = ""
    tools: tuple[Tool, ...] = ()
    language: str = ""
    search: Search | None = None
    thinking: Thinking = Thinking()
    spoken: bool = False
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    seed: int | None = None
    max_output_tokens: int | None = None
    media_resolution: MediaResolution = ""
    spend: Callable[[UpstreamUsage], None] = _spend_nothing


class Found(Struct, frozen=True):
    """A passage of a document that a search found. ``text`` is plain, a few sentences at most."""

    uri: str
    title: str
    text: str


class Search(Protocol):
    """Finds passages in the owner's documents or on the web."""

    async def search(self, query: str, limit: int = 5) -> list[Found]:
        """The best passages for a question in plain words, best first.

        Raises:
            SearchFailed: nothing can be found now; the message says why.
        """
        ...

    async def start(self) -> None:
        """Make the index ready, or see that the service answers. Raises EngineUnavailable with the remedy."""

    async def aclose(self) -> None:
        """Free what :meth:`start` took. Idempotent."""


class SearchFailed(Exception):
    """A search could not be made; the message says why."""


class Think(Struct, frozen=True):
    """A thought, shown to clients that asked for thoughts and never spoken."""

    text: str


class Ground(Struct, frozen=True):
    """What this reply rests on. Comes with or after the words that rest on it."""

    grounding: GroundedSearch


class Say(Struct, frozen=True):
    """Words to speak (or to write, in a text session). Pieces join verbatim; a piece may be any length."""

    text: str


class Speak(Struct, frozen=True, gc=False):
    """Speech that the brain made itself, for brains whose model speaks; offsets count from where this begins.

    In a text session its words are written and its sound is nobody's.
    """

    speech: SpeechChunk


class Call(Struct, frozen=True):
    """Functions to call together. The brain's reply ends here; it is asked again with the results."""

    calls: tuple[FunctionCall, ...]


class Used(Struct, frozen=True):
    """What an upstream of the brain was used for; several of one reply add up."""

    upstream: UpstreamUsage


class Fail(Struct, frozen=True):
    """End the session with this WebSocket close code and reason."""

    code: int
    reason: str


Thought = Say | Speak | Call | Fail | Think | Ground | Used


class Brain(Protocol):
    """Decides what to say. Holds no state of a session: the history of the prompt is all there is.

    A brain that is to be started and closed has ``start`` and ``aclose`` (:class:`Managed`). One whose upstream costs
    something while it waits says in ``patience`` for how many seconds an interrupted answer may keep it, and then takes
    a prompt that ends with the model's own words. One that can use the client's thinking settings says ``thinks``.
    """

    def reply(self, prompt: Prompt) -> AsyncGenerator[Thought, None]:
        """Answer ``prompt``, piece by piece; closed early (``aclose``) when the user barges in.

        No piece at all means to stay silent.
        """
        ...

    def phrases(self) -> Sequence[str]:
        """What users may be expected to say to this brain, to help a recogniser."""
        ...


@runtime_checkable
class Managed(Protocol):
    """A part that takes something when it starts and gives it back when it is closed."""

    async def start(self) -> None:
        """Load and warm. Raises EngineUnavailable with the remedy."""

    async def aclose(self) -> None:
        """Free what :meth:`start` took. Idempotent."""


class SpokenWord(Struct, frozen=True):
    """A word and where it begins, in seconds of the audio of its ``speak`` call.

    The words of one ``speak`` call, joined, are its text verbatim, spaces and punctuation included.
    """

    text: str
    offset: float


class SpeechChunk(Struct, frozen=True, gc=False):
    """Sound at 24 kHz, mono, 16-bit little-endian, and the words that begin in it.

    ``used`` is what an upstream was used for, told once in a speech; a chunk that tells it may have no sound.
    """

    pcm: bytes
    words: tuple[SpokenWord, ...] = ()
    used: UpstreamUsage | None = None


class Voice(Protocol):
    """Text to speech, shared by all sessions of the process."""

    async def start(self) -> None:
        """Load and warm. Raises EngineUnavailable with the remedy."""

    def speak(self, text: str, voice: str = "", language: str = "") -> AsyncGenerator[SpeechChunk, None]:
        """Speak one sentence or clause; closing the iterator early stops the synthesis at once.

        Raises:
            VoiceFailed: the voice has no sound for it; the message says why.
        """
        ...

    async def aclose(self) -> None:
        """End every process and task."""
