"""Connections to upstreams: opened, used again, given up."""

import asyncio
import gc
from contextlib import aclosing
from typing import Any

import pytest
from tests.upstream import Exchange, upstream

from antiphon.providers import errors
from antiphon.providers.http import Http, Timeouts, is_local

QUICK = Timeouts(connect=5, first=5, next=5, attempts=2, patience=0.5)


async def collect(http: Http) -> list[bytes]:
    return [event async for event in http.events("ask", b"{}")]


async def test_events_come_as_they_are_sent() -> None:
    go_on = asyncio.Event()

    async def behave(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.event("one")
        await go_on.wait()
        await exchange.event("two")
        await exchange.end()

    async with upstream(behave) as peer:
        http = Http(peer.url + "/v1", {"Authorization": "Bearer s3cret"}, "s3cret")
        async with aclosing(http.events("ask", b"{}", "?alt=sse")) as events:
            assert await anext(events) == b"one"
            go_on.set()
            assert [event async for event in events] == [b"two"]
        (asked,) = peer.asked
        assert (asked.method, asked.path) == ("POST", "/v1/ask?alt=sse")
        assert asked.headers["authorization"] == "Bearer s3cret"
        assert asked.headers["content-type"] == "application/json"
        await http.aclose()


async def test_a_connection_is_used_again() -> None:
    async with upstream(lambda exchange: exchange.stream("x")) as peer:
        http = Http(peer.url)
        for _ in range(3):
            assert await collect(http) == [b"x"]
        assert peer.connections == 1
        await http.aclose()


async def test_closing_early_hangs_up() -> None:
    hung_up = asyncio.Event()

    async def behave(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.event("one")
        await exchange.gone.wait()
        hung_up.set()

    async with upstream(behave) as peer:
        http = Http(peer.url)
        async with aclosing(http.events("ask", b"{}")) as events:
            assert await anext(events) == b"one"
        await asyncio.wait_for(hung_up.wait(), 1)
        await http.aclose()


@pytest.mark.parametrize("started", [False, True])
async def test_cancelled_it_hangs_up(started: bool) -> None:
    hung_up, asked = asyncio.Event(), asyncio.Event()

    async def behave(exchange: Exchange) -> None:
        if started:
            await exchange.begin()
            await exchange.event("one")
        asked.set()
        await exchange.gone.wait()
        hung_up.set()

    async with upstream(behave) as peer:
        http = Http(peer.url)
        task = asyncio.create_task(collect(http))
        await asked.wait()
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(hung_up.wait(), 1)
        await http.aclose()


async def test_what_may_pass_is_tried_again_before_the_first_byte() -> None:
    answers = iter([503, 200])

    async def behave(exchange: Exchange) -> None:
        if (status := next(answers)) == 200:
            await exchange.stream("x")
        else:
            await exchange.answer(status, {"error": "busy"}, retry_after="0.01")

    async with upstream(behave) as peer:
        http = Http(peer.url, timeouts=QUICK)
        assert await collect(http) == [b"x"]
        assert len(peer.asked) == 2
        await http.aclose()


@pytest.mark.parametrize(
    ("status", "pause", "kind", "times"),
    [
        (503, "0.01", errors.Overloaded, 2),
        (429, "60", errors.RateLimited, 1),
        (401, "0", errors.AuthenticationFailed, 1),
        (400, "0", errors.BadRequest, 1),
    ],
)
async def test_attempts_are_bounded(status: int, pause: str, kind: type[Exception], times: int) -> None:
    async with upstream(lambda exchange: exchange.answer(status, {}, retry_after=pause)) as peer:
        http = Http(peer.url, timeouts=QUICK)
        with pytest.raises(kind):
            await collect(http)
        assert len(peer.asked) == times
        await http.aclose()


async def test_a_stream_that_dies_is_not_tried_again() -> None:
    async def behave(exchange: Exchange) -> None:
        await exchange.begin()
        await exchange.event("one")
        exchange.die()

    async with upstream(behave) as peer:
        http = Http(peer.url, timeouts=QUICK)
        events = http.events("ask", b"{}")
        assert await anext(events) == b"one"
        with pytest.raises(errors.Broken, match="broke off its answer"):
            await anext(events)
        assert len(peer.asked) == 1
        await http.aclose()


async def test_silence_ends_by_the_timeout_for_the_first_byte_and_for_the_next() -> None:
    begins = False

    async def behave(exchange: Exchange) -> None:
        if begins:
            await exchange.begin()
            await exchange.event("one")
        await exchange.gone.wait()

    async with upstream(behave) as peer:
        http = Http(peer.url, timeouts=Timeouts(first=0.05, next=0.05))
        with pytest.raises(errors.TimedOut, match=r"sent nothing for 0.05 s"):
            await collect(http)
        begins = True
        with pytest.raises(errors.TimedOut):
            await collect(http)
        assert len(peer.asked) == 2, "an upstream that is slow is not asked twice"
        await http.aclose()


async def test_nobody_there() -> None:
    async with upstream(lambda exchange: exchange.stream()) as peer:
        url = peer.url
    http = Http(url, timeouts=Timeouts(attempts=1))
    with pytest.raises(errors.Unreachable, match=f"^{url} cannot be reached: "):
        await collect(http)
    await http.aclose()


async def test_one_that_hangs_up_unasked_is_tried_again() -> None:
    async def behave(exchange: Exchange) -> None:
        exchange.die()

    async with upstream(behave) as peer:
        http = Http(peer.url, timeouts=QUICK)
        with pytest.raises(errors.Unreachable, match="hung up before it answered"):
            await collect(http)
        assert len(peer.asked) == 2
        await http.aclose()


async def test_redirects_are_not_followed_with_the_key() -> None:
    async with upstream(lambda exchange: exchange.answer(307, b"", location="http://127.0.0.1:1/")) as peer:
        http = Http(peer.url, {"Authorization": "Bearer s3cret"}, "s3cret")
        with pytest.raises(errors.Broken, match="answered 307"):
            await collect(http)
        await http.aclose()


async def test_get_and_post_return_whole_bodies() -> None:
    async with upstream(lambda exchange: exchange.answer(200, {"method": exchange.method})) as peer:
        http = Http(peer.url)
        assert await http.get("models") == b'{"method": "GET"}'
        assert await http.post("show", b"{}") == b'{"method": "POST"}'
        await http.aclose()
        await http.aclose()


async def test_nothing_is_left_open(recwarn: Any) -> None:
    async with upstream(lambda exchange: exchange.stream("x")) as peer:
        http = Http(peer.url)
        await collect(http)
        await http.aclose()
    gc.collect()
    assert not [warning for warning in recwarn if issubclass(warning.category, ResourceWarning)]


@pytest.mark.parametrize("url", ["ftp://x", "localhost", "http://", "http://name:s3cret@host/"])
def test_what_is_no_address_is_told_without_it(url: str) -> None:
    with pytest.raises(ValueError, match=r"^url") as wrong:
        Http(url)
    assert "s3cret" not in str(wrong.value)


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("192.168.1.5", True),
        ("gpu-box", True),
        ("gpu.local", True),
        ("8.8.8.8", False),
        ("api.openai.com", False),
    ],
)
def test_what_is_local(host: str, local: bool) -> None:
    assert is_local(host) is local
