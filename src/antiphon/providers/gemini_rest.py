"""A client of ``streamGenerateContent``: the Gemini API, and Vertex AI with an address that ends before ``/models``."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing

import msgspec

from antiphon.providers.errors import Blocked, Broken
from antiphon.providers.http import Http, Timeouts
from antiphon.providers.refusals import stream_error
from antiphon.wire.gemini import generate
from antiphon.wire.gemini.generate import GenerateChunk, GenerateRequest

URL = "https://generativelanguage.googleapis.com/v1beta"


class GeminiRest:
    """The service at ``url``, whose path ends before ``/models``; ``key`` is an API key.

    Raises:
        ValueError: ``url`` is no address.
    """

    def __init__(
        self,
        url: str = URL,
        key: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        self.http = Http(url, {**({"x-goog-api-key": key} if key else {}), **(headers or {})}, key, timeouts)
        self._secret = key

    async def stream(self, model: str, request: GenerateRequest) -> AsyncGenerator[GenerateChunk, None]:
        """The chunks of the answer to ``request``; closing early closes the connection.

        Raises:
            ProviderError: of every kind; after the first chunk nothing was or is repeated.
        """
        path = f"{_path(model)}:streamGenerateContent"
        ended = False
        async with aclosing(self.http.events(path, generate.encode_request(request), "?alt=sse")) as events:
            async for data in events:
                chunk = self._chunk(data)
                ended = ended or any(candidate.finish_reason for candidate in chunk.candidates)
                yield chunk
        if not ended:
            raise Broken(f"{self.http} ended its answer in the middle")

    async def check(self, model: str) -> None:
        """See that the service knows the model.

        Raises:
            ProviderError: of every kind.
        """
        await self.http.get(_path(model))

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        await self.http.aclose()

    def _chunk(self, data: bytes) -> GenerateChunk:
        try:
            chunk = generate.decode_chunk(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Broken(f"{self.http} sent an event that is no chunk of an answer ({error})") from None
        if chunk.error is not None:
            raise stream_error(str(self.http), msgspec.to_builtins(chunk.error), self._secret)
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            raise Blocked(f"{self.http} does not answer this ({chunk.prompt_feedback.block_reason})")
        return chunk


def _path(model: str) -> str:
    return f"models/{model.removeprefix('models/')}"
