"""From frames to activities and final transcripts."""

import asyncio
from typing import Any

import pytest

from antiphon.audio.frames import FRAME_BYTES
from antiphon.engines.cascade.listening import Listener
from antiphon.live.events import ActivityEnded, ActivityStarted, Audio, InputTranscript
from antiphon.live.setup import ActivityDetection

VOICED, SILENT = bytes([90]) * FRAME_BYTES, bytes(FRAME_BYTES)


class Room:
    """A listener and what it reported."""

    def __init__(self, ears: Any, recogniser: Any, **detection: Any) -> None:
        self.events: list[Any] = []
        self.recogniser = recogniser
        detection = {"silence_ms": 480, "prefix_padding_ms": 64} | detection
        self.listener = Listener(ActivityDetection(**detection), ears, recogniser.utterance, self.events.append)

    def hear(self, *runs: tuple[bytes, int]) -> None:
        for frame, count in runs:
            self.listener.hear(Audio(frame * count, 16_000))

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
async def room(ears: Any, recogniser: Any) -> Any:
    made = Room(ears, recogniser)
    yield made
    await made.listener.aclose()


async def test_an_utterance_is_reported_and_transcribed(room: Room) -> None:
    room.hear((SILENT, 20), (VOICED, 10), (SILENT, 15))
    await room.settle()
    started, ended, final = room.events
    assert started == ActivityStarted((20 * 512 - 1024) / 16_000)
    assert ended == ActivityEnded(30 * 512 / 16_000)
    assert isinstance(final, InputTranscript)
    assert final.final


async def test_the_recogniser_hears_what_led_in(room: Room) -> None:
    room.hear((SILENT, 20), (VOICED, 2))
    assert len(room.recogniser.utterances[0].fed) == 10 * FRAME_BYTES


async def test_silence_leads_in_where_there_was_no_sound(room: Room) -> None:
    room.hear((VOICED, 2))
    assert room.recogniser.utterances[0].fed == bytes(8 * FRAME_BYTES) + 2 * VOICED


async def test_the_final_transcript_is_prepared_in_the_pause(room: Room) -> None:
    room.hear((VOICED, 10), (SILENT, 5))
    await room.settle()
    (utterance,) = room.recogniser.utterances
    assert utterance.finishes == 1
    assert not [event for event in room.events if isinstance(event, ActivityEnded)]
    room.hear((SILENT, 10))
    await room.settle()
    assert utterance.finishes == 1
    assert room.events[-1].text == "23 frames"
    assert utterance.closed


async def test_a_user_who_goes_on_is_heard_whole(room: Room) -> None:
    room.hear((VOICED, 10), (SILENT, 8), (VOICED, 5), (SILENT, 15))
    await room.settle()
    (utterance,) = room.recogniser.utterances
    assert utterance.finishes == 2
    assert room.events[-1].text == "36 frames"


async def test_finals_come_in_order_however_long_they_take(room: Room) -> None:
    room.hear((VOICED, 10))
    first = room.recogniser.utterances[0]
    first.text = "first"
    first.gate.clear()
    room.hear((SILENT, 15), (VOICED, 10))
    room.recogniser.utterances[1].text = "second"
    room.hear((SILENT, 15))
    await room.settle()
    assert not [event for event in room.events if isinstance(event, InputTranscript)]
    first.gate.set()
    await room.settle()
    assert [event.text for event in room.events if isinstance(event, InputTranscript)] == ["first", "second"]


async def test_a_busy_recogniser_leaves_an_empty_transcript(room: Room) -> None:
    room.hear((VOICED, 10))
    room.recogniser.utterances[0].busy = True
    room.hear((SILENT, 15))
    await room.settle()
    assert room.events[-1] == InputTranscript("", final=True)


async def test_stream_end_ends_the_utterance_now(room: Room) -> None:
    room.hear((VOICED, 10))
    room.listener.hear(Audio(VOICED[:100], 16_000))
    room.listener.flush()
    await room.settle()
    assert [type(event) for event in room.events] == [ActivityStarted, ActivityEnded, InputTranscript]


async def test_stream_end_in_silence_means_nothing(room: Room) -> None:
    room.hear((SILENT, 3))
    room.listener.flush()
    await room.settle()
    assert room.events == []


async def test_other_rates_are_resampled(room: Room) -> None:
    room.listener.hear(Audio(bytes(48_000 * 2), 48_000))
    fed = room.listener._fed_samples
    assert 15_500 < fed <= 16_000


async def test_manual_activity_feeds_what_is_heard_in_between(ears: Any, recogniser: Any) -> None:
    room = Room(ears, recogniser, automatic=False)
    assert not ears.attached
    room.hear((VOICED, 5))
    room.listener.begin()
    room.hear((VOICED, 7))
    room.listener.end()
    room.hear((VOICED, 5))
    await room.settle()
    assert room.events == [InputTranscript("17 frames", final=True)]
    await room.listener.aclose()


async def test_closing_gives_everything_back(room: Room, ears: Any) -> None:
    room.hear((VOICED, 10))
    room.recogniser.utterances[0].gate.clear()
    room.hear((SILENT, 15), (VOICED, 10), (SILENT, 7))
    room.recogniser.utterances[1].gate.clear()
    await room.settle()
    before = asyncio.current_task()
    await room.listener.aclose()
    assert all(utterance.closed for utterance in room.recogniser.utterances)
    assert ears.attached[0].closed
    assert asyncio.all_tasks() == {before}
