"""The queue to a client: nothing but speech is ever dropped, and that by rule."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.calls import outbox
from antiphon.calls.outbox import Hangup, Outbox
from antiphon.live.effects import SendFrame, SendSpeech
from antiphon.wire.gemini.server import GoAway, ServerMessage

LIMIT = 1000


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_SPEECH_BYTES", LIMIT)


def message(number: int) -> ServerMessage:
    return ServerMessage(go_away=GoAway(time_left=f"{number}s"))


async def test_items_come_out_in_order(waiting: Any) -> None:
    box = Outbox()
    items = [message(1), SendSpeech(1, b"ab"), message(2), Hangup(1000, "")]
    for item in items:
        box.put(item)
    assert await waiting(box) == items


async def test_get_waits_for_an_item() -> None:
    box = Outbox()
    getting = asyncio.ensure_future(box.get())
    await asyncio.sleep(0)
    assert not getting.done()
    box.put(message(1))
    assert await getting == message(1)


async def test_speech_that_nobody_reads_is_dropped_and_counted(waiting: Any) -> None:
    box = Outbox()
    for number in range(5):
        box.put(SendSpeech(1, bytes(LIMIT // 4)))
        box.put(message(number))
    assert box.dropped_bytes == LIMIT // 4
    assert [type(item) for item in await waiting(box)] == [SendSpeech, ServerMessage] * 4 + [ServerMessage]


async def test_there_is_room_again_once_speech_was_read() -> None:
    box = Outbox()
    for _ in range(3):
        box.put(SendSpeech(1, bytes(LIMIT)))
        await box.get()
    assert box.dropped_bytes == 0


async def test_dead_speech_is_forgotten_and_makes_room(waiting: Any) -> None:
    box = Outbox()
    dead, living = SendSpeech(1, bytes(LIMIT)), SendSpeech(2, bytes(LIMIT))
    box.put(dead)
    box.put(message(1))
    box.forget_speech_before(2)
    box.put(living)
    assert await waiting(box) == [message(1), living]
    assert box.dropped_bytes == 0


async def test_a_waiting_reader_is_not_given_what_was_forgotten(waiting: Any) -> None:
    box = Outbox()
    getting = asyncio.ensure_future(box.get())
    await asyncio.sleep(0)
    box.put(SendSpeech(1, b"ab"))
    box.forget_speech_before(2)
    box.put(message(1))
    assert await getting == message(1)


class TestStraight:
    @pytest.fixture
    def box(self) -> Outbox:
        box = Outbox()
        self.written: list[Any] = []
        self.keeps_up = True

        def write(item: Any) -> bool:
            taken = self.keeps_up and not isinstance(item, ServerMessage)
            if taken:
                self.written.append(item)
            return taken

        box.straight = write
        return box

    async def test_speech_is_written_at_once_while_somebody_waits(self, box: Outbox) -> None:
        getting = asyncio.ensure_future(box.get())
        await asyncio.sleep(0)
        items = [SendSpeech(1, bytes(2 * LIMIT)), SendFrame(1, b"{}"), SendFrame(0, b"{}")]
        for item in items:
            box.put(item)
        assert self.written == items
        assert not getting.done()
        assert box.dropped_bytes == 0
        box.put(message(1))
        assert await getting == message(1)

    async def test_speech_behind_something_waits_with_it(self, box: Outbox, waiting: Any) -> None:
        getting = asyncio.ensure_future(box.get())
        await asyncio.sleep(0)
        items = [message(1), SendSpeech(1, b"ab"), message(2)]
        for item in items:
            box.put(item)
        assert [await getting, *await waiting(box)] == items
        assert not self.written

    async def test_speech_waits_while_something_is_being_written(self, box: Outbox, waiting: Any) -> None:
        box.put(message(1))
        assert await box.get() == message(1)
        box.put(SendSpeech(1, b"ab"))
        assert await waiting(box) == [SendSpeech(1, b"ab")]
        assert not self.written

    async def test_what_cannot_be_written_now_waits(self, box: Outbox) -> None:
        getting = asyncio.ensure_future(box.get())
        await asyncio.sleep(0)
        self.keeps_up = False
        box.put(SendSpeech(1, b"ab"))
        assert await getting == SendSpeech(1, b"ab")

    async def test_nobody_waits_any_more_who_gave_up(self, box: Outbox, waiting: Any) -> None:
        getting = asyncio.ensure_future(box.get())
        await asyncio.sleep(0)
        getting.cancel()
        await asyncio.gather(getting, return_exceptions=True)
        box.put(SendSpeech(1, b"ab"))
        assert await waiting(box) == [SendSpeech(1, b"ab")]
        assert not self.written


speech = st.builds(lambda size: ("speech", size), st.integers(0, LIMIT + 1))
steps = st.lists(st.one_of(speech, st.sampled_from([("message", 0), ("take", 0), ("interrupt", 0)])), max_size=60)


@given(steps)
@settings(deadline=None)
def test_messages_are_never_dropped_nor_reordered(steps: list[tuple[str, int]]) -> None:
    asyncio.run(walk(steps))


async def walk(steps: list[tuple[str, int]]) -> None:
    """Do ``steps`` with an outbox and with a plain list that follows the stated rule, and compare."""
    box, model, generation, dropped = Outbox(), [], 1, 0
    for number, (kind, size) in enumerate(steps):
        match kind:
            case "message":
                box.put(message(number))
                model.append(message(number))
            case "speech":
                piece = SendSpeech(generation, bytes(size))
                fits = size + sum(len(item.pcm) for item in model if isinstance(item, SendSpeech)) <= LIMIT
                box.put(piece)
                model += [piece] if fits else []
                dropped += 0 if fits else size
            case "interrupt":
                generation += 1
                box.forget_speech_before(generation)
                model = [item for item in model if isinstance(item, ServerMessage)]
            case "take" if model:
                assert await box.get() == model.pop(0)
        assert box.dropped_bytes == dropped
    for item in model:
        assert await box.get() == item
