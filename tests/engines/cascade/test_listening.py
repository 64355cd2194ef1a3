"""From frames to activities and final transcripts."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.audio.frames import FRAME_BYTES, FRAME_SAMPLES, frames_for
from antiphon.engines.cascade.endpointing import EXTENSION_MS
from antiphon.engines.cascade.listening import MOST_FAILURES, Listener
from antiphon.engines.cascade.parts import RecogniserFailed
from antiphon.live.events import ActivityEnded, ActivityStarted, Audio, Failure, InputTranscript, Used
from antiphon.live.setup import ActivityDetection
from antiphon.live.tokens import UpstreamUsage

VOICED, SILENT = bytes([90]) * FRAME_BYTES, bytes(FRAME_BYTES)


class Room:
    """A listener and what it reported."""

    def __init__(
        self, ears: Any, recogniser: Any, *, interim: bool = False, language: str = "", **detection: Any
    ) -> None:
        self.events: list[Any] = []
        self.recogniser = recogniser
        agreed = ActivityDetection(**({"silence_ms": 480, "prefix_padding_ms": 64} | detection))
        self.listener = Listener(
            agreed, ears, recogniser.utterance, self.events.append, language=language, interim=interim
        )

    def hear(self, *runs: tuple[bytes, int]) -> None:
        for frame, count in runs:
            self.listener.hear(Audio(frame * count, 16_000))

    async def say(self, words: str, frames: int = 10) -> None:
        """Speak ``frames``, of which the recogniser makes ``words``."""
        self.hear((VOICED, frames))
        self.recogniser.utterances[-1].text = words

    async def keep_silent(self, frames: int) -> None:
        """At the pace of a microphone: whatever has to be done between frames, is."""
        for _ in range(frames):
            self.hear((SILENT, 1))
            await self.settle()

    async def settle(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    @property
    def ended(self) -> bool:
        return any(isinstance(event, ActivityEnded) for event in self.events)

    @property
    def transcripts(self) -> list[tuple[str, bool]]:
        return [(event.text, event.final) for event in self.events if isinstance(event, InputTranscript)]


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
    room.hear((VOICED, 10), (SILENT, 8))
    await room.settle()
    room.hear((VOICED, 5), (SILENT, 15))
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


# --- how long a pause may last --------------------------------------------------------------------------------

WINDOWS = {"high": frames_for(500), "low": frames_for(800)}


@pytest.fixture
async def patient(ears: Any, recogniser: Any) -> Any:
    """A client that says nothing about silence."""
    made = Room(ears, recogniser, silence_ms=None)
    yield made
    await made.listener.aclose()


@pytest.mark.parametrize("sensitivity", ["high", "low"])
async def test_a_complete_sentence_ends_with_the_usual_window(ears: Any, recogniser: Any, sensitivity: Any) -> None:
    room = Room(ears, recogniser, silence_ms=None, end_sensitivity=sensitivity)
    await room.say("what time is it")
    await room.keep_silent(WINDOWS[sensitivity] - 1)
    assert not room.ended
    await room.keep_silent(1)
    assert room.events[-1] == InputTranscript("what time is it", final=True)
    await room.listener.aclose()


@pytest.mark.parametrize("words", ["my number is", "i would like to book a table for", "", "um"])
@pytest.mark.parametrize("sensitivity", ["high", "low"])
async def test_an_unfinished_sentence_ends_with_the_extension(
    ears: Any, recogniser: Any, words: str, sensitivity: Any
) -> None:
    room = Room(ears, recogniser, silence_ms=None, end_sensitivity=sensitivity)
    await room.say(words)
    await room.keep_silent(WINDOWS[sensitivity] + frames_for(EXTENSION_MS) - 1)
    assert not room.ended
    await room.keep_silent(1)
    assert room.events[-2:] == [ActivityEnded(10 * FRAME_SAMPLES / 16_000), InputTranscript(words, final=True)]
    await room.listener.aclose()


async def test_a_second_within_a_sentence_does_not_end_it(patient: Room) -> None:
    await patient.say("my number is")
    await patient.keep_silent(frames_for(1_000))
    assert not patient.ended
    await patient.say("my number is four two")
    patient.recogniser.utterances[0].text = "my number is forty two"
    await patient.keep_silent(WINDOWS["high"])
    assert patient.transcripts == [("my number is forty two", True)]
    assert len(patient.recogniser.utterances) == 1


async def test_other_languages_are_not_waited_for(ears: Any, recogniser: Any) -> None:
    room = Room(ears, recogniser, silence_ms=None, language="de-DE")
    await room.say("my number is")
    await room.keep_silent(WINDOWS["high"])
    assert room.ended
    await room.listener.aclose()


async def test_while_the_words_are_unknown_a_pause_lasts_and_then_ends_at_once(patient: Room) -> None:
    await patient.say("what time is it")
    utterance = patient.recogniser.utterances[0]
    utterance.gate.clear()
    await patient.keep_silent(WINDOWS["high"] + 10)
    assert not patient.ended
    utterance.gate.set()
    await patient.settle()
    assert patient.transcripts == [("what time is it", True)]


async def test_sound_that_comes_all_at_once_is_ended_once_the_words_are_known(patient: Room) -> None:
    await patient.say("what time is it")
    patient.hear((SILENT, WINDOWS["high"]))
    assert not patient.ended
    await patient.settle()
    assert patient.transcripts == [("what time is it", True)]


async def test_a_busy_recogniser_is_not_waited_for(patient: Room) -> None:
    await patient.say("")
    patient.recogniser.utterances[0].busy = True
    await patient.keep_silent(WINDOWS["high"])
    assert patient.transcripts == [("", True)]


async def test_the_words_of_a_pause_that_is_over_decide_nothing(patient: Room) -> None:
    await patient.say("what time is it")
    utterance = patient.recogniser.utterances[0]
    utterance.gate.clear()
    await patient.keep_silent(8)
    patient.hear((VOICED, 3))
    await patient.say("what is the weather in", 3)
    await patient.keep_silent(WINDOWS["high"] - 1)
    utterance.gate.set()
    await patient.keep_silent(3)
    assert not patient.ended


async def test_a_microphone_that_falls_silent_does_not_keep_a_turn_open(patient: Room, loop_clock: Any) -> None:
    await patient.say("my number is")
    await patient.keep_silent(WINDOWS["high"])
    await loop_clock.advance(EXTENSION_MS / 1000 - 0.01)
    assert not patient.ended
    await loop_clock.advance(0.01)
    assert patient.transcripts == [("my number is", True)]


async def test_as_long_as_sound_comes_only_sound_counts(patient: Room, loop_clock: Any) -> None:
    await patient.say("my number is")
    await patient.keep_silent(20)
    for _ in range(5):
        await patient.keep_silent(1)
        await loop_clock.advance(EXTENSION_MS / 1000)
        assert not patient.ended
    patient.hear((VOICED, 1))
    await loop_clock.advance(100)
    assert not patient.ended


@given(
    st.integers(0, 1_500),
    st.integers(0, 600),
    st.sampled_from(["high", "low"]),
    st.sampled_from(["what time is it", "my number is", ""]),
)
def test_what_the_client_asks_for_holds_to_the_sample(
    new_ears: Any, new_recogniser: Any, silence: int, prefix: int, sensitivity: Any, words: str
) -> None:
    """Whatever was said: minimum speech, look-back and silence are the client's, rounded up to frames."""

    async def hold() -> None:
        room = Room(
            new_ears(), new_recogniser(), silence_ms=silence, prefix_padding_ms=prefix, end_sensitivity=sensitivity
        )
        await expect_exactly(room, max(1, frames_for(silence)), frames_for(prefix), words)
        await room.listener.aclose()

    asyncio.run(hold())


async def expect_exactly(room: Room, window: int, prefix: int, words: str) -> None:
    least, before = max(1, prefix), 40
    room.hear((SILENT, before), (VOICED, least - 1), (SILENT, before - least + 1))
    assert room.events == [], "too short to be speech"
    room.hear((VOICED, least))
    began = 2 * before
    assert room.events == [ActivityStarted((began - prefix) * FRAME_SAMPLES / 16_000)]
    (utterance,) = room.recogniser.utterances
    assert utterance.fed.endswith(VOICED * least)
    assert len(utterance.fed) >= (prefix + least) * FRAME_BYTES
    await room.say(words, 5)
    await room.keep_silent(window - 1)
    assert not room.ended
    await room.keep_silent(1)
    assert room.events[1] == ActivityEnded((began + least + 5) * FRAME_SAMPLES / 16_000)


# --- words while the user speaks ------------------------------------------------------------------------------


@pytest.fixture
async def watched(ears: Any, recogniser: Any) -> Any:
    made = Room(ears, recogniser, interim=True)
    yield made
    await made.listener.aclose()


async def speak_on(room: Room, frames: int) -> None:
    for _ in range(frames):
        room.hear((VOICED, 1))
        await room.settle()


async def test_words_are_reported_as_they_change_and_only_then(watched: Room) -> None:
    watched.hear((VOICED, 2))
    (utterance,) = watched.recogniser.utterances
    utterance.partials = ["", "turn", "turn", "turn on"]
    utterance.text = "turn on"
    await speak_on(watched, 50)
    assert watched.transcripts == [("turn", False), ("turn on", False)]
    assert utterance.looks <= 1 + 52 // 8, "no more than a look in 256 ms"
    await watched.keep_silent(15)
    assert watched.transcripts == [("turn", False), ("turn on", False), ("turn on", True)]


async def test_the_words_of_a_pause_are_reported_too(watched: Room) -> None:
    await watched.say("turn on the lights")
    await watched.keep_silent(6)
    assert watched.transcripts == [("turn on the lights", False)]


async def test_nobody_is_told_who_did_not_ask(room: Room) -> None:
    room.hear((VOICED, 2))
    room.recogniser.utterances[0].partials = ["turn"]
    await speak_on(room, 30)
    assert room.transcripts == []
    assert room.recogniser.utterances[0].looks == 0


async def test_no_interim_comes_after_the_end(watched: Room) -> None:
    watched.hear((VOICED, 2))
    (utterance,) = watched.recogniser.utterances
    utterance.partials, utterance.text = ["late"], "final"
    utterance.gate.clear()
    await speak_on(watched, 10)
    watched.hear((SILENT, 15))
    utterance.gate.set()
    await watched.settle()
    assert watched.transcripts == [("final", True)]


async def test_no_interim_comes_while_an_earlier_final_is_owed(watched: Room) -> None:
    await watched.say("first")
    watched.recogniser.utterances[0].gate.clear()
    await watched.keep_silent(15)
    watched.hear((VOICED, 2))
    second = watched.recogniser.utterances[1]
    second.partials, second.text = ["sec", "second", "second"], "second"
    await speak_on(watched, 10)
    assert watched.transcripts == []
    watched.recogniser.utterances[0].gate.set()
    await speak_on(watched, 10)
    assert watched.transcripts == [("first", True), ("second", False)]


async def test_manual_activity_has_interim_words_too(ears: Any, recogniser: Any) -> None:
    room = Room(ears, recogniser, automatic=False, interim=True)
    room.listener.begin()
    recogniser.utterances[0].partials = ["turn", "turn on"]
    for _ in range(20):
        room.hear((VOICED, 1))
        await room.settle()
    assert room.transcripts == [("turn", False), ("turn on", False)]
    await room.listener.aclose()


async def test_what_recognising_used_is_reported_before_the_words(room: Room) -> None:
    await room.say("hello")
    used = room.recogniser.utterances[0].used = UpstreamUsage("openai", "whisper-1", seconds=1.5)
    await room.keep_silent(15)
    assert Used(0, used) in room.events
    assert room.events.index(Used(0, used)) < room.events.index(InputTranscript("hello", final=True))


async def fail_to_read(room: Room, frames: int = 10) -> None:
    room.hear((VOICED, frames))
    room.recogniser.utterances[-1].failure = RecogniserFailed("the endpoint answered with status 500")
    await room.keep_silent(15)


async def test_an_utterance_that_cannot_be_read_has_an_empty_final(room: Room) -> None:
    await fail_to_read(room)
    await room.say("hello")
    await room.keep_silent(15)
    assert room.transcripts == [("", True), ("hello", True)]


async def test_a_recogniser_that_fails_again_and_again_ends_the_session(room: Room) -> None:
    for _ in range(MOST_FAILURES - 1):
        await fail_to_read(room)
    await room.say("hello")
    await room.keep_silent(15)
    for _ in range(MOST_FAILURES - 1):
        await fail_to_read(room)
    assert not [event for event in room.events if isinstance(event, Failure)]
    await fail_to_read(room)
    (failure,) = [event for event in room.events if isinstance(event, Failure)]
    assert "status 500" in failure.detail
