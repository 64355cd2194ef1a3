"""The engine's side of a call: what happens when an engine is lost, and that nothing the user said is."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.calls.conftest import Line, settle

from antiphon.calls.call import Call
from antiphon.calls.line import KEPT_PICTURES, KEPT_SECONDS, MAX_KEPT, TAKE_OVER_SECONDS
from antiphon.calls.line import Line as CallLine
from antiphon.calls.outbox import Hangup
from antiphon.engines.base import NOTHING, EngineUnavailable
from antiphon.live import events
from antiphon.live.abilities import Abilities
from antiphon.live.effects import Spend
from antiphon.live.history import user
from antiphon.live.inputs import ClientLeft, Dismiss
from antiphon.live.policy import Policy
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.testing.clock import VirtualClock
from antiphon.wire.gemini import client

RELAY = Abilities("relay", takes_turns=True, paces=True, relays=True)
LED = Abilities("led")
LOUD = np.full(160, 8000, "<i2").tobytes()
QUIET = bytes(320)


class Engine:
    """Opens a new :class:`Line` each time, or fails as often as it is told to."""

    def __init__(self, abilities: Abilities = LED) -> None:
        self.abilities = abilities
        self.lines: list[Line] = []
        self.seeds: list[Seed] = []
        self.fails: list[Exception] = []

    async def start(self) -> None: ...

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> Line:
        self.seeds.append(seed)
        if self.fails:
            raise self.fails.pop(0)
        self.lines.append(Line())
        return self.lines[-1]

    async def aclose(self) -> None: ...

    @property
    def heard(self) -> list[events.UserEvent]:
        return self.lines[-1].told


class Placed:
    """A placement that remembers what became of it."""

    def __init__(self, name: str, engine: Engine) -> None:
        self.name, self.engine = name, engine
        self.fate: list[str] = []

    def opened(self) -> None:
        self.fate.append("opened")

    def failed(self, reason: str, *, retry: bool = True) -> None:
        self.fate.append(f"failed: {reason}" if retry else f"failed for good: {reason}")

    def release(self) -> None:
        self.fate.append("released")


class Several:
    """A plan: one engine after the other."""

    model = ""
    takes_over = True

    def __init__(self, *engines: Engine) -> None:
        self.abilities = engines[0].abilities
        self.placements: list[Placed] = []
        self._left = list(engines)

    def choose(self) -> Placed | None:
        if not self._left:
            return None
        number = len(self.placements)
        self.placements.append(Placed(f"e{number}", self._left.pop(0)))
        return self.placements[-1]


class Stage:
    """One call over several engines."""

    def __init__(self, *engines: Engine, announcer: Any = None, manual: bool = False) -> None:
        self.clock = VirtualClock(now=100.0)
        self.engines = engines
        self.plan = Several(*engines)
        detection = client.AutomaticActivityDetection(disabled=True) if manual else None
        self.realtime = client.RealtimeInputConfig(automatic_activity_detection=detection)
        self.call = Call("a", lambda model: self.plan, Policy(voice_activity=False), self.clock, announcer=announcer)

    async def open(self) -> "Stage":
        await self.call.begin(client.Setup(model="gemini-3.8-live", realtime_input_config=self.realtime))
        await settle()
        return self

    def audio(self, pcm: bytes, count: int = 1) -> None:
        for _ in range(count):
            self.call.receive(client.RealtimeInput(audio=client.Blob(data=pcm, mime_type="audio/pcm;rate=16000")))

    async def lose(self, number: int = 0, how: Any = None) -> None:
        self.engines[number].lines[-1].say(events.Lost("gone") if how is None else how)
        await settle()

    async def end(self) -> list[Any]:
        self.call.receive(ClientLeft())
        await self.call.ended()
        items = []
        while self.call.outbox._items:
            items.append(await self.call.outbox.get())
        return items


@pytest.fixture
async def stage() -> AsyncIterator[Any]:
    stages = []

    async def make(*engines: Engine, **more: Any) -> Stage:
        stages.append(Stage(*engines, **more))
        return await stages[-1].open()

    yield make
    for each in stages:
        await each.end()


class TestTakeOver:
    @pytest.mark.parametrize("how", [None, OSError("broken"), asyncio.CancelledError()])
    async def test_the_next_engine_takes_over_whatever_ended_the_first(self, stage: Any, how: Any) -> None:
        first, second = Engine(RELAY), Engine()
        it = await stage(first, second)
        it.call.receive(client.RealtimeInput(text="hi"))
        await it.lose(how=how)
        assert second.heard == [events.Respond(1, (user("hi"),))]
        assert first.lines[0].closes == 1
        assert it.plan.placements[0].fate[0] == "opened"
        assert it.plan.placements[0].fate[-1] == "released"

    async def test_an_engine_that_is_given_up_ends_late_and_that_is_no_loss_of_the_next(self, stage: Any) -> None:
        first, second, third = Engine(RELAY), Engine(), Engine()
        it = await stage(first, second, third)
        it.call.line.abandon("silent")
        await settle()
        assert first.lines[0].closes == 1
        assert second.lines
        assert not third.lines

    async def test_engines_that_do_not_open_are_passed_over(self, stage: Any) -> None:
        first, second, third = Engine(RELAY), Engine(), Engine()
        second.fails = [EngineUnavailable("no room")]
        it = await stage(first, second, third)
        await it.lose()
        assert third.lines
        assert it.plan.placements[1].fate == ["failed: no room", "released"]
        (gap,) = it.call.line.gaps
        assert (gap.lost, gap.taken_over_by, gap.reason) == ("e0", "e2", "gone")

    async def test_so_are_those_that_do_not_open_at_the_beginning(self, stage: Any) -> None:
        first, second = Engine(RELAY), Engine()
        first.fails = [RuntimeError("bug")]
        it = await stage(first, second)
        it.call.receive(client.RealtimeInput(text="hi"))
        assert second.heard == [events.Respond(1, (user("hi"),))]

    async def test_when_nobody_is_left_the_client_reads_why(self, stage: Any) -> None:
        it = await stage(Engine(RELAY))
        await it.lose()
        assert (await it.end())[-1] == Hangup(1011, "gone")

    async def test_a_failure_of_the_clients_own_making_is_nobody_elses(self, stage: Any) -> None:
        second = Engine()
        it = await stage(Engine(RELAY), second)
        await it.lose(how=events.Failure("setup.x: is wrong", 1007))
        assert (await it.end())[-1] == Hangup(1007, "setup.x: is wrong")
        assert second.seeds == []

    async def test_one_that_does_not_open_in_time_is_passed_over(self, stage: Any, monkeypatch: Any) -> None:
        class Stuck(Engine):
            async def open(self, setup: Setup, seed: Seed = NOTHING) -> Line:
                await asyncio.Event().wait()
                raise AssertionError

        monkeypatch.setattr("antiphon.calls.line.OPEN_SECONDS", 0.001)
        third = Engine()
        it = await stage(Engine(RELAY), Stuck(), third)
        await it.lose()
        await asyncio.sleep(0.005)
        await settle()
        assert third.lines
        assert it.plan.placements[1].fate == ["failed: e1 did not begin within 0.001 s", "released"]

    async def test_one_that_is_of_no_use_any_more_says_so(self, stage: Any) -> None:
        it = await stage(Engine(RELAY), Engine())
        await it.lose(how=events.Lost("no credit", retry=False))
        assert it.plan.placements[0].fate == ["opened", "failed for good: no credit", "released"]

    async def test_of_a_conversation_that_is_over_only_what_it_used_counts(self, stage: Any) -> None:
        first, second = Engine(RELAY), Engine(RELAY)
        it = await stage(first, second)
        used = UpstreamUsage("google", "m", Usage(prompt=Tokens(text=3)))
        spent: list[Any] = []
        it.call._perform[Spend] = spent.append
        first.lines[0].say(events.Lost("gone"), events.GenerationStarted(1), events.Used(1, used), None)
        await settle()
        assert spent == [Spend(1, used)]
        assert it.call.session.dialogue.idle

    async def test_a_call_does_not_look_for_an_engine_for_ever(self, stage: Any) -> None:
        class Slow(Engine):
            async def open(self, setup: Setup, seed: Seed = NOTHING) -> Line:
                it.clock.advance(TAKE_OVER_SECONDS + 1)
                raise EngineUnavailable("late")

        never = Engine()
        it = await stage(Engine(RELAY), Slow(), never)
        await it.lose()
        assert (await it.end())[-1] == Hangup(1011, "late")
        assert never.seeds == []

    async def test_every_engine_is_released_when_the_call_ends(self, stage: Any) -> None:
        it = await stage(Engine(RELAY), Engine())
        await it.lose()
        await it.end()
        assert all(placed.fate[-1] == "released" for placed in it.plan.placements)

    async def test_an_engine_that_cannot_be_told_is_lost(self, stage: Any) -> None:
        first, second = Engine(RELAY), Engine()
        it = await stage(first, second)

        def fail(_: events.UserEvent) -> None:
            raise OSError("broken pipe")

        first.lines[0].on_send = fail
        it.call.receive(client.RealtimeInput(text="hi"))
        await settle()
        assert second.heard == [events.Respond(1, (user("hi"),))]


class TestWhatTheUserSaid:
    async def test_speech_that_was_not_answered_is_told_again_and_silence_before_it_is_not(self, stage: Any) -> None:
        first, second = Engine(RELAY), Engine(RELAY)
        it = await stage(first, second)
        it.audio(QUIET, 500)  # five seconds
        it.audio(LOUD, 100)
        await it.lose()
        heard = [event.pcm for event in second.heard if isinstance(event, events.Audio)]
        assert heard.count(LOUD) == 100
        assert heard.count(QUIET) == 50, "half a second of lead"

    async def test_sound_that_comes_while_nobody_is_there_is_told_then(self, stage: Any) -> None:
        class Later(Engine):
            may = asyncio.Event()

            async def open(self, setup: Setup, seed: Seed = NOTHING) -> Line:
                await self.may.wait()
                return await super().open(setup, seed)

        first, second = Engine(RELAY), Later(RELAY)
        it = await stage(first, second)
        await it.lose()
        it.audio(LOUD, 7)
        second.may.set()
        await settle()
        it.audio(LOUD, 3)
        assert len(second.heard) == 10

    async def test_offsets_stay_those_of_the_sessions_input(self, stage: Any) -> None:
        first, second = Engine(RELAY), Engine()
        it = await stage(first, second)
        it.audio(LOUD, 300)
        first.lines[0].say(events.GenerationStarted(1), events.GenerationComplete(1), events.TurnComplete(1))
        await settle()
        it.audio(LOUD, 100)
        await it.lose()
        replayed = [event for event in second.heard if isinstance(event, events.Audio)]
        base = 4.0 - len(replayed) * 0.01
        second.lines[0].say(events.ActivityStarted(0.5))
        await settle()
        assert it.call.session.dialogue._activity_began == pytest.approx(base + 0.5)

    async def test_they_do_where_nothing_had_to_be_told_again(self, stage: Any) -> None:
        first, second = Engine(RELAY), Engine()
        it = await stage(first, second)
        it.audio(QUIET, 300)
        first.lines[0].say(events.GenerationStarted(1), events.GenerationComplete(1), events.TurnComplete(1))
        await settle()
        await it.lose()
        assert second.heard == []
        it.audio(LOUD, 100)
        second.lines[0].say(events.ActivityStarted(0.5))
        await settle()
        assert it.call.session.dialogue._activity_began == pytest.approx(3.5)

    @pytest.mark.parametrize("abilities", [LED, RELAY], ids=["led", "relay"])
    async def test_they_do_where_silence_was_left_out(self, stage: Any, abilities: Abilities) -> None:
        second = Engine(abilities)
        it = await stage(Engine(RELAY), second)
        it.audio(QUIET, 300)
        it.audio(LOUD, 100)
        await it.lose()
        started = events.ActivityStarted(0.5)
        second.lines[0].say(events.Relayed(b"", (started,)) if abilities is RELAY else started)
        await settle()
        assert it.call.session.dialogue._activity_began == pytest.approx(3.0)

    async def test_no_more_than_half_a_minute_is_kept_and_what_is_not_is_counted(self, stage: Any) -> None:
        first, second = Engine(RELAY), Engine(RELAY)
        it = await stage(first, second)
        it.audio(LOUD * 100, 100)  # a hundred seconds
        await it.lose()
        seconds = sum(len(event.pcm) for event in second.heard if isinstance(event, events.Audio)) / 32_000
        assert KEPT_SECONDS <= seconds <= 2 * KEPT_SECONDS + 1
        assert it.call.line.dropped_seconds == pytest.approx(100 - seconds, abs=1.0)

    async def test_a_manual_activity_is_told_again_whole(self, stage: Any) -> None:
        first, second = Engine(LED), Engine(LED)
        it = await stage(first, second, manual=True)
        it.call.receive(client.RealtimeInput(activity_start=client.Empty()))
        it.audio(QUIET, 3)
        await it.lose()
        it.call.receive(client.RealtimeInput(activity_end=client.Empty()))
        assert [type(event) for event in second.heard] == [
            events.ActivityStart,
            *[events.Audio] * 3,
            events.ActivityEnd,
        ]

    async def test_sound_outside_of_marked_activities_does_not_shift_what_is_told_again(self, stage: Any) -> None:
        second = Engine(LED)
        it = await stage(Engine(LED), second, manual=True)
        it.audio(QUIET, 1000)
        it.call.receive(client.RealtimeInput(activity_start=client.Empty()))
        it.audio(LOUD, 3)
        await it.lose()
        assert [type(event) for event in second.heard] == [events.ActivityStart, *[events.Audio] * 3]

    @pytest.mark.parametrize("abilities", [LED, RELAY], ids=["led", "relay"])
    async def test_nothing_of_the_marked_activity_before_is_told_again(self, stage: Any, abilities: Abilities) -> None:
        first, second = Engine(abilities), Engine(LED)
        it = await stage(first, second, manual=True)
        self.mark(it, LOUD, 100)
        said = events.InputTranscript("one", final=True)
        done = events.GenerationComplete(1), events.TurnComplete(1)
        start = (events.GenerationStarted(1),) if abilities is RELAY else (said,)
        first.lines[0].say(*start, *done)
        await settle()
        it.clock.advance(1)
        it.call.receive(client.RealtimeInput(activity_start=client.Empty()))
        it.audio(QUIET, 2)
        await it.lose()
        assert [type(event) for event in second.heard] == [events.ActivityStart, events.Audio, events.Audio]

    async def test_an_activity_that_was_only_just_marked_is_marked_again(self, stage: Any) -> None:
        first, second = Engine(RELAY), Engine(RELAY)
        it = await stage(first, second, manual=True)
        self.mark(it, LOUD, 100)
        first.lines[0].say(events.GenerationStarted(1), events.GenerationComplete(1), events.TurnComplete(1))
        await settle()
        it.call.receive(client.RealtimeInput(activity_start=client.Empty()))
        await it.lose()
        assert second.heard == [events.ActivityStart()]

    async def test_a_marked_activity_of_many_minutes_is_told_from_its_mark(self, stage: Any) -> None:
        second = Engine(RELAY)
        it = await stage(Engine(RELAY), second, manual=True)
        self.mark(it, LOUD * 100, 200)
        await it.lose()
        kinds = [type(event) for event in second.heard]
        assert kinds[0] is events.ActivityStart
        assert kinds[-1] is events.ActivityEnd
        assert KEPT_SECONDS <= kinds.count(events.Audio) <= 2 * KEPT_SECONDS + 1

    def mark(self, it: Stage, pcm: bytes, count: int) -> None:
        it.call.receive(client.RealtimeInput(activity_start=client.Empty()))
        it.audio(pcm, count)
        it.call.receive(client.RealtimeInput(activity_end=client.Empty()))

    async def test_no_more_than_the_newest_pictures_wait(self) -> None:
        line, told = spare_line()
        for number in range(10 * KEPT_PICTURES):
            line.tell(events.Image("image/jpeg", b"%d" % number))
        assert KEPT_PICTURES <= len(line._kept) <= 2 * KEPT_PICTURES
        assert line._kept[-1][1] == events.Image("image/jpeg", b"%d" % (10 * KEPT_PICTURES - 1))
        assert told == []

    @pytest.mark.parametrize("event", [events.Audio(b"..", 16_000), events.StreamEnd()], ids=["crumbs", "marks"])
    async def test_no_more_events_wait_than_are_worth_it(self, event: Any) -> None:
        line, _ = spare_line()
        for _ in range(2 * MAX_KEPT):
            line.tell(event)
        assert len(line._kept) <= MAX_KEPT

    async def test_where_nobody_could_take_over_nothing_waits(self) -> None:
        line, _ = spare_line(takes_over=False)
        line.tell(events.Audio(LOUD, 16_000))
        line.tell(events.Image("image/jpeg", b""))
        assert line._kept == []


def spare_line(*, takes_over: bool = True) -> tuple[CallLine, list[Any]]:
    """The engine's side of a call before any engine is there."""
    plan, told = Several(Engine()), []
    plan.takes_over = takes_over
    return CallLine(plan, VirtualClock(), told.append, lambda event: (event,)), told


class Late(Engine):
    """Opens once it may, whoever still wants it then."""

    def __init__(self, abilities: Abilities = LED) -> None:
        super().__init__(abilities)
        self.may = asyncio.Event()

    async def open(self, setup: Setup, seed: Seed = NOTHING) -> Line:
        with suppress(asyncio.CancelledError):
            await self.may.wait()
        return await super().open(setup, seed)


class TestEndsWhileNobodyIsThere:
    async def test_a_conversation_that_opens_after_the_call_is_closed(self, stage: Any) -> None:
        late = Late()
        it = await stage(Engine(RELAY), late)
        await it.lose()
        await it.end()
        assert [line.closes for line in late.lines] == [1]
        assert it.plan.placements[1].fate[-1] == "released"
        (gap,) = it.call.line.gaps
        assert (gap.lost, gap.taken_over_by) == ("e0", "")
        assert not it.call.line._tasks

    async def test_the_farewell_is_said_and_whoever_opens_then_is_let_go(self, stage: Any) -> None:
        late = Late()
        it = await stage(Engine(RELAY), late)
        await it.lose()
        it.call.receive(Dismiss("budget: spent", "Goodbye."))
        late.may.set()
        await settle()
        assert [line.closes for line in late.lines] == [1]
        assert (await it.end())[-1] == Hangup(1008, "budget: spent")

    async def test_that_nobody_opens_does_not_spoil_the_farewell(self, stage: Any) -> None:
        class Never(Engine):
            async def open(self, setup: Setup, seed: Seed = NOTHING) -> Line:
                await going.wait()
                raise EngineUnavailable("no room")

        class Announcer:
            async def say(self, generation: int, text: str, setup: Setup) -> AsyncIterator[events.ModelEvent]:
                going.set()
                await settle()
                yield events.Speech(generation, bytes(4800))

        going = asyncio.Event()
        it = await stage(Engine(RELAY), Never(), announcer=Announcer())
        await it.lose()
        it.call.receive(Dismiss("budget: spent", "Goodbye."))
        await settle()
        await settle()
        it.clock.advance(1)
        assert (await it.end())[-1] == Hangup(1008, "budget: spent")


class TestFarewell:
    async def test_it_is_said_by_a_voice_of_the_servers_own_and_the_engine_is_let_go(self, stage: Any) -> None:
        class Announcer:
            async def say(self, generation: int, text: str, setup: Setup) -> AsyncIterator[events.ModelEvent]:
                yield events.Speech(generation, bytes(4800))
                yield events.OutputTranscript(generation, text, 0.0)

        engine = Engine(RELAY)
        it = await stage(engine, announcer=Announcer())
        it.call.receive(Dismiss("budget: spent", "Goodbye."))
        await settle()
        it.clock.advance(1)
        assert it.plan.placements[0].fate[-1] == "released"
        assert engine.lines[0].closes == 1
        assert (await it.end())[-1] == Hangup(1008, "budget: spent")

    async def test_without_a_voice_the_session_just_closes(self, stage: Any) -> None:
        it = await stage(Engine(RELAY))
        it.call.receive(Dismiss("budget: spent", "Goodbye."))
        await settle()
        assert (await it.end())[-1] == Hangup(1008, "budget: spent")


losses = st.lists(st.sampled_from(["loud", "quiet", "answer", "lose", "text"]), max_size=40)


@given(losses)
@settings(max_examples=60, deadline=None)
def test_whatever_is_lost_whenever_every_word_is_heard_by_the_last_engine_or_answered(steps: Sequence[str]) -> None:
    """Each spoken chunk is unlike any other; those since the last answer are all told to whoever comes last."""
    logging.disable(logging.ERROR)
    try:
        asyncio.run(_walk(steps))
    finally:
        logging.disable(logging.NOTSET)


async def _walk(steps: Sequence[str]) -> None:
    engines = [Engine(RELAY) for _ in range(steps.count("lose") + 1)]
    it = await Stage(*engines).open()
    current, number, unanswered, value = 0, 0, [], 1000
    for step in steps:
        match step:
            case "loud":
                value += 1
                unanswered.append(value)
                it.audio(np.full(160, value, "<i2").tobytes())
            case "quiet":
                it.audio(QUIET)
            case "text":
                it.call.receive(client.RealtimeInput(text="hi"))
            case "answer":
                number += 1
                unanswered = []
                done = (
                    events.GenerationStarted(number),
                    events.GenerationComplete(number),
                    events.TurnComplete(number),
                )
                engines[current].lines[-1].say(*done)
                await settle()
            case "lose":
                await it.lose(current)
                current += 1
    heard = [event for event in engines[current].heard if isinstance(event, events.Audio)]
    told = [int(np.frombuffer(event.pcm, "<i2")[0]) for event in heard]
    spoken = [each for each in told if each >= 1000]
    assert spoken[len(spoken) - len(unanswered) :] == unanswered
    assert len(set(spoken)) == len(spoken), "nothing is told twice to one engine"
    await it.end()
