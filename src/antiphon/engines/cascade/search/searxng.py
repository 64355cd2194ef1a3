"""Search through a SearXNG instance, or anything that answers ``GET /search?q=...&format=json`` as it does."""

import asyncio
import re

import httpx
import msgspec
from msgspec import Struct

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.parts import Found, SearchFailed

TIMEOUT = 6.0
"""Seconds a search may take."""
MAX_BYTES = 2 << 20
"""Bytes of an answer."""
MAX_TEXT = 600
MAX_TITLE = 120
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,200}>")


class Result(Struct):
    """One entry of ``results``. Engines leave out, or send null for, what they do not know."""

    url: str | None = None
    title: str | None = None
    content: str | None = None


class Answer(Struct):
    """What the service answers, as far as it is used."""

    results: list[Result] = []


class SearxngSearch:
    """Finds passages with a search service at ``url``; name and password in it are sent, and never shown."""

    def __init__(self, url: str) -> None:
        try:
            base = httpx.URL(url)
        except httpx.InvalidURL:
            raise EngineUnavailable("search: the address of the service is no URL") from None
        if base.scheme not in ("http", "https") or not base.host:
            raise EngineUnavailable("search: the address of the service must begin with http:// or https://")
        self._auth = httpx.BasicAuth(base.username, base.password) if base.userinfo else None
        self._address = base.copy_with(userinfo=b"", path=f"{base.path.rstrip('/')}/search")
        self._client: httpx.AsyncClient | None = None

    def __str__(self) -> str:
        return f"{self._address.scheme}://{self._address.netloc.decode()}"

    async def start(self) -> None:
        """See that the service answers, by a search.

        Raises:
            EngineUnavailable: it does not; the message has the remedy.
        """
        self._client = httpx.AsyncClient(timeout=TIMEOUT, auth=self._auth)
        try:
            await self.search("hello", 1)
        except SearchFailed as error:
            await self.aclose()
            raise EngineUnavailable(f"search at {self}: {error}") from error

    async def search(self, query: str, limit: int = 5) -> list[Found]:
        """The best passages for a question in plain words, best first.

        Raises:
            SearchFailed: the service cannot be reached, is too slow, or answers something else.
        """
        body = await self._ask(query)
        try:
            answer = msgspec.json.decode(body, type=Answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SearchFailed("the search service did not answer with search results in JSON") from error
        found = (_found(result) for result in answer.results)
        return [one for one in found if one is not None][:limit]

    async def aclose(self) -> None:
        """Close the connections. Idempotent."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _ask(self, query: str) -> bytes:
        if self._client is None:
            raise SearchFailed("the search is closed")
        address = self._address.copy_merge_params({"q": query, "format": "json"})
        try:
            async with asyncio.timeout(TIMEOUT), self._client.stream("GET", address) as response:
                _check(response.status_code)
                return await _body(response)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise SearchFailed(f"the search service did not answer in {TIMEOUT:.0f} seconds") from error
        except httpx.HTTPError as error:
            # Its message may hold the address with what was searched for.
            raise SearchFailed(f"the search service cannot be reached ({type(error).__name__})") from error


def _check(status: int) -> None:
    if status == 403:
        raise SearchFailed("the search service refuses: allow the format json in its settings (search: formats)")
    if status == 429:
        raise SearchFailed("the search service takes no more queries now: its limiter must allow this server")
    if status != 200:
        raise SearchFailed(f"the search service answered with status {status}; look at its address")


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    async for part in response.aiter_bytes():
        body += part
        if len(body) > MAX_BYTES:
            raise SearchFailed(f"the search service answered more than {MAX_BYTES >> 20} MiB")
    return bytes(body)


def _found(result: Result) -> Found | None:
    """A result with an address of the web and a text."""
    uri, text = result.url or "", _plain(result.content, MAX_TEXT)
    if not uri.startswith(("http://", "https://")) or not text:
        return None
    return Found(uri, _plain(result.title, MAX_TITLE) or uri.split("/")[2], text)


def _plain(text: str | None, most: int) -> str:
    words = " ".join(_TAG.sub("", text or "").split())
    return words if len(words) <= most else f"{words[:most].rsplit(' ', 1)[0]} …"
