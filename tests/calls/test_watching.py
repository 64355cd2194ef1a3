"""Looking on at calls: everybody is told all of it, nobody costs a call anything, and nothing is left behind."""

import asyncio
import gc
import weakref
from collections.abc import Awaitable
from decimal import Decimal
from typing import Any, TypeVar

import pytest

from antiphon.calls.bill import Bill, add_up, at_price
from antiphon.calls.caller import Caller
from antiphon.calls.observer import Ending
from antiphon.calls.timeline import Chronicle
from antiphon.calls.watching import End, News, Watch, Watching
from antiphon.live import events
from antiphon.live.history import FunctionCall
from antiphon.live.inputs import Begin, ClientLeft, EngineOpened
from antiphon.live.policy import Policy
from antiphon.live.session import Session
from antiphon.live.timeline import Activity, Entry, ToolUse, Turn
from antiphon.live.tokens import Tokens, Usage
from antiphon.meter.prices import OwnPrice, Part, Prices
from antiphon.store import ledger
from antiphon.wire.gemini import client

SETUP = client.Setup(
    model="gemini-3.8-live", tools=[client.Tool(function_declarations=[client.FunctionDeclaration(name="f")])]
)
TEXT = client.RealtimeInput(text="what is it?")
SOUND = client.RealtimeInput(audio=client.Blob(mime_type="audio/pcm;rate=16000", data=bytes(640)))
SECOND = bytes(48_000)
PRICES = Prices({"acme/m": OwnPrice(text_in=Decimal(1), text_out=Decimal(2), audio_in=Decimal(3))})

Result = TypeVar("Result")


class Stage:
    """Calls in one place, and their time."""

    def __init__(self) -> None:
        self.now = 50.0
        self.watching = Watching(PRICES, lambda: 1_700_000_000.0 + self.now, lambda: self.now)

    def call(self, name: str = "s1", *, content: bool = False) -> "Call":
        return Call(self, name, content)


class Call:
    """A session with its chronicle."""

    def __init__(self, stage: Stage, name: str, content: bool) -> None:
        self.stage = stage
        self.session = Session(Policy(messages_per_second=1e9), stage.now, name)
        self.chronicle = Chronicle(self.session, Caller("mine"), stage.now, content=content, watching=stage.watching)

    def step(self, *happened: Any, after: float = 0.0) -> "Call":
        self.stage.now += after
        for event in happened:
            effects = self.session.receive(event, self.stage.now)
            self.chronicle.saw(event, effects, self.stage.now)
        return self

    def open(self) -> "Call":
        return self.step(Begin(SETUP), EngineOpened())

    def charge(self, generation: int, usage: Usage, kind: ledger.Kind = ledger.GENERATION, amount: int = 10) -> None:
        row = ledger.Entry(
            call="c", session_id="s1", generation=generation, kind=kind, at=0.0, provider="acme", billed="m",
            usage=usage, amount=amount,
        )  # fmt: skip
        self.chronicle.priced([row])

    def finish(self) -> None:
        self.step(ClientLeft())
        self.chronicle.finish(Ending(self.session.record(self.stage.now)))

    def watch(self) -> Watch:
        watch = self.stage.watching.watch(self.session.id, lull=0.0)
        assert watch is not None
        return watch


async def soon(work: Awaitable[Result]) -> Result:
    async with asyncio.timeout(1):
        return await work


async def quiet(watch: Watch) -> bool:
    """Whether there is nothing to tell."""
    try:
        async with asyncio.timeout(0.02):
            await anext(watch)
    except TimeoutError:
        return True
    return False


def numbers(news: News) -> list[int]:
    return [number for number, _ in news.entries]


class TestNews:
    async def test_who_comes_late_is_told_all_of_it(self) -> None:
        call = Stage().call().open().step(TEXT).step(events.Speech(1, SECOND), after=0.3)
        with call.watch() as watch:
            news = await soon(anext(watch))
            assert [entry for _, entry in news.entries] == call.chronicle.entries
            assert numbers(news) == list(range(len(call.chronicle.entries)))
            assert (news.running.doing, news.running.turns, news.end) == ("speaking", 0, None)

    async def test_then_only_of_what_changed(self) -> None:
        call = Stage().call().open().step(TEXT)
        with call.watch() as watch:
            await soon(anext(watch))
            assert await quiet(watch)
            call.step(events.ActivityStarted(0.1), after=1.0)
            news = await soon(anext(watch))
            (activity,) = [entry for _, entry in news.entries if type(entry) is Activity]
            assert activity.ended is None
            call.step(events.ActivityEnded(0.5), after=1.0)
            again = await soon(anext(watch))
            assert Activity in {type(entry) for _, entry in again.entries}
            assert len(again.entries) <= 2, "the activity, and perhaps the turn"

    async def test_what_was_told_does_not_change_any_more(self) -> None:
        call = Stage().call().open().step(TEXT)
        with call.watch() as watch:
            before = [e for _, e in (await soon(anext(watch))).entries if type(e) is Turn]
            call.step(events.Speech(1, SECOND), after=0.5)
            assert before[0].first is None
            (turn,) = [e for _, e in (await soon(anext(watch))).entries if type(e) is Turn]
            assert turn.first == pytest.approx(0.5)

    async def test_what_changes_often_is_told_at_once(self) -> None:
        call = Stage().call().open().step(TEXT)
        with call.watch() as watch:
            await soon(anext(watch))
            for number in range(200):
                call.step(events.OutputTranscript(1, f"{number} ", number / 10))
            assert len(watch._changed) <= len(call.chronicle.entries)
            news = await soon(anext(watch))
            assert [type(entry) for _, entry in news.entries] == [Turn]
            assert await quiet(watch)

    async def test_there_is_a_lull_between_news(self) -> None:
        call = Stage().call().open().step(TEXT)
        watch = call.stage.watching.watch("s1", lull=0.05)
        assert watch is not None
        loop = asyncio.get_running_loop()
        with watch:
            await soon(anext(watch))
            began = loop.time()
            call.step(TEXT)
            await soon(anext(watch))
            assert loop.time() - began >= 0.045

    async def test_the_context_is_what_the_latest_turn_read(self) -> None:
        call = Stage().call().open().step(TEXT)
        for number, tokens in ((1, 100), (2, 250), (3, 0)):
            call.chronicle.entries.append(Turn(at=0.0, number=number, usage=Usage(prompt=Tokens(text=tokens))))
        with call.watch() as watch:
            assert (await soon(anext(watch))).context.tokens == 250

    async def test_everything_told_together_is_the_timeline(self) -> None:
        call = Stage().call(content=True).open()
        told: dict[int, Entry] = {}
        with call.watch() as watch:
            call.step(TEXT, after=0.1).step(events.Speech(1, SECOND), events.OutputTranscript(1, "hi", 0.0), after=0.2)
            told.update((await soon(anext(watch))).entries)
            call.step(events.ToolCalls(1, (FunctionCall("a", "f", {"x": 1}),)), after=0.2)
            told.update((await soon(anext(watch))).entries)
            call.step(client.ToolResponse(function_responses=[client.FunctionResponse(id="a", response={"y": 2})]))
            call.charge(1, Usage(prompt=Tokens(text=100)))
            call.finish()
            async for news in watch:
                told.update(news.entries)
        assert [told[number] for number in sorted(told)] == call.chronicle.entries
        (tool,) = [entry for entry in told.values() if type(entry) is ToolUse]
        assert tool.result == '{"y":2}'


class TestEnds:
    async def test_the_end_is_the_last(self) -> None:
        call = Stage().call().open().step(TEXT)
        watch = call.watch()
        call.finish()
        all_news = [news async for news in watch]
        assert all_news[-1].end == End(None, "the client left")
        assert call.stage.watching.calls() == []
        assert not call.chronicle.watches

    async def test_the_end_waits_for_no_lull(self) -> None:
        call = Stage().call().open().step(TEXT)
        watch = call.stage.watching.watch("s1", lull=60.0)
        assert watch is not None
        with watch:
            await soon(anext(watch))
            call.finish()
            assert (await soon(anext(watch))).end is not None

    async def test_one_who_looks_away_is_forgotten(self) -> None:
        call = Stage().call().open()
        with call.watch() as watch:
            pass
        assert not call.chronicle.watches
        assert [news async for news in watch] == []
        gone = weakref.ref(watch)
        del watch
        gc.collect()
        assert gone() is None

    async def test_one_who_waits_is_woken_when_the_server_stops(self) -> None:
        call = Stage().call().open()
        watch = call.watch()
        await soon(anext(watch))
        waiting = asyncio.ensure_future(anext(watch, None))
        await asyncio.sleep(0)
        call.stage.watching.close()
        assert await soon(waiting) is None
        assert call.stage.watching.watch("s1") is None

    async def test_a_call_without_a_setup_is_none(self) -> None:
        stage = Stage()
        call = stage.call()
        call.chronicle.finish(Ending(None))
        assert stage.watching.calls() == []
        assert stage.watching.watch("s1") is None

    async def test_who_looks_on_never_harms_a_call(self, monkeypatch: pytest.MonkeyPatch) -> None:
        call = Stage().call().open()
        with call.watch() as watch:
            monkeypatch.setattr(watch, "stir", lambda number=None: 1 / 0)
            call.step(TEXT)
            call.charge(1, Usage())
            assert not call.session.closed


class TestWhichCalls:
    async def test_what_runs(self) -> None:
        stage = Stage()
        call = stage.call("s1").open().step(TEXT)
        stage.call("s2")
        stage.now += 2.0
        (running,) = stage.watching.calls()
        assert (running.session_id, running.owner, running.model) == ("s1", "mine", "gemini-3.8-live")
        assert (running.seconds, running.clock, running.began) == (2.0, 50.0, 1_700_000_050.0)
        assert running.doing == "thinking"
        call.step(events.ToolCalls(1, (FunctionCall("a", "f", {}),)))
        assert stage.watching.calls()[0].doing == "tool"
        call.step(events.ActivityStarted(0.0))
        assert stage.watching.calls()[0].doing == "hearing"

    async def test_a_session_that_goes_on_is_watched_in_its_new_call(self) -> None:
        stage = Stage()
        old, new = stage.call("s1").open(), stage.call("other")
        old_watch = old.watch()
        new.session.id = "s1"
        new.open()
        assert len(stage.watching.calls()) == 1
        new_watch = new.watch()
        old.finish()
        assert [news.end async for news in old_watch][-1] is not None
        assert new_watch in new.chronicle.watches
        assert len(stage.watching.calls()) == 1, "the end of the old one is not that of the new"
        new_watch.close()

    async def test_one_may_wait_for_it(self) -> None:
        stage = Stage()
        waiting = asyncio.ensure_future(stage.watching.wait_for("s1", 1.0))
        await asyncio.sleep(0)
        stage.call("s1").open()
        running = await soon(waiting)
        assert running is not None
        assert running.session_id == "s1"
        assert await stage.watching.wait_for("s2", 0.01) is None
        assert await stage.watching.wait_for("s1", 0.01, lambda running: False) is None
        assert not stage.watching._begun


class TestSound:
    async def test_sound_stirs_nobody(self, monkeypatch: pytest.MonkeyPatch) -> None:
        call = Stage().call().open().step(TEXT).step(events.Speech(1, SECOND))
        with call.watch() as watch:
            await soon(anext(watch))
            monkeypatch.setattr(call.chronicle, "_look", lambda *_: pytest.fail("sound is not looked at"))
            for _ in range(50):
                call.step(SOUND, events.Speech(1, bytes(960)))
            assert not watch._changed
            assert await quiet(watch)


class TestBill:
    def test_parts_of_generations_add_up(self) -> None:
        bill = Stage().call().open()
        bill.charge(1, Usage(prompt=Tokens(text=1000), response=Tokens(text=100)))
        bill.charge(2, Usage(prompt=Tokens(text=2000, audio=500)))
        parts = {part.name: part for part in bill.chronicle.bill.parts}
        assert parts["text in"] == Part("text in", Decimal(3000), Decimal("0.003"))
        assert parts["audio in"].amount == Decimal("0.0015")
        assert parts["text out"].amount == Decimal("0.0002")

    def test_what_was_provisional_is_replaced(self) -> None:
        call = Stage().call().open()
        call.charge(1, Usage(prompt=Tokens(text=1000)), ledger.WINDOW)
        assert [part.count for part in call.chronicle.bill.parts] == [1000]
        call.charge(1, Usage(prompt=Tokens(text=1500)))
        assert [part.count for part in call.chronicle.bill.parts] == [1500]
        assert call.chronicle.money is not None

    def test_what_has_no_price_is_named(self) -> None:
        bill = Bill()
        row = ledger.Entry(
            call="c", session_id="s", generation=1, kind=ledger.GENERATION, at=0.0, provider="x", billed="y"
        )
        bill.charge(1, [row], PRICES, provisional=False)
        (part,) = bill.parts
        assert part.amount is None
        assert "x/y" in part.name

    def test_what_is_unknown_once_is_unknown(self) -> None:
        sums = add_up(
            [Part("a", Decimal(1), None), Part("a", Decimal(2), Decimal(3)), Part("b", Decimal(1), Decimal(1))]
        )
        assert sums["a"] == Part("a", Decimal(3), None)
        assert sums["b"].amount == 1

    def test_what_is_charged_by_the_generation_is_counted_so(self) -> None:
        prices = Prices({"acme/m": OwnPrice(text_in=Decimal(1), grounded=Decimal(2), request=Decimal(3))})
        price = prices.price_of("acme", "m")
        bill = Bill()
        usages = [Usage(prompt=Tokens(text=10), searches=2), Usage(prompt=Tokens(text=10)), Usage(searches=1)]
        for usage in usages:
            bill.count(usage)
        parts = {part.name: part.amount for part in at_price(price, sum(usages, Usage()), bill)}
        assert (parts["grounding"], parts["requests"]) == (4, 9)
        assert parts["text in"] == Decimal("0.00002")
