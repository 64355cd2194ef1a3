"""Listening, thinking and speaking, together."""

import asyncio
from typing import Any

import pytest

from antiphon.engines.cascade.conversation import CascadeConversation
from antiphon.engines.cascade.parts import Call, Fail, Ground, RecognitionContext, Say, Think
from antiphon.engines.cascade.parts import Used as Spent
from antiphon.live.events import (
    ActivityEnd,
    ActivityStart,
    Audio,
    Continue,
    Failure,
    GenerationComplete,
    Grounding,
    InputTranscript,
    Interrupt,
    ModelText,
    OutputTranscript,
    Respond,
    Speech,
    ToolCalls,
    ToolResults,
    Update,
    Used,
)
from antiphon.live.grounding import GroundedSearch
from antiphon.live.history import FunctionCall, user
from antiphon.live.profiles import PROFILES
from antiphon.live.setup import ActivityDetection, Setup, Thinking, Tool
from antiphon.live.tokens import UpstreamUsage

PROFILE = PROFILES["gemini-3.8-live"]
HELLO = (user("hello"),)


class Stage:
    """A conversation, and its events as they come."""

    def __init__(self, setup: Setup, ears: Any, recogniser: Any, brain: Any, voice: Any) -> None:
        self.brain, self.voice, self.recogniser = brain, voice, recogniser
        self.search = object()
        self.conversation = CascadeConversation(
            setup, ears, recogniser, brain, voice, RecognitionContext(("agreed",)), self.search
        )
        self.events: list[Any] = []
        self.read()

    def read(self) -> None:
        """Begin to take events."""
        self.reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self.conversation:
            self.events.append(event)

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    async def aclose(self) -> None:
        self.reader.cancel()
        await self.conversation.aclose()


@pytest.fixture
def stage(ears: Any, recogniser: Any, voice: Any, new_brain: Any) -> Any:
    def make(*thoughts: Any, **setup: Any) -> Stage:
        return Stage(Setup(PROFILE, **setup), ears, recogniser, new_brain(*thoughts), voice)

    return make


async def test_an_answer_is_spoken_sentence_by_sentence(stage: Any) -> None:
    scene = stage(Say("Hi there. "), Say("How are"), Say(" you?"), voice="Kore", language="en-US")
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    assert scene.voice.spoken == [("Hi there. ", "Kore", "en-US"), ("How are you?", "Kore", "en-US")]
    assert scene.events[-1] == GenerationComplete(1)
    words = [event for event in scene.events if isinstance(event, OutputTranscript)]
    assert "".join(word.text for word in words) == "Hi there. How are you?"
    assert [round(word.offset, 3) for word in words] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    await scene.aclose()


async def test_the_first_sentence_is_heard_before_the_second_is_thought(stage: Any) -> None:
    scene = stage(Say("One. Two"), Say(" three."))
    scene.brain.gate.clear()
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    assert [type(event) for event in scene.events] == [Speech, OutputTranscript, Speech, OutputTranscript]
    await scene.aclose()


async def test_the_prompt_is_what_was_agreed(stage: Any) -> None:
    tools = (Tool("f"),)
    scene = stage(system_instruction="Be Ada.", tools=tools, language="en-GB")
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    (prompt,) = scene.brain.prompts
    assert (prompt.history, prompt.system_instruction, prompt.tools) == (HELLO, "Be Ada.", tools)
    assert (prompt.language, prompt.search, prompt.thinking, prompt.spoken) == ("en-GB", None, Thinking(), True)
    assert scene.events == [GenerationComplete(1)]
    await scene.aclose()


async def test_the_prompt_says_how_to_answer(stage: Any) -> None:
    wanted = {"temperature": 0.5, "top_p": 0.9, "top_k": 5, "seed": 7, "max_output_tokens": 9}
    scene = stage(modality="text", media_resolution="low", **wanted)
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    (prompt,) = scene.brain.prompts
    assert {name: getattr(prompt, name) for name in wanted} == wanted
    assert (prompt.spoken, prompt.media_resolution) == (False, "low")
    await scene.aclose()


async def test_text_sessions_are_answered_in_text(stage: Any) -> None:
    scene = stage(Say("One. Two."), modality="text")
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    assert scene.events == [ModelText(1, "One. "), ModelText(1, "Two."), GenerationComplete(1)]
    assert not scene.voice.spoken
    await scene.aclose()


async def test_a_call_ends_the_answer_until_its_results_come(stage: Any) -> None:
    calls = (FunctionCall("1", "f", {}),)
    scene = stage(Say("Wait"), Call(calls))
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    assert scene.events[-1] == ToolCalls(1, calls)
    scene.brain.thoughts = (Say("Done"),)
    scene.conversation.send(ToolResults(1, (), HELLO))
    await scene.settle()
    assert scene.events[-1] == GenerationComplete(1)
    assert scene.events[-2] == OutputTranscript(1, "Done", 0.1), "the audio of a generation goes on"
    await scene.aclose()


async def test_an_interruption_stops_brain_and_voice(stage: Any) -> None:
    scene = stage(Say("One. Two. "), Say("Three."))
    scene.brain.gate.clear()
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    scene.conversation.send(Interrupt(2))
    scene.brain.gate.set()
    scene.events.clear()
    await scene.settle()
    assert scene.events == []
    assert len(scene.voice.spoken) == scene.voice.closed == 1
    await scene.aclose()
    assert scene.brain.closed == 1


async def test_the_next_answer_throws_an_interrupted_one_away(stage: Any) -> None:
    scene = stage(Say("One. Two. "), Say("Three."))
    scene.brain.gate.clear()
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    scene.conversation.send(Interrupt(2))
    scene.brain.thoughts = (Say("Four."),)
    scene.brain.gate.set()
    scene.events.clear()
    scene.conversation.send(Respond(2, HELLO))
    await scene.settle()
    assert scene.brain.closed == 2
    assert {event.generation for event in scene.events} == {2}
    scene.conversation.send(Continue(3, 1, 0.0, HELLO))
    await scene.settle()
    assert scene.events[-1] == GenerationComplete(3), "nothing is kept of it"
    await scene.aclose()


async def test_an_interrupted_answer_goes_on(stage: Any) -> None:
    scene = stage(Say("One two. Three. "), Say("Four."))
    scene.brain.gate.clear()
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    scene.conversation.send(Interrupt(2))
    await scene.settle()
    scene.brain.gate.set()
    scene.events.clear()
    scene.conversation.send(Continue(2, 1, 0.15, HELLO))
    await scene.settle()
    words = [event for event in scene.events if isinstance(event, OutputTranscript)]
    assert "".join(word.text for word in words) == " two. Three. Four."
    assert words[0].offset == 0.0
    assert scene.events[-1] == GenerationComplete(2)
    assert len(scene.brain.prompts) == 1, "the same thoughts go on"
    await scene.aclose()


async def test_it_goes_on_after_interruptions_of_its_own(stage: Any) -> None:
    scene = stage(Say("One two three four."))
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    for number in (2, 3):
        scene.conversation.send(Interrupt(number))
        scene.events.clear()
        scene.conversation.send(Continue(number, number - 1, 0.15, HELLO))
        await scene.settle()
    words = "".join(event.text for event in scene.events if isinstance(event, OutputTranscript))
    assert words == " three four."
    await scene.aclose()


async def test_with_nothing_kept_there_is_nothing_more_to_say(stage: Any) -> None:
    scene = stage(Say("One."))
    scene.conversation.send(Continue(4, 3, 1.0, HELLO))
    await scene.settle()
    assert scene.events == [GenerationComplete(4)]
    await scene.aclose()


async def test_a_text_that_nobody_has_read_yet_is_not_lost(stage: Any) -> None:
    scene = stage(Say("One. Two. "), Say("Three."), modality="text")
    scene.reader.cancel()
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    scene.conversation.send(Interrupt(2))
    scene.conversation.send(Continue(2, 1, 0.0, HELLO))
    scene.read()
    await scene.settle()
    assert scene.events == [*(ModelText(2, text) for text in ("One. ", "Two. ", "Three.")), GenerationComplete(2)]
    await scene.aclose()


async def test_an_interruption_leaves_what_was_heard_of_the_user(stage: Any) -> None:
    scene = stage(Say("One."), detection=ActivityDetection(automatic=False))
    scene.reader.cancel()
    scene.conversation.send(Respond(1, HELLO))
    scene.conversation.send(ActivityStart())
    scene.conversation.send(ActivityEnd())
    await scene.settle()
    scene.conversation.send(Interrupt(2))
    scene.read()
    await scene.settle()
    assert [type(event) for event in scene.events] == [InputTranscript]
    await scene.aclose()


UPSTREAM = UpstreamUsage("openai", "m")


async def test_an_interruption_leaves_what_an_upstream_was_used_for(stage: Any) -> None:
    scene = stage(Say("One."), Spent(UPSTREAM))
    scene.reader.cancel()
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    scene.conversation.send(Interrupt(2))
    scene.read()
    await scene.settle()
    assert scene.events == [Used(1, UPSTREAM)]
    await scene.aclose()


async def test_what_is_left_when_it_closes_can_be_read_afterwards(stage: Any) -> None:
    scene = stage(Say("One. Two"))
    scene.brain.gate.clear()
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    prompt = scene.brain.prompts[0]
    await scene.aclose()
    scene.events.clear()
    prompt.spend(UPSTREAM)
    assert [event async for event in scene.conversation] == [Used(1, UPSTREAM)]


async def test_an_interruption_of_earlier_answers_leaves_this_one_alone(stage: Any) -> None:
    scene = stage(Say("One."))
    scene.conversation.send(Interrupt(2))
    scene.conversation.send(Respond(2, HELLO))
    scene.conversation.send(Interrupt(2))
    await scene.settle()
    assert scene.events[-1] == GenerationComplete(2)
    await scene.aclose()


async def test_later_answers_are_those_of_the_later_setup(stage: Any) -> None:
    scene = stage(Say("One."), system_instruction="Be Ada.")
    setup = Setup(PROFILE, system_instruction="Be Bob.", tools=(Tool("f"),), voice="Puck")
    scene.conversation.send(Update(setup))
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    (prompt,) = scene.brain.prompts
    assert (prompt.system_instruction, prompt.tools) == ("Be Bob.", (Tool("f"),))
    assert scene.voice.spoken == [("One.", "Puck", "")]
    await scene.aclose()


async def test_the_recogniser_learns_what_a_later_setup_is_about(stage: Any) -> None:
    scene = stage(detection=ActivityDetection(automatic=False))
    scene.conversation.send(ActivityStart())
    scene.conversation.send(ActivityEnd())
    scene.conversation.send(Update(Setup(PROFILE, system_instruction="Be Bob.", tools=(Tool("f"),))))
    scene.conversation.send(ActivityStart())
    scene.conversation.send(ActivityEnd())
    await scene.settle()
    assert [context.phrases for context in scene.recogniser.contexts] == [("agreed",), ("Be Bob.", "f")]
    await scene.aclose()


async def test_a_search_and_thinking_reach_the_brain(stage: Any) -> None:
    thinking = Thinking("high", include_thoughts=True)
    scene = stage(Think("Hm."), Ground(GroundedSearch(("q",))), Say("One."), search=True, thinking=thinking)
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    (prompt,) = scene.brain.prompts
    assert (prompt.search, prompt.thinking) == (scene.search, thinking)
    assert scene.events[:2] == [ModelText(1, "Hm.", thought=True), Grounding(1, GroundedSearch(("q",)))]
    await scene.aclose()


async def test_results_for_another_answer_begin_it(stage: Any) -> None:
    scene = stage(Say("One."))
    scene.conversation.send(ToolResults(7, (), HELLO))
    await scene.settle()
    assert scene.events[-1] == GenerationComplete(7)
    await scene.aclose()


async def test_words_are_shown_while_they_are_said_to_those_who_asked(stage: Any) -> None:
    scene = stage(detection=ActivityDetection(automatic=False), transcribe_input=True)
    scene.conversation.send(ActivityStart())
    scene.recogniser.utterances[0].partials = ["hel"]
    scene.conversation.send(Audio(bytes(8 * 1024), 16_000))
    await scene.settle()
    assert scene.events == [InputTranscript("hel", final=False)]
    await scene.aclose()


async def test_a_brain_may_end_the_session(stage: Any) -> None:
    scene = stage(Fail(1008, "enough"))
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    assert scene.events == [Failure("enough", 1008)]
    await scene.aclose()


async def test_a_brain_that_breaks_ends_the_session_with_its_detail_in_the_log_only(stage: Any) -> None:
    scene = stage(ValueError("secret"))
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    (failure,) = scene.events
    assert "secret" not in failure.reason
    assert "secret" in failure.detail
    await scene.aclose()


async def test_speech_never_runs_far_ahead_of_the_ear(stage: Any) -> None:
    scene = stage(Say("word " * 400))
    scene.conversation.send(Respond(1, HELLO))
    for _ in range(20):
        await scene.settle()
    seconds = sum(len(event.pcm) for event in scene.events if isinstance(event, Speech)) / 48_000
    assert 20 <= seconds < 21
    await scene.aclose()


async def test_manual_activity_reaches_the_recogniser(stage: Any) -> None:
    scene = stage(detection=ActivityDetection(automatic=False))
    scene.conversation.send(ActivityStart())
    scene.conversation.send(Audio(bytes(1024), 16_000))
    scene.conversation.send(ActivityEnd())
    await scene.settle()
    assert scene.events[0].text == "11 frames"
    await scene.aclose()


async def test_closing_leaves_no_task(stage: Any) -> None:
    scene = stage(Say("One. Two."))
    scene.brain.gate.clear()
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    await scene.aclose()
    await scene.settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("thoughts", [(Say("One. Two."),), (Say("One."), Call((FunctionCall("1", "f", {}),)))])
async def test_closing_ends_an_answer_that_is_kept(stage: Any, thoughts: Any) -> None:
    scene = stage(*thoughts)
    scene.conversation.send(Respond(1, HELLO))
    await scene.settle()
    scene.conversation.send(ToolResults(1, (), HELLO))
    await scene.settle()
    scene.conversation.send(Interrupt(2))
    await scene.settle()
    await scene.aclose()
    await scene.settle()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert scene.brain.closed == len(scene.brain.prompts)
