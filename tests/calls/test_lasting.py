"""What a call keeps, goes on with, and is remembered by. The session is the test's own: it says what is to be kept."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import Struct

from antiphon.calls import call as calls
from antiphon.calls.call import Call
from antiphon.calls.caller import Caller
from antiphon.calls.memory import Memory
from antiphon.calls.outbox import Hangup
from antiphon.calls.plan import always
from antiphon.calls.switchboard import Switchboard
from antiphon.live.effects import Close, Effect, Open, Save
from antiphon.live.events import Failure, ModelEvent, ModelText
from antiphon.live.inputs import Begin, ClientLeft, Drain, EngineOpened, Evicted, Refused, Saved
from antiphon.live.policy import Policy
from antiphon.live.record import Record
from antiphon.live.snapshot import Snapshot
from antiphon.live.tokens import Usage
from antiphon.store.database import StoreError
from antiphon.testing.clock import VirtualClock
from antiphon.wire.gemini import client
from antiphon.wire.refusal import Refusal

SETUP = client.Setup(model="gemini-3.8-live")
ME = Caller("me")


class TurnOver(Struct, frozen=True):
    """A turn ended, and the session is to be kept; as generation ``number``."""

    number: int


class FakeSession:
    """Does what it is told, and remembers what it received."""

    deadline = None

    def __init__(self, policy: Policy, now: float, session_id: str, abilities: Any = None) -> None:
        self.id = session_id
        self.closed = False
        self.received: list[Any] = []
        self._close: Close | None = None

    def receive(self, event: Any, now: float, frame: bytes = b"") -> list[Effect]:
        if self.closed:
            return []
        self.received.append(event)
        match event:
            case Begin(snapshot=Snapshot(session_id)):
                self.id = session_id
            case Begin(setup=client.Setup(model="models/opens")):
                return [Open(event)]  # type: ignore[arg-type]
            case TurnOver(number):
                return [Save(snapshot(number, self.id))]
            case Refused(refusal):
                return self._end(refusal.code, str(refusal))
            case Failure(reason, code):
                return self._end(code, reason)
            case Evicted():
                return self._end(1000, "resumed elsewhere")
            case ClientLeft() | Drain():
                return self._end(None, "the client left")
        return []

    def agree(self, begin: Begin) -> None:
        if begin.snapshot and begin.setup.model != begin.snapshot.model:
            raise Refusal("setup.model", "cannot change on resumption")

    def record(self, now: float) -> Record:
        assert self._close is not None
        return Record(self.id, "m", "e", 1.0, 1, Usage(), self._close.code, self._close.reason)

    def _end(self, code: int | None, reason: str) -> list[Effect]:
        self.closed = True
        self._close = Close(code, reason)
        return [self._close]


class FakeAdmission:
    """Lets everybody in, to the session that the handle in the setup leads to."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.asked: list[tuple[client.Setup, Caller]] = []
        self.fails: Exception | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def begin(self, setup: client.Setup, caller: Caller) -> Begin:
        self.asked.append((setup, caller))
        await self.may_answer.wait()
        if self.fails is not None:
            raise self.fails
        handle = setup.session_resumption.handle if setup.session_resumption else ""
        return Begin(setup, await self.memory.resumptions.load(handle, caller.owner) if handle else None)


def snapshot(number: int, session_id: str) -> Snapshot:
    return Snapshot(session_id, "gemini-3.8-live", (), Usage(), number)


def resuming(handle: str) -> client.Setup:
    return client.Setup(model="gemini-3.8-live", session_resumption=client.SessionResumptionConfig(handle=handle))


def received(call: Call, kind: type) -> list[Any]:
    """What the session of ``call`` received of a kind."""
    session: Any = call.session
    return [event for event in session.received if isinstance(event, kind)]


@pytest.fixture(autouse=True)
def _fake_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "Session", FakeSession)


@pytest.fixture
async def admission(memory: Memory) -> FakeAdmission:
    return FakeAdmission(memory)


Place = Callable[..., Call]


class Process:
    """A server of its own, as far as calls know."""

    def __init__(self, engine: Any, clock: VirtualClock, memory: Memory, admission: Any) -> None:
        self.board = Switchboard(always(engine), Policy(), clock, 10, admission=admission, memory=memory)
        memory.attend(lambda: self.board.calls, clock)

    async def begun(self, setup: client.Setup = SETUP) -> Call:
        call = self.board.place(ME)
        await call.begin(setup)
        return call

    async def end(self, *ending: Call) -> None:
        for call in ending or self.board.calls:
            call.receive(ClientLeft())
            await self.board.finish(call)


async def kept(call: Call, number: int, until: Any) -> str:
    """The handle of a turn."""
    before = len(received(call, Saved))
    call.receive(TurnOver(number))  # type: ignore[arg-type]
    await until(lambda: len(received(call, Saved)) > before)
    saved: Saved = received(call, Saved)[-1]
    assert saved.generation == number
    return saved.handle


@pytest.fixture
async def process(engine: Any, clock: VirtualClock, memory: Memory, admission: FakeAdmission) -> Any:
    process = Process(engine, clock, memory, admission)
    yield process
    await process.end()


class TestBegin:
    async def test_the_session_gets_what_was_looked_up_for_its_caller(
        self, process: Process, admission: FakeAdmission
    ) -> None:
        call = await process.begun()
        assert [begin.setup for begin in received(call, Begin)] == [SETUP]
        assert admission.asked == [(SETUP, ME)]

    async def test_a_refusal_closes(self, process: Process, admission: FakeAdmission) -> None:
        admission.fails = Refusal("setup.x", "is not to be had", "leave it out", 1008)  # type: ignore[arg-type]
        call = await process.begun()
        assert await call.outbox.get() == Hangup(1008, "setup.x: is not to be had; leave it out")

    async def test_an_error_closes_and_is_logged(
        self, process: Process, admission: FakeAdmission, caplog: pytest.LogCaptureFixture
    ) -> None:
        admission.fails = StoreError("/data/antiphon.sqlite: disk I/O error")
        call = await process.begun()
        assert await call.outbox.get() == Hangup(1011, "internal error; the log of the server has it")
        assert "disk I/O error" in caplog.text

    async def test_a_second_setup_is_left_to_the_session_and_looked_up_by_nobody(
        self, process: Process, admission: FakeAdmission
    ) -> None:
        call = await process.begun()
        await call.begin(resuming("x" * 32))
        assert len(admission.asked) == 1
        assert len(received(call, Begin)) == 2

    async def test_without_an_admission_the_setup_stands_for_itself(self, engine: Any, clock: VirtualClock) -> None:
        call = Call("a", always(engine), Policy(), clock)
        await call.begin(SETUP)
        assert [begin.setup for begin in received(call, Begin)] == [SETUP]
        call.receive(ClientLeft())
        await call.ended()

    async def test_whoever_left_while_it_was_looked_up_evicts_nobody(
        self, process: Process, admission: FakeAdmission, until: Any, settle: Any
    ) -> None:
        old = await process.begun()
        handle = await kept(old, 1, until)
        admission.may_answer.clear()
        new = process.board.place(ME)
        beginning = asyncio.ensure_future(new.begin(resuming(handle)))
        await settle()
        new.receive(ClientLeft())
        admission.may_answer.set()
        await beginning
        assert not old.session.closed
        assert old.epoch == 1


class TestSave:
    async def test_a_snapshot_that_is_safe_is_reported_with_its_handle(
        self, process: Process, memory: Memory, until: Any
    ) -> None:
        call = await process.begun()
        handle = await kept(call, 7, until)
        assert await memory.resumptions.load(handle, "me") == snapshot(7, call.id)
        assert call.epoch == 1

    async def test_several_are_reported_in_order(self, process: Process, until: Any) -> None:
        call = await process.begun()
        for number in range(10):
            call.receive(TurnOver(number))  # type: ignore[arg-type]
        await until(lambda: len(received(call, Saved)) == 10)
        assert [saved.generation for saved in received(call, Saved)] == list(range(10))

    async def test_one_that_cannot_be_kept_is_reported_too(
        self, process: Process, memory: Memory, until: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        call = await process.begun()
        await memory.database.aclose()
        assert await kept(call, 1, until) == ""
        assert "cannot be kept" in caplog.text
        assert not call.session.closed

    async def test_what_is_being_kept_is_kept_before_the_end(self, process: Process, memory: Memory) -> None:
        call = await process.begun()
        call.receive(TurnOver(1))  # type: ignore[arg-type]
        await process.end(call)
        assert await memory.resumptions.epochs([call.id]) == {call.id: 1}

    async def test_a_database_that_hangs_does_not_hold_the_end_back_forever(
        self, process: Process, memory: Memory, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        async def hang(*_: Any) -> str:
            await asyncio.Event().wait()
            return ""

        monkeypatch.setattr(memory.resumptions, "keep", hang)
        monkeypatch.setattr(calls, "LAST_WORDS_SECONDS", 0.01)
        call = await process.begun()
        call.receive(TurnOver(1))  # type: ignore[arg-type]
        await asyncio.wait_for(process.end(call), 10)
        assert "its end could not be kept within 0.01 s" in caplog.text


class TestRecord:
    async def test_a_call_is_remembered(self, process: Process, memory: Memory) -> None:
        call = await process.begun()
        await process.end(call)
        (entry,) = await memory.records.latest(9)
        assert entry.owner == "me"
        assert entry.record == Record(call.id, "m", "e", 1.0, 1, Usage(), None, "the client left")

    async def test_a_refused_setup_is_remembered(
        self, process: Process, memory: Memory, admission: FakeAdmission
    ) -> None:
        admission.fails = Refusal("setup.x", "is not to be had")
        await process.end(await process.begun())
        (entry,) = await memory.records.latest(9)
        assert (entry.record.close_code, entry.record.close_reason) == (1007, "setup.x: is not to be had")

    async def test_a_connection_that_never_said_what_it_wants_is_not(self, process: Process, memory: Memory) -> None:
        await process.end(process.board.place(ME))
        assert await memory.records.latest(9) == []

    async def test_a_call_whose_engine_fails_to_close_is(
        self, process: Process, memory: Memory, engine: Any, until: Any
    ) -> None:
        async def fail() -> None:
            raise OSError("stuck")

        engine.line.aclose = fail
        call = await process.begun(client.Setup(model="models/opens"))
        await until(lambda: bool(received(call, EngineOpened)))
        await process.end(call)
        assert len(await memory.records.latest(9)) == 1


class TestEviction:
    async def test_the_new_connection_has_the_session_and_the_old_one_is_closed(
        self, process: Process, until: Any
    ) -> None:
        old, other = await process.begun(), await process.begun()
        handle = await kept(old, 3, until)
        await kept(other, 1, until)
        new = await process.begun(resuming(handle))
        assert await old.outbox.get() == Hangup(1000, "resumed elsewhere")
        assert received(new, Begin)[0].snapshot == snapshot(3, old.id)
        assert (new.id, new.epoch) == (old.id, 2)
        assert not other.session.closed
        await process.end(old)
        assert len(process.board) == 2
        assert await kept(new, 4, until), "the end of the old one takes nothing away"

    async def test_of_many_at_once_one_stays(self, process: Process, until: Any) -> None:
        old = await process.begun()
        handle = await kept(old, 1, until)
        new = await asyncio.gather(*(process.begun(resuming(handle)) for _ in range(5)))
        (last,) = [call for call in (old, *new) if not call.session.closed]
        assert last.epoch == 6
        assert await kept(last, 2, until)

    async def test_a_session_whose_connection_is_gone_goes_on(self, process: Process, until: Any) -> None:
        old = await process.begun()
        handle = await kept(old, 1, until)
        await process.end(old)
        new = await process.begun(resuming(handle))
        assert new.id == old.id
        assert await kept(new, 2, until)

    async def test_a_handle_that_is_unknown_evicts_nobody(self, process: Process, until: Any) -> None:
        old = await process.begun()
        await kept(old, 1, until)
        new = await process.begun(resuming("A" * 32))
        assert (await new.outbox.get()).code == 1008
        assert not old.session.closed

    async def test_a_setup_that_is_refused_evicts_nobody(self, process: Process, until: Any) -> None:
        old = await process.begun()
        handle = await kept(old, 1, until)
        setup = resuming(handle)
        setup.model = "gemini-2.5-flash-native-audio-preview-12-2025"
        new = await process.begun(setup)
        assert (await new.outbox.get()).reason == "setup.model: cannot change on resumption"
        assert not old.session.closed


class TestAnotherProcess:
    @pytest.fixture
    async def elsewhere(self, engine: Any, clock: VirtualClock, open_memory: Any) -> Any:
        memory: Memory = await open_memory()
        process = Process(engine, clock, memory, FakeAdmission(memory))
        yield process
        await process.end()

    async def test_a_session_goes_on_there_and_ends_here(
        self, process: Process, elsewhere: Process, clock: VirtualClock, until: Any
    ) -> None:
        old, other = await process.begun(), await process.begun()
        handle = await kept(old, 1, until)
        await kept(other, 1, until)
        new = await elsewhere.begun(resuming(handle))
        assert new.id == old.id
        await until(lambda: clock.advance(0.5) or old.session.closed)
        assert not other.session.closed
        assert not new.session.closed
        assert await kept(new, 2, until)

    async def test_it_ends_at_once_where_it_tries_to_keep_something(
        self, process: Process, elsewhere: Process, memory: Memory, until: Any
    ) -> None:
        old = await process.begun()
        handle = await kept(old, 1, until)
        new = await elsewhere.begun(resuming(handle))
        old.receive(TurnOver(2))  # type: ignore[arg-type]
        await until(lambda: old.session.closed)
        assert received(old, Evicted)
        assert not new.session.closed
        assert await memory.resumptions.load(handle, "me") == snapshot(1, new.id)

    async def test_it_comes_back(self, process: Process, elsewhere: Process, clock: VirtualClock, until: Any) -> None:
        old = await process.begun()
        there = await elsewhere.begun(resuming(await kept(old, 1, until)))
        await until(lambda: clock.advance(0.5) or old.session.closed)
        here = await process.begun(resuming(await kept(there, 2, until)))
        await until(lambda: clock.advance(0.5) or there.session.closed)
        assert not here.session.closed
        assert here.epoch == 3

    async def test_the_first_may_be_dead(
        self, engine: Any, clock: VirtualClock, open_memory: Any, elsewhere: Process, until: Any
    ) -> None:
        memory: Memory = await open_memory()
        dead = Process(engine, clock, memory, FakeAdmission(memory))
        old = await dead.begun()
        handle = await kept(old, 1, until)
        await memory.aclose()
        new = await elsewhere.begun(resuming(handle))
        assert new.id == old.id
        assert await kept(new, 2, until)
        await dead.end()


class Echo:
    """Marks everything by saying it twice."""

    def mark(self, event: ModelEvent) -> tuple[ModelEvent, ...]:
        return (event, event)


class TestMarker:
    async def test_what_the_engine_says_goes_through_the_marker(
        self, engine: Any, clock: VirtualClock, settle: Any
    ) -> None:
        said = ModelText(1, "hi")
        board = Switchboard(always(engine), Policy(), clock, 2, make_marker=Echo)
        call = board.place()
        await call.begin(client.Setup(model="models/opens"))
        engine.line.say(said)
        await settle()
        assert received(call, ModelText) == [said, said]
        call.receive(ClientLeft())
        await board.finish(call)

    async def test_each_call_has_one_of_its_own(self, engine: Any, clock: VirtualClock) -> None:
        made: list[Echo] = []

        def make() -> Echo:
            made.append(Echo())
            return made[-1]

        board = Switchboard(always(engine), Policy(), clock, 2, make_marker=make)
        first, second = board.place(), board.place()
        assert len(made) == 2
        for call in (first, second):
            call.receive(ClientLeft())
            await board.finish(call)
