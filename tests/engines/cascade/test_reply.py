"""An answer that is interrupted, and goes on."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from antiphon.engines.cascade.parts import (
    Call,
    Fail,
    Ground,
    Prompt,
    Say,
    Speak,
    SpeechChunk,
    SpokenWord,
    Think,
    Used,
)
from antiphon.engines.cascade.reply import KEPT_BEHIND, MAX_LEAD, Reply, after
from antiphon.live.events import (
    Failure,
    GenerationComplete,
    Grounding,
    ModelText,
    OutputTranscript,
    Speech,
    ToolCalls,
)
from antiphon.live.events import Used as Spent
from antiphon.live.grounding import GroundedSearch, Source, Support
from antiphon.live.history import FunctionCall, model, user
from antiphon.live.profiles import PROFILES
from antiphon.live.setup import Setup, Thinking
from antiphon.live.tokens import Tokens, UpstreamUsage, Usage

PROFILE = PROFILES["gemini-3.8-live"]
PROMPT = Prompt((user("hello"),))


class Answer:
    """A reply, and what it emitted."""

    def __init__(self, brain: Any, voice: Any, **setup: Any) -> None:
        self.brain, self.voice = brain, voice
        self.events: list[Any] = []
        self.reply = Reply(1, Setup(PROFILE, **setup), brain, voice, self.events.append)
        self._tasks: list[asyncio.Task[None]] = []
        self.make()

    def make(self) -> None:
        self._tasks.append(asyncio.create_task(self.reply.make(PROMPT)))

    async def settle(self) -> None:
        for _ in range(100):
            await asyncio.sleep(0)

    async def aclose(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def go_on(self, generation: int, heard: float, undelivered: Sequence[Any] = ()) -> None:
        """Be suspended and go on at once; only what comes then is in ``events``."""
        self.reply.suspend(undelivered)
        self.events.clear()
        self.reply.go_on(generation, heard)
        await self.settle()

    @property
    def said(self) -> str:
        return "".join(event.text for event in self.events if isinstance(event, OutputTranscript))

    @property
    def sound(self) -> bytes:
        return b"".join(event.pcm for event in self.events if isinstance(event, Speech))

    @property
    def offsets(self) -> list[float]:
        return [round(event.offset, 6) for event in self.events if isinstance(event, OutputTranscript)]


@pytest.fixture
async def answer(new_brain: Any, voice: Any) -> Any:
    made: list[Answer] = []

    async def make(*thoughts: Any, **setup: Any) -> Answer:
        made.append(Answer(new_brain(*thoughts), voice, **setup))
        await made[-1].settle()
        return made[-1]

    yield make
    for each in made:
        await each.aclose()


async def test_it_goes_on_with_the_word_that_was_cut(answer: Any) -> None:
    scene = await answer(Say("one two three four"))
    whole = scene.sound
    await scene.go_on(2, 0.15)
    assert scene.said == " two three four"
    assert scene.sound == whole[4_800:]
    assert scene.offsets == [0.0, 0.1, 0.2]
    assert {event.generation for event in scene.events} == {2}
    assert scene.events[-1] == GenerationComplete(2)


async def test_where_no_word_was_cut_none_is_repeated(answer: Any) -> None:
    scene = await answer(Say("one two"))
    scene.reply._sounds[0] = type(scene.reply._sounds[0])(0.0, bytes(4_800))
    await scene.go_on(2, 0.05)
    assert scene.said == " two"
    assert len(scene.sound) == 4_800 + 2_400, "the silence that was left is kept"


async def test_the_beginning_is_said_again_when_nothing_was_heard(answer: Any) -> None:
    scene = await answer(Say("one two"))
    whole = list(scene.events)
    await scene.go_on(2, 0.0)
    assert [type(event) for event in scene.events] == [type(event) for event in whole]
    assert scene.said == "one two"


async def test_when_all_was_heard_nothing_is_left_but_its_end(answer: Any) -> None:
    scene = await answer(Say("one two"))
    await scene.go_on(2, 17.0)
    assert scene.events == [GenerationComplete(2)]


async def test_a_long_passage_without_marks_goes_on_where_it_was(answer: Any, voice: Any) -> None:
    scene = await answer(Say("one"))
    sound = type(scene.reply._sounds[0])(0.0, voice._sound("loud") * 30)
    scene.reply._sounds[0], scene.reply._position = sound, sound.ends
    await scene.go_on(2, 2.0)
    assert scene.said == ""
    assert len(scene.sound) == 48_000


def own_speech(voice: Any, *words: str) -> list[Speak]:
    """What a brain that speaks itself would say: a tenth of a second for each word."""
    return [Speak(SpeechChunk(voice._sound(word), (SpokenWord(word, 0.0),))) for word in words]


async def test_a_brain_may_speak_itself(answer: Any, voice: Any) -> None:
    spoken = own_speech(voice, "one", " two")
    scene = await answer(*spoken)
    assert scene.sound == b"".join(one.speech.pcm for one in spoken)
    assert (scene.said, scene.offsets) == ("one two", [0.0, 0.1])
    assert voice.spoken == []
    await scene.go_on(2, 0.15)
    assert (scene.said, scene.sound) == (" two", spoken[1].speech.pcm)


async def test_what_a_brain_speaks_is_written_in_a_text_session(answer: Any, voice: Any) -> None:
    scene = await answer(*own_speech(voice, "one", " two"), Speak(SpeechChunk(b"\1\0")), modality="text")
    assert scene.events == [ModelText(1, "one"), ModelText(1, " two"), GenerationComplete(1)]


async def test_suspended_it_makes_no_more_speech(answer: Any, loop_clock: Any) -> None:
    scene = await answer(Say(" ".join(["word"] * 400)))
    scene.reply.suspend()
    emitted, spoken = len(scene.events), len(scene.voice.spoken)
    await loop_clock.advance(60)
    assert len(scene.events) == emitted, "nothing was made that time would have let through"
    assert len(scene.voice.spoken) == spoken
    scene.reply.go_on(2, 20.0)
    await loop_clock.advance(0)
    assert len(scene.events) > emitted


async def test_a_brain_is_left_waiting_and_then_asked_on(answer: Any, new_brain: Any, voice: Any) -> None:
    brain = new_brain(Say("One two. Three"), Say(" four. Five"), Say(" six."))
    brain.gate.clear()
    scene = Answer(brain, voice)
    await scene.settle()
    assert scene.said == "One two. "
    scene.reply.suspend()
    brain.gate.set()
    await scene.settle()
    assert scene.said == "One two. "
    assert brain.closed == 0
    await scene.go_on(2, 0.1)
    assert scene.said == " two. Three four. Five six."
    assert scene.offsets == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6], "the space after a sentence takes a tenth, too"
    assert scene.events[-1] == GenerationComplete(2)
    assert brain.closed == 1
    await scene.aclose()


UPSTREAM = UpstreamUsage("openai", "m", Usage(Tokens(text=9), Tokens(text=3)))


async def test_what_was_used_is_told_at_once(answer: Any) -> None:
    scene = await answer(Say("One. Two."), Used(UPSTREAM), Say(" Three."))
    assert scene.events.count(Spent(1, UPSTREAM)) == 1
    assert scene.events.index(Spent(1, UPSTREAM)) < len(scene.events) - 3
    assert scene.said == "One. Two. Three."


class CostlyBrain:
    """Counts to ten, one thought for each; what it was used for is told when it is closed."""

    patience = 2.0

    def __init__(self) -> None:
        self.prompts: list[Prompt] = []
        self.gate = asyncio.Semaphore(0)
        self.open = 0

    async def reply(self, prompt: Prompt) -> Any:
        self.prompts.append(prompt)
        self.open += 1
        try:
            for number in range(prompt.history[-1].text.count("."), 10):
                await self.gate.acquire()
                yield Say(f"n{number}. ")
        finally:
            self.open -= 1
            prompt.spend(UPSTREAM)


class TestPatience:
    """A brain that costs something while it waits does not wait for long."""

    async def begun(self, voice: Any, thoughts: int = 3) -> tuple[Answer, CostlyBrain]:
        brain = CostlyBrain()
        scene = Answer(brain, voice)
        for _ in range(thoughts):
            brain.gate.release()
        await scene.settle()
        return scene, brain

    @pytest.mark.parametrize("thoughts", [0, 3])
    async def test_suspended_for_long_it_is_closed_and_what_it_cost_is_told(
        self, thoughts: int, voice: Any, loop_clock: Any
    ) -> None:
        scene, brain = await self.begun(voice, thoughts)
        scene.reply.suspend()
        await loop_clock.advance(1.9)
        assert brain.open == 1
        scene.events.clear()
        await loop_clock.advance(0.2)
        assert brain.open == 0
        assert scene.events == [Spent(1, UPSTREAM)]
        await scene.aclose()

    async def test_a_false_interruption_costs_it_nothing(self, voice: Any, loop_clock: Any) -> None:
        scene, brain = await self.begun(voice)
        scene.reply.suspend()
        await loop_clock.advance(1.5)
        await scene.go_on(2, 0.1)
        await loop_clock.advance(5)
        assert (brain.open, len(brain.prompts)) == (1, 1)
        await scene.aclose()

    async def test_after_a_late_one_it_is_asked_for_the_rest(self, voice: Any, loop_clock: Any) -> None:
        scene, brain = await self.begun(voice)
        assert scene.said == "n0. n1. "
        scene.reply.suspend()
        await loop_clock.advance(3)
        scene.events.clear()
        scene.reply.go_on(2, 0.25)
        for _ in range(10):
            brain.gate.release()
        await loop_clock.advance(0)
        await scene.settle()
        assert brain.prompts[1].history == (*PROMPT.history, model("n0. n1. "))
        assert scene.said.split() == [f"n{number}." for number in range(1, 10)], "on from the word that was cut"
        assert scene.events[-1] == GenerationComplete(2)
        assert {event.generation for event in scene.events} == {2}
        await scene.aclose()

    async def test_the_next_answer_closes_it_at_once(self, voice: Any, loop_clock: Any) -> None:
        scene, brain = await self.begun(voice)
        scene.reply.suspend()
        scene.events.clear()
        await scene.aclose()
        assert brain.open == 0
        assert scene.events == [Spent(1, UPSTREAM)]


async def test_the_first_clause_of_a_long_sentence_is_spoken_while_the_rest_is_thought(
    new_brain: Any, voice: Any
) -> None:
    scene = Answer(new_brain(Say("Well, if you ask me about the weather of tomorrow, I"), Say(" think.")), voice)
    scene.brain.gate.clear()
    await scene.settle()
    assert scene.said == "Well, if you ask me about the weather of tomorrow, "
    await scene.aclose()


async def test_it_can_be_interrupted_again(answer: Any) -> None:
    scene = await answer(Say("one two three four five"))
    whole = scene.sound
    await scene.go_on(2, 0.15)
    await scene.go_on(3, 0.25)
    assert scene.said == " four five"
    assert scene.sound == whole[3 * 4_800 :]
    assert scene.offsets == [0.0, 0.1]


@given(heard=st.lists(st.floats(0, 2), min_size=1, max_size=5), words=st.integers(1, 15))
def test_nothing_is_lost_however_often_it_goes_on(
    new_brain: Any, new_voice: Any, heard: list[float], words: int
) -> None:
    async def listen() -> None:
        scene = Answer(new_brain(Say(" ".join("word" for _ in range(words)))), new_voice())
        await scene.settle()
        whole, told = scene.sound, words
        for generation, seconds in enumerate(heard, 2):
            before = scene.sound
            await scene.go_on(generation, seconds)
            assert whole.endswith(scene.sound)
            assert len(scene.sound) >= len(before) - round(seconds * 24_000) * 2, "what was not heard is said"
            assert len(scene.sound) <= max(0, len(before) - round(seconds * 24_000) * 2) + 4_800, "and one word more"
            told = len(scene.said.split())
            assert abs(told - len(scene.sound) / 4_800) < 1
            assert scene.events[-1] == GenerationComplete(generation)
        await scene.aclose()

    asyncio.run(listen())


async def test_text_that_nobody_took_is_sent_again(answer: Any) -> None:
    scene = await answer(Say("One. Two. "), Say("Three."), modality="text")
    assert [event.text for event in scene.events[:-1]] == ["One. ", "Two. ", "Three."]
    await scene.go_on(2, 0.0, scene.events[1:])
    assert scene.events == [ModelText(2, "Two. "), ModelText(2, "Three."), GenerationComplete(2)]


async def test_thoughts_are_shown_to_those_who_asked(answer: Any) -> None:
    scene = await answer(Think("Hm."), Say("Yes."), thinking=Thinking(include_thoughts=True))
    assert scene.events[0] == ModelText(1, "Hm.", thought=True)
    scene = await answer(Think("Hm."), Say("Yes."))
    assert not [event for event in scene.events if isinstance(event, ModelText)]


async def test_a_call_that_was_cancelled_is_made_anew_under_another_id(answer: Any) -> None:
    scene = await answer(Say("Wait."), Call((FunctionCall("7", "f", {"a": 1}),)))
    await scene.go_on(2, 0.1)
    assert scene.events == [ToolCalls(2, (FunctionCall("7-2", "f", {"a": 1}),))]
    await scene.go_on(3, 0.1)
    assert scene.events == [ToolCalls(3, (FunctionCall("7-2-3", "f", {"a": 1}),))]
    scene.brain.thoughts = (Say("Done."),)
    scene.events.clear()
    scene.make()
    await scene.settle()
    await scene.go_on(4, 0.0)
    assert scene.said == "Done."
    assert not [event for event in scene.events if isinstance(event, ToolCalls)], "it has its results"


GROUNDING = GroundedSearch(
    ("q",),
    (Source("u", "t"),),
    (Support("one", 0, 3, (0,)), Support("é two", 4, 10, (0,)), Support("six", 11, 14, (0,))),
)


async def test_grounding_is_told_again_for_what_is_left_of_the_answer(answer: Any) -> None:
    scene = await answer(Say("one two six"), Ground(GROUNDING))
    assert Grounding(1, GROUNDING) in scene.events
    await scene.go_on(2, 0.2)
    assert scene.said == " six"
    (grounding,) = [event.grounding for event in scene.events if isinstance(event, Grounding)]
    assert (grounding.queries, grounding.sources) == (GROUNDING.queries, GROUNDING.sources)
    assert [(each.text, each.start, each.end) for each in grounding.supports] == [("two", 0, 3), ("six", 4, 7)]


@given(st.integers(0, 20))
def test_supports_stay_within_the_answer(lost: int) -> None:
    left = after(GROUNDING, lost).supports
    assert [each.text for each in GROUNDING.supports[len(GROUNDING.supports) - len(left) :]] == [
        original.text for original in GROUNDING.supports if original.end > lost
    ]
    for each in left:
        assert 0 <= each.start < each.end
        assert len(each.text.encode()) <= each.end - each.start


async def test_a_brain_that_fails_ends_the_session(answer: Any) -> None:
    scene = await answer(Say("One. "), ValueError("secret"))
    (failure,) = [event for event in scene.events if isinstance(event, Failure)]
    assert "secret" in failure.detail
    scene = await answer(Fail(1008, "enough"))
    assert scene.events == [Failure("enough", 1008)]


async def test_a_brain_that_fails_while_it_waits_ends_only_the_answer(
    new_brain: Any, voice: Any, caplog: pytest.LogCaptureFixture
) -> None:
    brain = new_brain(Say("One two. Three"), ValueError("gave up"))
    brain.gate.clear()
    scene = Answer(brain, voice)
    await scene.settle()
    scene.reply.suspend()
    scene.events.clear()
    brain.gate.set()
    await scene.settle()
    assert scene.events == []
    scene.reply.go_on(2, 0.1)
    await scene.settle()
    assert scene.said == " two. "
    assert scene.events[-1] == GenerationComplete(2)
    assert "gave up" in caplog.text
    await scene.aclose()


async def test_sound_is_kept_until_it_was_heard_for_sure(answer: Any, loop_clock: Any) -> None:
    scene = await answer(Say(" ".join(["word"] * 30)))
    await loop_clock.advance(3 + KEPT_BEHIND - 0.1)
    assert scene.reply._sounds
    await loop_clock.advance(0.2)
    assert not scene.reply._sounds
    await scene.go_on(2, 1.0)
    assert scene.events == [GenerationComplete(2)]


async def test_a_suspended_answer_is_kept_for_as_long_as_it_takes(answer: Any, loop_clock: Any) -> None:
    scene = await answer(Say(" ".join(["word"] * 30)))
    scene.reply.suspend()
    await loop_clock.advance(600)
    await scene.go_on(2, 1.0)
    assert len(scene.sound) == 2 * 48_000


async def test_what_is_kept_is_bounded(answer: Any, loop_clock: Any) -> None:
    scene = await answer(Say("word " * 2_000))
    for _ in range(150):
        await loop_clock.advance(1)
        kept = sum(len(sound.pcm) for sound in scene.reply._sounds) / 48_000
        assert kept <= MAX_LEAD + KEPT_BEHIND + 0.2


async def test_what_a_voice_used_is_told_with_its_sound(new_brain: Any, voice: Any) -> None:
    used = UpstreamUsage("openai", "tts-1", seconds=1.0, estimated=True)

    class Paid(type(voice)):  # type: ignore[misc]
        async def speak(self, text: str, name: str = "", language: str = "") -> Any:
            async for chunk in super().speak(text, name, language):
                yield replace(chunk, used=used)

    answer = Answer(new_brain(Say("one two")), Paid())
    await answer.settle()
    assert [event for event in answer.events if isinstance(event, Spent)] == [Spent(1, used)] * 2
    assert answer.said == "one two"
    await answer.aclose()
