"""A client of ``/audio/transcriptions`` and ``/audio/speech``: OpenAI, and every server that speaks its dialect."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from secrets import token_hex

import msgspec

from antiphon.providers.errors import Broken
from antiphon.providers.http import Http, Timeouts
from antiphon.wire.openai import audio

_TRANSCRIPTIONS = "audio/transcriptions"
_SPEECH = "audio/speech"


class OpenAiAudio:
    """The service at ``url``, which usually ends with ``/v1``.

    Raises:
        ValueError: ``url`` is no address.
    """

    def __init__(
        self, url: str, key: str = "", *, headers: Mapping[str, str] | None = None, timeouts: Timeouts | None = None
    ) -> None:
        base = url.rstrip("/").removesuffix(f"/{_TRANSCRIPTIONS}").removesuffix(f"/{_SPEECH}")
        authorization = {"Authorization": f"Bearer {key}"} if key else {}
        given = {**authorization, **(headers or {})}
        self._boundary = token_hex(16)
        form = {"Content-Type": f"multipart/form-data; boundary={self._boundary}"}
        self.http = Http(base, given, key, timeouts)
        self._forms = Http(base, {**given, **form}, key, timeouts)

    async def transcribe(self, fields: Mapping[str, str], pcm: bytes, rate: int) -> audio.Transcription:
        """The words of mono 16-bit ``pcm``; ``fields`` are ``model`` and others of the request, empty ones left out.

        Cancelling closes the connection.

        Raises:
            ProviderError: of every kind.
        """
        whole = {**fields, "response_format": "json"}
        body = audio.encode_transcription_request(whole, pcm, rate, self._boundary)
        answer = await self._forms.post(_TRANSCRIPTIONS, body)
        try:
            return audio.decode_transcription(answer)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Broken(f"{self.http} answered with something that is no transcription in JSON") from None

    @asynccontextmanager
    async def speech(self, request: audio.SpeechRequest) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """The sound of a text, as it comes, and its media type. Leaving the context early closes the connection.

        Raises:
            ProviderError: of every kind.
        """
        async with self.http.content(_SPEECH, msgspec.json.encode(request)) as (media_type, pieces):
            yield media_type, pieces

    async def probe(self) -> None:
        """See that somebody is there who takes the key, without using anything.

        Raises:
            ProviderError: of every kind; servers that list no models answer ``NotFound``.
        """
        await self.http.get("models")

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        await self.http.aclose()
        await self._forms.aclose()
