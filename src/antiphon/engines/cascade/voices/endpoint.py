"""Speech by a service: OpenAI, or a server of one's own that speaks its dialect (Kokoro-FastAPI, speaches, LocalAI)."""

import logging
from collections import defaultdict
from collections.abc import AsyncGenerator, Sequence
from typing import Final, Literal

from msgspec import UNSET

from antiphon.engines.cascade.endpoints import check
from antiphon.engines.cascade.espeak.text import speakable
from antiphon.engines.cascade.parts import SpeechChunk, SpokenWord, VoiceFailed
from antiphon.engines.cascade.voices.names import choose, choose_by_gender
from antiphon.engines.cascade.voices.pace import Foreseen, Pace
from antiphon.engines.cascade.voices.sound import Sound
from antiphon.live.events import OUTPUT_RATE
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage, audio_tokens, text_tokens
from antiphon.providers.errors import ProviderError
from antiphon.providers.openai_audio import OpenAiAudio
from antiphon.wire.openai.audio import SpeechRequest

log = logging.getLogger("antiphon.cascade")

FEMALE: Final = ("alloy", "coral", "nova", "sage", "shimmer")
MALE: Final = ("ash", "echo", "fable", "onyx")
"""The voices that all of OpenAI's speech models have (https://platform.openai.com/docs/guides/text-to-speech)."""

_FIRST_BYTES: Final = OUTPUT_RATE * 2 * 40 // 1000
_CHUNK_BYTES: Final = OUTPUT_RATE * 2 * 200 // 1000


class EndpointVoice:
    """The :class:`~antiphon.engines.cascade.parts.Voice` of a service.

    Sound is handed on as it comes. The service tells neither when words begin nor what was used: words are foreseen
    from the pace of the sentences before, and the usage (tokens of the text, seconds of the sound so far) is marked as
    estimated; it is told about once a second of sound, so that an interruption loses no more than that.

    Args:
        client: of the service.
        model: its name there.
        provider: who is paid, empty for a server of one's own.
        voice: who speaks in sessions that name no voice: one of the API's or of the service's.
        voices: those of the service, to be chosen from by the names of the API; OpenAI's if empty.
        sound_format: what is asked for.
        rate: samples per second of raw sound whose media type does not say it.
        instructions: how to speak, for models that take it.
    """

    def __init__(
        self,
        client: OpenAiAudio,
        model: str,
        *,
        provider: str = "",
        voice: str = "",
        voices: Sequence[str] = (),
        sound_format: Literal["pcm", "wav"] = "pcm",
        rate: int = OUTPUT_RATE,
        instructions: str = "",
    ) -> None:
        self._client = client
        self._model = model
        self._provider = provider
        self._voice = voice
        self._voices = voices
        self._format = sound_format
        self._rate = rate
        self._instructions = instructions or UNSET
        self._paces: defaultdict[str, Pace] = defaultdict(Pace)

    async def start(self) -> None:
        """See that the service is there.

        Raises:
            EngineUnavailable: it is not, or refuses the key.
        """
        await check("voice", self._client)

    async def speak(self, text: str, voice: str = "", language: str = "") -> AsyncGenerator[SpeechChunk, None]:
        """Speak ``text``; the service finds out the language. Closing early closes the connection.

        An answer that breaks off ends the speech early, which is logged.

        Raises:
            VoiceFailed: the service has no sound for it.
        """
        spoken = speakable(text).strip()
        if not any(map(str.isalnum, spoken)):
            yield SpeechChunk(b"", (SpokenWord(text, 0.0),) if text else ())
            return
        name = self._choose(voice or self._voice)
        request = SpeechRequest(self._model, spoken, name, self._format, self._instructions)
        speech = _Speech(text, self._paces[name], self._provider, self._model)
        try:
            async with self._client.speech(request) as (media_type, pieces):
                sound = Sound(media_type, self._rate)
                async for piece in pieces:
                    if (chunk := speech.take(sound.feed(piece))) is not None:
                        yield chunk
                speech.complete(sound.flush())
        except ProviderError as error:
            if not speech.begun:
                raise VoiceFailed(f"voice: {error}") from error
            log.warning("a sentence could not be spoken to its end: %s", error)
        yield speech.last()

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        await self._client.aclose()

    def _choose(self, voice: str) -> str:
        return choose(voice, self._voices) if self._voices else choose_by_gender(voice, FEMALE, MALE)


class _Speech:
    """One text while its sound comes: collects chunks, hands out words, counts what is used."""

    def __init__(self, text: str, pace: Pace, provider: str, model: str) -> None:
        self._text = text
        self._pace = pace
        self._words = Foreseen(text, pace.rate)
        self._payee = (provider, model)
        self._pending = bytearray()
        self._sent_bytes = 0
        self._told = Usage()
        self._told_seconds = 0.0

    @property
    def begun(self) -> bool:
        """Whether any sound was handed on."""
        return self._sent_bytes > 0

    def take(self, pcm: bytes) -> SpeechChunk | None:
        """Take sound; a chunk, when there is enough for one."""
        self._pending += pcm
        if len(self._pending) < (_CHUNK_BYTES if self.begun else _FIRST_BYTES):
            return None
        pcm = self._flush()
        used = self._used() if self._seconds - self._told_seconds >= 1 or not self._told_seconds else None
        return SpeechChunk(pcm, self._words.begun(self._seconds), used)

    def complete(self, pcm: bytes) -> None:
        """The sound is complete; ``pcm`` is its end."""
        self._pending += pcm
        if not self.begun and not self._pending:
            raise VoiceFailed("voice: the service answered without any sound")
        seconds = (self._sent_bytes + len(self._pending)) / (2 * OUTPUT_RATE)
        self._pace.learn(len(self._text), seconds)

    def last(self) -> SpeechChunk:
        """What is left."""
        pcm = self._flush()
        return SpeechChunk(pcm, self._words.rest(self._seconds), self._used())

    @property
    def _seconds(self) -> float:
        return self._sent_bytes / (2 * OUTPUT_RATE)

    def _flush(self) -> bytes:
        pcm = bytes(self._pending)
        self._pending.clear()
        self._sent_bytes += len(pcm)
        return pcm

    def _used(self) -> UpstreamUsage:
        """What was used and not told yet."""
        told, seconds = self._told, self._seconds - self._told_seconds
        self._told = Usage(Tokens(text=text_tokens(len(self._text))), Tokens(audio=audio_tokens(self._seconds)))
        self._told_seconds = self._seconds
        new = Usage(
            Tokens(text=self._told.prompt.text - told.prompt.text),
            Tokens(audio=self._told.response.audio - told.response.audio),
        )
        return UpstreamUsage(*self._payee, new, seconds, estimated=True)
