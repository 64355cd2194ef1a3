"""What an OpenAI Realtime upstream says it used, each response and each transcription once.

``response.done`` tells what a response used: the whole conversation, read again, of which a part came from a cache, and
what was made until it was complete or cancelled. The transcription of what the user said is another model's work and is
billed beside it. Where nothing was told of a response that somebody is paid for, because the upstream does not tell it
or the connection ended before, it is counted here and marked as an estimate: what was read and made by the response
before is what this one read, and sound is 10 tokens a second of the user's and 20 of the model's (rates of a secondary
source).
"""

import math

from antiphon.live.tokens import Tokens, UpstreamUsage, Usage, text_tokens
from antiphon.wire.openai.realtime import ResponseUsage, TokenDetails, TranscriptUsage

USER_TOKENS_PER_SECOND = 10
MODEL_TOKENS_PER_SECOND = 20


class Bill:
    """The records of one conversation. ``speaks``: what is made without a modality is speech.

    ``model`` is who makes the answers, ``transcriber`` who writes down what the user says.
    """

    def __init__(self, model: UpstreamUsage, transcriber: UpstreamUsage, *, speaks: bool) -> None:
        self._model = model
        self._transcriber = transcriber
        self._speaks = speaks
        self._billed: set[str] = set()
        self._written: set[str] = set()
        self._context = Tokens()
        self._made = Tokens()

    @property
    def _paid(self) -> bool:
        return bool(self._model.provider)

    def read(self, *, characters: int = 0, seconds: float = 0.0) -> None:
        """Something was added to what the next response reads."""
        self._context += Tokens(text_tokens(characters), math.ceil(round(seconds * USER_TOKENS_PER_SECOND, 6)))

    def began(self) -> None:
        """A response begins."""
        self._made = Tokens()

    def made(self, *, characters: int = 0, seconds: float = 0.0) -> None:
        """It makes something."""
        self._made += Tokens(text_tokens(characters), math.ceil(round(seconds * MODEL_TOKENS_PER_SECOND, 6)))

    def done(self, response_id: str, told: ResponseUsage | None, *, failed: bool = False) -> UpstreamUsage | None:
        """A response is over; what to charge for it, if it was not charged before."""
        if response_id and response_id in self._billed:
            return None
        self._billed.add(response_id)
        if told is None:
            return None if failed else self.unfinished()
        if not (told.input_tokens or told.output_tokens):
            return None
        used = usage(told, speaks=self._speaks)
        self._context, self._made = used.prompt + used.response, Tokens()
        return _of(self._model, used)

    def unfinished(self) -> UpstreamUsage | None:
        """An estimate of a response of which nothing was told."""
        prompt, made = self._context, self._made
        self._context, self._made = prompt + made, Tokens()
        if not self._paid:
            return None
        return UpstreamUsage(self._model.provider, self._model.model, Usage(prompt, made), estimated=True)

    def transcribed(self, item_id: str, told: TranscriptUsage | None) -> UpstreamUsage | None:
        """What the user said in an item was written down; what to charge for it."""
        if told is None or not self._paid or item_id in self._written:
            return None
        self._written.add(item_id)
        if told.type == "duration" or told.seconds:
            return UpstreamUsage(self._transcriber.provider, self._transcriber.model, seconds=told.seconds or 0.0)
        details = told.input_token_details
        audio = (details.audio_tokens or 0) if details else 0
        text = max(0, (told.input_tokens or 0) - audio)
        return _of(self._transcriber, Usage(Tokens(text, audio), Tokens(text=told.output_tokens or 0)))


def usage(told: ResponseUsage, *, speaks: bool) -> Usage:
    """A record by modality. What has none is text, but for what a model that ``speaks`` made: that is audio."""
    prompt = _counted(told.input_tokens or 0, told.input_token_details)
    made = _by_modality(told.output_token_details)
    left = max(0, (told.output_tokens or 0) - made.total)
    made += Tokens(audio=left) if speaks and not made.total else Tokens(text=left)
    return Usage(prompt, made, cached=_cached(prompt, told.input_token_details))


def _cached(prompt: Tokens, details: TokenDetails | None) -> Tokens:
    """What came from the cache. Where only its sum is told, text was cached first, as it comes first."""
    if details is None or not details.cached_tokens:
        return Tokens()
    known = _by_modality(details.cached_tokens_details)
    left = max(0, details.cached_tokens - known.total)
    text = min(left, max(0, prompt.text - known.text))
    return known + Tokens(text=text, audio=min(left - text, max(0, prompt.audio - known.audio)))


def _counted(count: int, details: TokenDetails | None) -> Tokens:
    tokens = _by_modality(details)
    return tokens + Tokens(text=max(0, count - tokens.total))


def _by_modality(details: TokenDetails | None) -> Tokens:
    if details is None:
        return Tokens()
    return Tokens(text=details.text_tokens or 0, audio=details.audio_tokens or 0, image=details.image_tokens or 0)


def _of(payer: UpstreamUsage, used: Usage) -> UpstreamUsage:
    return UpstreamUsage(payer.provider, payer.model, used)
