"""Models that several engines use: equal settings, one recogniser and one voice; for all one ear for voice activity.

An engine gets a share, which it starts and closes as if it were its own. The model is loaded with the first share that
is started, and freed with the last one that is closed.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from antiphon.engines.cascade.ears import Ears
from antiphon.engines.cascade.parts import Recogniser, RecognitionContext, SpeechChunk, Utterance, Voice
from antiphon.engines.cascade.voice_activity import VoiceActivity
from antiphon.live.setup import Tool

Part = TypeVar("Part", bound=Recogniser | Voice | VoiceActivity)


class Common(Generic[Part]):
    """A model, and how many use it."""

    def __init__(self, make: Callable[[], Part]) -> None:
        self._make = make
        self._part: Part | None = make()
        self._users = 0
        self._changing = asyncio.Lock()

    @property
    def part(self) -> Part:
        """The model."""
        assert self._part is not None, "start() first"
        return self._part

    async def take(self) -> None:
        """One more uses it. The first one loads it.

        Raises:
            EngineUnavailable: it cannot be loaded.
        """
        async with self._changing:
            if self._users == 0:
                self._part = self._part or self._make()
                try:
                    await self._part.start()
                except BaseException:
                    await self._free()
                    raise
            self._users += 1

    async def give_back(self) -> None:
        """One uses it no more. The last one frees it."""
        async with self._changing:
            self._users -= 1
            if self._users == 0:
                await self._free()

    async def _free(self) -> None:
        part, self._part = self._part, None
        if part is not None:
            await part.aclose()


class _Share(Generic[Part]):
    def __init__(self, common: Common[Part]) -> None:
        self._common = common
        self._started = False

    async def start(self) -> None:
        """Have the model loaded."""
        await self._common.take()
        self._started = True

    async def aclose(self) -> None:
        """Give the model back. Idempotent."""
        if self._started:
            self._started = False
            await self._common.give_back()


class SharedRecogniser(_Share[Recogniser]):
    """A share in a recogniser."""

    def context(
        self, system_instruction: str, tools: Sequence[Tool], phrases: Sequence[str], language: str = ""
    ) -> RecognitionContext:
        """What a session is about."""
        return self._common.part.context(system_instruction, tools, phrases, language)

    def utterance(self, context: RecognitionContext) -> Utterance:
        """Begin to recognise."""
        return self._common.part.utterance(context)


class SharedVoice(_Share[Voice]):
    """A share in a voice."""

    def speak(self, text: str, voice: str = "", language: str = "") -> AsyncGenerator[SpeechChunk, None]:
        """Speak."""
        return self._common.part.speak(text, voice, language)


class SharedActivity(_Share[VoiceActivity]):
    """A share in what hears whether somebody speaks."""

    @property
    def name(self) -> str:
        """The model's; empty before it is loaded."""
        return self._common.part.name if self._started else ""

    @property
    def ears(self) -> Ears:
        """Where sessions are heard."""
        return self._common.part.ears


class Pool:
    """All models that may be shared, by whatever tells them apart."""

    def __init__(self) -> None:
        self._commons: dict[Hashable, Common[Any]] = {}

    def recogniser(self, settings: Hashable, make: Callable[[], Recogniser]) -> SharedRecogniser:
        """A share in the recogniser of these settings.

        Raises:
            EngineUnavailable: a setting cannot be used.
        """
        return SharedRecogniser(self._common(("recogniser", settings), make))

    def voice(self, settings: Hashable, make: Callable[[], Voice]) -> SharedVoice:
        """A share in the voice of these settings.

        Raises:
            EngineUnavailable: a setting cannot be used.
        """
        return SharedVoice(self._common(("voice", settings), make))

    def activity(self) -> SharedActivity:
        """A share in what hears whether somebody speaks."""
        return SharedActivity(self._common("activity", VoiceActivity))

    def _common(self, key: Hashable, make: Callable[[], Any]) -> Common[Any]:
        if key not in self._commons:
            self._commons[key] = Common(make)
        return self._commons[key]
