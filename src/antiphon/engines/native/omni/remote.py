"""Omni models on other servers: ``/chat/completions`` with sound in it, both ways.

Sound goes out as ``input_audio`` (OpenAI; vLLM and vLLM-Omni take it too). It comes back in two ways, told apart chunk
by chunk: OpenAI and its kin put base64 and the words into ``delta.audio``; vLLM-Omni sends chunks whose ``modality`` is
``audio`` and whose content is base64, and the words as ordinary content beside them. What is decoded may be a WAV file
in each chunk or bare samples.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from io import BytesIO
from typing import Final

import pybase64
from msgspec.structs import replace

from antiphon.audio.resample import Resampler
from antiphon.audio.wav import WavError, read_wav, write_wav
from antiphon.engines.cascade.brain.language_model.messages import Message, Said
from antiphon.engines.cascade.brain.language_model.model import Delta, ModelFailed, Reasoned, Request, Spoke, Text
from antiphon.engines.cascade.brain.language_model.openai import OpenAiModel, chat_messages
from antiphon.engines.cascade.parts import INPUT_RATE, SpeechChunk, SpokenWord
from antiphon.engines.native.omni.sounds import Heard
from antiphon.live.events import OUTPUT_RATE
from antiphon.live.history import Picture, Words
from antiphon.live.tokens import MediaResolution
from antiphon.providers.openai_chat import OpenAiChat
from antiphon.wire.openai import chat

SECONDS_PER_CHARACTER: Final = 0.065
"""How long speech takes for its text, about (15 characters a second). No server tells when a word is said, and most
send the words ahead of the sound: without a guess, all would count as heard at once."""


class RemoteOmniModel(OpenAiModel):
    """The model ``name`` of a service. With ``speech`` it speaks its answers, else it writes them.

    ``audio_rate`` is that of bare samples (mono, 16-bit); a WAV file says its own.
    """

    def __init__(
        self,
        client: OpenAiChat,
        name: str,
        *,
        provider: str = "",
        speech: chat.AudioOutput | None = None,
        audio_rate: int = OUTPUT_RATE,
        max_tokens: int = 512,
    ) -> None:
        super().__init__(client, name, provider=provider)
        self._speech = speech
        self._audio_rate = audio_rate
        self._max_tokens = max_tokens

    def answer(self, request: Request) -> AsyncGenerator[Delta, None]:
        """The answer as it is made; see the contract."""
        limit = min(request.max_output_tokens or self._max_tokens, self._max_tokens)
        ask = self._chat_request(replace(request, max_output_tokens=limit))
        instruction = ask.messages[:1] if request.instruction else []
        ask.messages = [*instruction, *sounding_messages(request.messages, request.media_resolution)]
        # vLLM-Omni refuses a stream that does not say.
        ask.modalities = ["text", "audio"] if self._speech else ["text"]
        ask.audio = self._speech
        return self._spoken(ask) if self._speech else self._answer(ask)

    async def _spoken(self, ask: chat.ChatRequest) -> AsyncGenerator[Delta, None]:
        sounding = Sounding(self._audio_rate)
        async with aclosing(self._answer(ask, sounding.read)) as deltas:
            async for delta in deltas:
                yield delta
        for delta in sounding.flush():
            yield delta


class Sounding:
    """Puts the sound and the words of one answer together; ``rate`` is that of bare samples.

    Words wait for the first sound. Where none comes, they are text, and a voice of this server speaks them.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler = Resampler(rate, OUTPUT_RATE, "HQ")
        self._rest = b""
        self._words = ""
        self._characters = 0
        self._seconds = 0.0
        self._sounds = False

    def read(self, chunk: chat.Chunk, delta: chat.Delta) -> Iterator[Delta]:
        """What a chunk adds.

        Raises:
            ModelFailed: its sound cannot be decoded.
        """
        if thought := delta.reasoning_content or delta.reasoning:
            yield Reasoned(thought)
        pcm = b""
        if chunk.modality == "audio":
            pcm = self._decoded(delta.content or "")
        elif delta.audio is not None:
            pcm = self._decoded(delta.audio.data or "")
            self._words += delta.audio.transcript or ""
        else:
            self._words += delta.content or delta.refusal or ""
        self._sounds = self._sounds or bool(pcm)
        if self._sounds and (pcm or self._words):
            yield self._spoke(pcm)

    def flush(self) -> Iterator[Delta]:
        """What is left when the answer is over."""
        pcm = self._resampler.flush()
        if not self._sounds and self._words:
            yield Text(self._words)
        elif pcm or self._words:
            yield self._spoke(pcm)

    def _spoke(self, pcm: bytes) -> Spoke:
        words: tuple[SpokenWord, ...] = ()
        if self._words:
            ahead = self._characters * SECONDS_PER_CHARACTER - self._seconds
            words = (SpokenWord(self._words, max(0.0, ahead)),)
            self._characters += len(self._words)
            self._words = ""
        self._seconds += len(pcm) / (2 * OUTPUT_RATE)
        return Spoke(SpeechChunk(pcm, words))

    def _decoded(self, text: str) -> bytes:
        """The sound of a chunk, at the rate of model speech."""
        try:
            data = pybase64.b64decode(text, validate=True)
            sound = read_wav(BytesIO(data)) if data.startswith(b"RIFF") else None
        except (ValueError, WavError) as error:
            raise ModelFailed(f"the sound of an answer cannot be read: {error}", passing=True) from None
        if sound is None:
            data, self._rest = _whole(self._rest + data)
            return self._resampled(data, self._rate)
        return self._resampled(sound.pcm, sound.rate)

    def _resampled(self, pcm: bytes, rate: int) -> bytes:
        if rate != self._resampler.source_rate:
            self._resampler = Resampler(rate, OUTPUT_RATE, "HQ")
        return self._resampler.feed(pcm)


def sounding_messages(messages: tuple[Message, ...], resolution: MediaResolution = "") -> list[chat.Message]:
    """The messages in this dialect, with sound where it is kept."""
    written: list[chat.Message] = []
    for message in messages:
        if isinstance(message, Said) and any(_sounds(part) for part in message.parts):
            parts = [one for part in message.parts for one in _parts(part, resolution)]
            written.append(chat.Message(role="user", content=parts))
        else:
            written += chat_messages((message,), resolution)
    return written


def _sounds(part: Words | Picture) -> bool:
    return isinstance(part, Heard) and bool(part.pcm)


def _parts(part: Words | Picture, resolution: MediaResolution) -> list[chat.Part]:
    if isinstance(part, Heard) and part.pcm:
        file = BytesIO()
        write_wav(file, part.pcm, INPUT_RATE)
        data = pybase64.b64encode(file.getvalue()).decode()
        return [chat.Part(type="input_audio", input_audio=chat.InputAudio(data=data, format="wav"))]
    (message,) = chat_messages((Said((part,)),), resolution)
    if isinstance(message.content, list):
        return message.content
    return [chat.Part(type="text", text=message.content)] if message.content else []


def _whole(data: bytes) -> tuple[bytes, bytes]:
    """Whole samples, and the half of one that may be left."""
    end = len(data) - len(data) % 2
    return data[:end], data[end:]
