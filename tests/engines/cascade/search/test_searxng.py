"""A search service is asked as SearXNG is, and whatever it answers is borne."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.parts import Found, SearchFailed
from antiphon.engines.cascade.search import FolderSearch, SearxngSearch, configured, searxng

PORTER = {"url": "https://a.example/porter", "title": "Night <b>porter</b>", "content": "Tom  Baker\nis <b>it</b>."}


class Service:
    """A search service on this machine. ``answer`` is what it sends; ``asked`` what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, list[str]], str]] = []
        self.status = 200
        self.answer: Any = {"query": "x", "results": [PORTER], "answers": []}
        self.stalls = False
        self.port = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        place = urlsplit(head.split(" ")[1])
        login = next((line for line in head.splitlines() if line.lower().startswith("authorization:")), "")
        self.asked.append((place.path, parse_qs(place.query), login))
        if self.stalls:
            await reader.read()
        else:
            body = self.answer if isinstance(self.answer, bytes) else json.dumps(self.answer).encode()
            writer.write(f"HTTP/1.1 {self.status} X\r\nConnection: close\r\n\r\n".encode() + body)
        writer.close()


@pytest.fixture
async def service(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    service = Service()
    await service.start()
    yield service
    await service.stop()


Connect = Callable[..., Awaitable[SearxngSearch]]


@pytest.fixture
async def connect(service: Service) -> AsyncIterator[Connect]:
    opened: list[SearxngSearch] = []

    async def connect(url: str = "") -> SearxngSearch:
        opened.append(SearxngSearch(url or service.url))
        await opened[-1].start()
        service.asked.clear()
        return opened[-1]

    yield connect
    for search in opened:
        await search.aclose()


async def test_results_are_passages(service: Service, connect: Connect) -> None:
    search = await connect()
    found = await search.search("who is the night porter?")
    assert found == [Found("https://a.example/porter", "Night porter", "Tom Baker is it.")]
    assert service.asked == [("/search", {"q": ["who is the night porter?"], "format": ["json"]}, "")]


async def test_the_address_may_have_a_path_and_a_login(service: Service, connect: Connect) -> None:
    search = await connect(f"http://me:s3cret@127.0.0.1:{service.port}/searx/?theme=simple")
    await search.search("x")
    ((path, query, login),) = service.asked
    assert (path, query) == ("/searx/search", {"theme": ["simple"], "q": ["x"], "format": ["json"]})
    assert login.split(": ")[1].startswith("Basic ")
    assert str(search) == service.url


async def test_no_secret_and_no_query_is_shown(
    service: Service, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "antiphon")
    search = await connect(f"http://me:s3cret@127.0.0.1:{service.port}/t0ken/")
    service.status = 500
    with pytest.raises(SearchFailed) as failed:
        await search.search("my illness")
    assert not any(secret in f"{failed.value!r} {search} {caplog.text}" for secret in ("s3cret", "t0ken", "illness"))


STRANGE = [
    {"url": None, "title": "x", "content": "y"},
    {"url": "javascript:alert(1)", "title": "x", "content": "y"},
    {"url": "https://a.example/1", "title": "x", "content": None},
    {"url": "https://a.example/2", "title": "x"},
    {"url": "https://a.example/3", "title": "", "content": "1 < 2", "engine": "z", "score": 1.5},
    {"url": "https://a.example/4", "title": "t " * 90, "content": "c " * 900},
]


async def test_results_without_text_or_web_address_are_left_out(service: Service, connect: Connect) -> None:
    search = await connect()
    service.answer = {"results": STRANGE}
    third, fourth = await search.search("x")
    assert third == Found("https://a.example/3", "a.example", "1 < 2")
    assert len(fourth.title) <= searxng.MAX_TITLE + 2
    assert len(fourth.text) <= searxng.MAX_TEXT + 2


async def test_no_more_than_asked_for(service: Service, connect: Connect) -> None:
    search = await connect()
    service.answer = {"results": [PORTER] * 9}
    assert len(await search.search("x")) == 5
    assert len(await search.search("x", 2)) == 2
    service.answer = {}
    assert await search.search("x") == []


FAILURES = [
    (403, {}, "allow the format json in its settings"),
    (429, {}, "limiter"),
    (302, {}, "status 302; look at its address"),
    (200, b"<html>", "did not answer with search results in JSON"),
    (200, {"results": "x"}, "did not answer with search results in JSON"),
    (200, b'{"results": []}' + b" " * (searxng.MAX_BYTES + 1), "more than 2 MiB"),
]


@pytest.mark.parametrize(("status", "answer", "message"), FAILURES, ids=lambda value: str(value)[:20])
async def test_what_is_no_answer_fails(
    service: Service, connect: Connect, status: int, answer: Any, message: str
) -> None:
    search = await connect()
    service.status, service.answer = status, answer
    with pytest.raises(SearchFailed, match=message):
        await search.search("x")


async def test_a_service_that_does_not_answer_in_time_fails(
    service: Service, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = await connect()
    monkeypatch.setattr(searxng, "TIMEOUT", 0.05)
    service.stalls = True
    with pytest.raises(SearchFailed, match="did not answer in"):
        await search.search("x")


class TestStart:
    async def test_a_service_that_is_not_there_is_named(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with pytest.raises(EngineUnavailable, match=r"search at http://127.0.0.1:1: .* cannot be reached"):
            await SearxngSearch("http://127.0.0.1:1").start()

    async def test_one_that_gives_no_json_is_told_from_the_beginning(self, service: Service) -> None:
        service.status = 403
        with pytest.raises(EngineUnavailable, match="allow the format json"):
            await SearxngSearch(service.url).start()

    async def test_a_closed_one_fails(self, connect: Connect) -> None:
        search = await connect()
        await search.aclose()
        await search.aclose()
        with pytest.raises(SearchFailed, match="closed"):
            await search.search("x")


@pytest.mark.parametrize("url", ["searx.example", "ftp://x", "http://", "http://me:s3cret@x:port/", "file:///etc"])
def test_a_wrong_address_is_said_so(url: str) -> None:
    with pytest.raises(EngineUnavailable, match=r"search: the address of the service") as wrong:
        SearxngSearch(url)
    assert "s3cret" not in str(wrong.value)


def test_what_the_settings_ask_for() -> None:
    assert configured() is None
    assert isinstance(configured(folder="docs"), FolderSearch)
    assert isinstance(configured(searxng="https://searx.example"), SearxngSearch)
    with pytest.raises(EngineUnavailable, match="set one of them"):
        configured("docs", "https://searx.example")
