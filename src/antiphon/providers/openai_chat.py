"""A client of ``/chat/completions``: OpenAI, and every server that speaks its dialect."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
from msgspec import Struct

from antiphon.providers.errors import Broken
from antiphon.providers.http import Http, Timeouts
from antiphon.providers.refusals import stream_error
from antiphon.wire.openai import chat

_PATH = "chat/completions"


class OpenAiChat:
    """The service at ``url``, which usually ends with ``/v1``; ``extra`` members go into every request.

    Raises:
        ValueError: ``url`` is no address.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        extra: dict[str, Any] | None = None,
        timeouts: Timeouts | None = None,
    ) -> None:
        authorization = {"Authorization": f"Bearer {key}"} if key else {}
        self.http = Http(url.rstrip("/").removesuffix(f"/{_PATH}"), {**authorization, **(headers or {})}, key, timeouts)
        self._extra = extra
        self._secret = key

    async def stream(self, request: chat.ChatRequest) -> AsyncGenerator[chat.Chunk, None]:
        """The chunks of the answer to ``request``; closing early closes the connection.

        Raises:
            ProviderError: of every kind; after the first chunk nothing was or is repeated.
        """
        body = chat.encode_request(request, self._extra)
        ended = False
        async with aclosing(self.http.events(_PATH, body)) as events:
            async for data in events:
                if data == b"[DONE]":
                    return
                chunk = self._chunk(data)
                ended = ended or any(choice.finish_reason for choice in chunk.choices or ())
                yield chunk
        if not ended:
            # Some servers leave out the sentinel, but none the reason why it finished.
            raise Broken(f"{self.http} ended its answer in the middle")

    async def models(self) -> list[chat.ModelEntry]:
        """The models the service lists.

        Raises:
            ProviderError: of every kind.
        """
        try:
            return msgspec.json.decode(await self.http.get("models"), type=chat.ModelList).data or []
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Broken(f"{self.http}/models is no list of models") from None

    async def aclose(self) -> None:
        """Close every connection. Idempotent."""
        await self.http.aclose()

    def _chunk(self, data: bytes) -> chat.Chunk:
        try:
            chunk = chat.decode_chunk(data)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Broken(f"{self.http} sent an event that is no chunk of an answer ({error})") from None
        if chunk.error is not None:
            raise stream_error(str(self.http), chunk.error, self._secret)
        return chunk


class WrittenCall(Struct, frozen=True):
    """A function call as the model wrote it: ``arguments`` is JSON, or should be."""

    id: str
    name: str
    arguments: str


class Calls:
    """Puts function calls together from the fragments of a stream.

    A new call begins with a new number, or with another id under the same number (servers that number all calls 0).
    """

    def __init__(self) -> None:
        self._calls: list[list[str]] = []
        self._open: dict[int, list[str]] = {}

    def feed(self, fragments: list[chat.ToolCallDelta] | None) -> None:
        """Take the fragments of a chunk."""
        for fragment in fragments or ():
            call = self._call(fragment)
            if (function := fragment.function) is None:
                continue
            if function.name and not call[1]:
                call[1] = function.name
            call[2] += _json(function.arguments)

    def written(self) -> tuple[WrittenCall, ...]:
        """The calls, now that the stream is over. What never got a name is none."""
        return tuple(WrittenCall(*call) for call in self._calls if call[1])

    def _call(self, fragment: chat.ToolCallDelta) -> list[str]:
        named = fragment.function is not None and bool(fragment.function.name)
        number = fragment.index if fragment.index is not None else len(self._open) - (not named and bool(self._open))
        call = self._open.get(number)
        if call is None or (fragment.id and call[0] and fragment.id != call[0]):
            call = self._open[number] = [fragment.id or "", "", ""]
            self._calls.append(call)
        return call


def _json(arguments: Any) -> str:
    if arguments is None:
        return ""
    return arguments if isinstance(arguments, str) else msgspec.json.encode(arguments).decode()
