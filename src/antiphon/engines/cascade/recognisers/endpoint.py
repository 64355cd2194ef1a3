"""Recognition by a service: OpenAI, or a server of one's own that speaks its dialect (speaches, vLLM, whisper.cpp)."""

import asyncio
from collections.abc import Sequence
from typing import Final

from antiphon.engines.cascade.endpoints import check, primary_language
from antiphon.engines.cascade.parts import INPUT_RATE, RecogniserBusy, RecogniserFailed, RecognitionContext
from antiphon.engines.cascade.recognisers.vocabulary import vocabulary
from antiphon.engines.cascade.recognisers.whole import Spend, WholeUtterance
from antiphon.live.setup import Tool
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.providers.errors import ProviderError
from antiphon.providers.openai_audio import OpenAiAudio
from antiphon.wire.openai.audio import Transcription

SHORTEST: Final = INPUT_RATE * 2 // 5
"""Bytes of a fifth of a second: services refuse less than a tenth, so shorter sound is padded to this."""


class EndpointRecogniser:
    """The :class:`~antiphon.engines.cascade.parts.Recogniser` of a service.

    Every reading sends the whole utterance, also those that are made on a guess when the user pauses; words are looked
    at in between only with ``interim``. What a reading used is told with it; a reading that was given up, and one of a
    service that does not say, counts as the seconds that were sent, and is marked as estimated.

    Args:
        client: of the service.
        model: its name there.
        provider: who is paid, empty for a server of one's own.
        language: BCP-47 tag for sessions that name none.
        concurrency: requests at once; others wait ``wait`` seconds.
    """

    def __init__(
        self,
        client: OpenAiAudio,
        model: str,
        *,
        provider: str = "",
        language: str = "",
        interim: bool = False,
        concurrency: int = 16,
        wait: float = 10.0,
    ) -> None:
        self._client = client
        self._model = model
        self._provider = provider
        self._language = language
        self._interim = interim
        self._free = asyncio.Semaphore(concurrency)
        self._wait = wait

    async def start(self) -> None:
        """See that the service is there.

        Raises:
            EngineUnavailable: it is not, or refuses the key.
        """
        await check("recogniser", self._client)

    def context(
        self, system_instruction: str, tools: Sequence[Tool] = (), phrases: Sequence[str] = (), language: str = ""
    ) -> RecognitionContext:
        """The words that the model is told to expect, and the language it is told to hear."""
        return RecognitionContext(vocabulary(system_instruction, tools, phrases), language)

    def utterance(self, context: RecognitionContext) -> WholeUtterance:
        """Begin an utterance. Nothing is sent before somebody asks."""
        return WholeUtterance(context, self)

    async def read(self, pcm: bytes, context: RecognitionContext, spend: Spend) -> str:
        """The words of ``pcm``.

        Raises:
            RecogniserBusy: too many requests are under way.
            RecogniserFailed: the service did not answer as it should.
        """
        try:
            async with asyncio.timeout(self._wait):
                await self._free.acquire()
        except TimeoutError:
            raise RecogniserBusy(f"no request could be made within {self._wait:g} s; raise concurrency") from None
        try:
            return await self._ask(pcm, context, spend)
        finally:
            self._free.release()

    async def glance(self, pcm: bytes, context: RecognitionContext, spend: Spend) -> str | None:
        """The words of ``pcm``, where that is wanted and nobody waits."""
        return None if not self._interim or self._free.locked() else await self.read(pcm, context, spend)

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        await self._client.aclose()

    async def _ask(self, pcm: bytes, context: RecognitionContext, spend: Spend) -> str:
        fields = {
            "model": self._model,
            "language": primary_language(context.language, self._language),
            "prompt": ", ".join(context.phrases),
        }
        sound = pcm.ljust(SHORTEST, b"\0")
        try:
            answer = await self._client.transcribe(fields, sound, INPUT_RATE)
        except asyncio.CancelledError:
            spend(self._usage(None, sound))
            raise
        except ProviderError as error:
            raise RecogniserFailed(f"recogniser: {error}") from error
        spend(self._usage(answer, sound))
        return answer.text.strip()

    def _usage(self, answer: Transcription | None, sound: bytes) -> UpstreamUsage:
        sent = len(sound) / (2 * INPUT_RATE)
        used = answer.usage if answer is not None else None
        if used is not None and (used.input_tokens or used.output_tokens):
            details = used.input_token_details
            audio = details.audio_tokens if details else used.input_tokens
            prompt = Tokens(text=used.input_tokens - audio, audio=audio)
            return UpstreamUsage(self._provider, self._model, Usage(prompt, Tokens(text=used.output_tokens)))
        if used is not None and used.seconds:
            return UpstreamUsage(self._provider, self._model, seconds=used.seconds)
        return UpstreamUsage(self._provider, self._model, seconds=sent, estimated=True)
