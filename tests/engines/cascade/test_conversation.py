"""Listening, thinking and speaking, together."""

import asyncio
from typing import Any

import pytest

from antiphon.engines.cascade.conversation import CascadeConversation
from antiphon.engines.cascade.parts import Call, Fail, RecognitionContext, Say
from antiphon.live.events import (
    ActivityEnd,
    ActivityStart,
    Audio,
    Failure,
    GenerationComplete,
    Interrupt,
    ModelText,
    OutputTranscript,
    Respond,
    Speech,
    ToolCalls,
    ToolResults,
)
from antiphon.live.history import FunctionCall, user
from antiphon.live.profiles import PROFILES
from antiphon.live.setup import ActivityDetection, Setup, Tool

PROFILE = PROFILES["gemini-3.8-live"]
HELLO = (user("hello"),)


class Stage:
    """A conversation, and its events as they come."""

    def __init__(self, setup: Setup, ears: Any, recogniser: Any, brain: Any, voice: Any) -> None:
        self.brain, self.voice, self.recogniser = brain, voice, recogniser
        self.conversation = CascadeConversation(setup, ears, recogniser, brain, voice, RecognitionContext())
        self.events: list[Any] = []
        self._reader = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self.conversation:
            self.events.append(event)

    async def settle(self) -> None:
        for _ in range(50):
            await asyncio.sleep(0)

    async def aclose(self) -> None:
        self._reader.cancel()
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
    assert scene.events == [GenerationComplete(1)]
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
    assert scene.brain.closed == 1
    assert scene.voice.closed == len(scene.voice.spoken)
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
