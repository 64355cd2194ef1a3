"""What a call does, for pages while it runs: its timeline, its costs and its context, as server-sent events.

The conversation itself goes over the public Live endpoint; this is what a client is never told. Events of a stream:
``hello``, ``entry`` (again, with the same ``index``, when it changes), ``money``, ``context``, ``status``, ``end``.
Times of entries are seconds since ``hello.clock``, by the clock of ``/console/api/clock``.

With ``?follow=1`` a stream goes on after ``end``: if the session is resumed, another ``hello`` begins its next call,
whose entries count from 0 again. After ``over`` nothing comes any more.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from typing import Any, Final

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from antiphon.calls.desk import Desk
from antiphon.calls.watching import News, Running, Watch
from antiphon.console import costs
from antiphon.console.guard import Guard, Viewer
from antiphon.console.render import Renderer
from antiphon.live.timeline import Entry, Turn
from antiphon.meter.prices import Price, Unknown

PATIENCE: Final = 3.0
"""Seconds that a page may ask for a session before it runs."""

FOLLOW: Final = 600.0
"""Seconds that a stream waits for a session to be resumed."""

MOST_STREAMS: Final = 100
"""Streams that one owner may have at once."""

LOOK: Final = 2.0
"""Seconds after which it is looked again whether a watcher may still watch."""

HEARTBEAT: Final = 15.0
RETRY_MS: Final = 1000

_HEARTBEAT: Final = b": still here\n\n"

_encode = msgspec.json.Encoder(decimal_format="string", enc_hook=str).encode


def routes(desk: Desk, guard: Guard, renderer: Renderer) -> list[Route]:
    """The routes of the channel."""

    streams = Counter[str]()

    async def events(request: Request, viewer: Viewer) -> Response:
        if streams[viewer.caller.owner] >= MOST_STREAMS:
            raise HTTPException(429, f"this key has {MOST_STREAMS} streams open already; close some")
        may = partial(_may_watch, viewer)
        # A session of somebody else's takes as long to be refused as one that is not there.
        running = await desk.watching.wait_for(request.path_params["id"], PATIENCE, may)
        if running is None:
            raise HTTPException(404, "no session of this name runs, or it is not yours")
        follow = FOLLOW if request.query_params.get("follow") == "1" else 0.0
        stream = Stream(desk, running.session_id, may, follow, partial(guard.still_admits, request, viewer))
        return Streaming(stream.events(), streams, viewer.caller.owner)

    async def clock(request: Request, viewer: Viewer) -> Response:
        return JSONResponse({"clock": desk.clock.now()})

    return [
        Route("/api/sessions/{id}/events", guard.page("live", events), methods=["GET"]),
        Route("/api/clock", guard.page("live", clock), methods=["GET"]),
    ]


def _may_watch(viewer: Viewer, running: Running) -> bool:
    """Who may talk may see their own calls while they talk."""
    return viewer.caller.sees(running.owner) or viewer.caller.owner == running.owner


class Streaming(StreamingResponse):
    """Events on their way, counted among ``streams`` by their ``owner`` for as long as they are."""

    def __init__(self, events: AsyncIterator[bytes], streams: Counter[str], owner: str) -> None:
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._streams, self._owner = streams, owner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them."""
        self._streams[self._owner] += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._streams.subtract((self._owner,))


class Stream:
    """One watcher's stream of one session.

    ``may`` says whether they may watch a call; they wait ``follow`` seconds for the next one. ``still`` is asked now
    and then whether they may watch at all.
    """

    def __init__(
        self,
        desk: Desk,
        session_id: str,
        may: Callable[[Running], bool],
        follow: float = 0.0,
        still: Callable[[], Awaitable[bool]] | None = None,
    ) -> None:
        self._desk = desk
        self._session_id = session_id
        self._may = may
        self._follow = follow
        self._still = still
        self._looked = desk.clock.now()
        self._entries: dict[int, Entry] = {}
        self._sent: dict[str, Any] = {}

    async def events(self) -> AsyncIterator[bytes]:
        """The events, as they are written."""
        yield f"retry: {RETRY_MS}\n\n".encode()
        while (running := await self._next_call(HEARTBEAT)) is not None:
            if (watch := self._desk.watching.watch(running.session_id)) is not None:
                async with aclosing(self._call(watch)) as written:
                    async for each in written:
                        yield each
            if not self._follow:
                return
            waited = 0.0
            while await self._next_call(HEARTBEAT) is None and waited < self._follow and not self._desk.watching.closed:
                if not await self._may_go_on():
                    return
                waited += HEARTBEAT
                yield _HEARTBEAT
        yield _event("over", {})

    async def _next_call(self, seconds: float) -> Running | None:
        return await self._desk.watching.wait_for(self._session_id, seconds, self._may)

    async def _call(self, watch: Watch) -> AsyncGenerator[bytes]:
        with watch:
            self._entries.clear()
            self._sent.clear()
            running = watch.running
            price = await asyncio.to_thread(costs.warm, self._desk.prices, running.model)
            yield _event("hello", _hello(running))
            async with aclosing(_with_heartbeats(watch)) as all_news:
                async for news in all_news:
                    if not await self._may_go_on():
                        self._follow = 0.0
                        return
                    yield _HEARTBEAT if news is None else b"".join(self._tell(news, price))

    async def _may_go_on(self) -> bool:
        """Whether the watcher may still watch; looked up every :data:`LOOK` seconds."""
        now = self._desk.clock.now()
        if self._still is None or now - self._looked < LOOK:
            return True
        self._looked = now
        return await self._still()

    def _tell(self, news: News, price: Price | Unknown) -> list[bytes]:
        self._entries.update(news.entries)
        told = [_event("entry", _entry(number, entry, price)) for number, entry in news.entries]
        told += self._once("status", {"doing": news.running.doing, "engine": news.running.engine})
        told += self._once("context", news.context)
        if self._sent.get("bill") != (bill := (news.running.cost, news.running.turns, news.end)):
            self._sent["bill"] = bill
            told.append(_event("money", self._money(news)))
        if news.end is not None:
            told.append(_event("end", news.end))
        return told

    def _money(self, news: News) -> costs.Money:
        desk, running = self._desk, news.running
        budgets = desk.budgets.use(running.owner, running.session_id, desk.now())
        return costs.money(news, [self._entries[number] for number in sorted(self._entries)], desk.prices, budgets)

    def _once(self, name: str, value: Any) -> list[bytes]:
        """An event, unless it says what the last of its kind did."""
        if self._sent.get(name) == value:
            return []
        self._sent[name] = value
        return [_event(name, value)]


async def _with_heartbeats(watch: Watch) -> AsyncGenerator[News | None]:
    """The news, and None whenever there have been none for a while."""
    while True:
        coming = asyncio.ensure_future(anext(watch, None))
        try:
            while not (await asyncio.wait([coming], timeout=HEARTBEAT))[0]:
                yield None
            news = coming.result()
        finally:
            coming.cancel()
        if news is None:
            return
        yield news


def _hello(running: Running) -> dict[str, Any]:
    return {
        "session": running.session_id,
        "owner": running.owner,
        "model": running.model,
        "engine": running.engine,
        "began": running.began,
        "clock": running.clock,
        "content": running.content,
    }


def _entry(number: int, entry: Entry, price: Price | Unknown) -> dict[str, Any]:
    told: dict[str, Any] = {"index": number, **msgspec.to_builtins(entry, enc_hook=str)}
    if type(entry) is Turn and entry.ended is not None:
        told["hosted"] = costs.turn_at_host(price, entry)
    return told


def _event(name: str, data: Any) -> bytes:
    return b"event: %s\ndata: %s\n\n" % (name.encode(), _encode(data))
