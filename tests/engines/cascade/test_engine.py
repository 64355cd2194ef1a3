"""The engine as a whole: what it can do, and which of its parts it starts and closes."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.engines.base import Conversation, EngineUnavailable
from antiphon.engines.cascade.brain import BuiltinBrain, ScriptBrain
from antiphon.engines.cascade.brain.script_file import parse
from antiphon.engines.cascade.engine import CascadeEngine
from antiphon.engines.cascade.espeak.voice import EspeakVoice
from antiphon.engines.cascade.parts import Found, Say
from antiphon.engines.cascade.search import FolderSearch
from antiphon.live.events import (
    GenerationComplete,
    Grounding,
    ModelEvent,
    ModelText,
    OutputTranscript,
    Respond,
    Speech,
    ToolCalls,
    ToolResults,
)
from antiphon.live.grounding import Source
from antiphon.live.history import RUNNING, FunctionResult, Picture, Turn, Words, model, user
from antiphon.live.profiles import PROFILES
from antiphon.live.setup import Setup, Tool

PROFILE = PROFILES["gemini-3.8-live"]


class Part:
    """A recogniser, a voice or a search that notes what is done to it."""

    def __init__(self, failure: str = "") -> None:
        self.done: list[str] = []
        self._failure = failure

    async def start(self) -> None:
        self.done.append("start")
        if self._failure:
            raise EngineUnavailable(self._failure)

    async def aclose(self) -> None:
        self.done.append("close")

    def context(self, *_: Any) -> None:
        return None

    async def search(self, query: str, limit: int = 5) -> list[Found]:
        self.done.append(query)
        return []


@pytest.fixture
def parts() -> Any:
    return [Part() for _ in range(3)]


def engine(parts: Any, brain: Any = None, **options: Any) -> CascadeEngine:
    recogniser, voice, search = parts
    return CascadeEngine(recogniser, brain or BuiltinBrain(), voice, search=search, **options)


async def test_its_parts_start_and_close_with_it(parts: Any) -> None:
    one = engine(parts)
    await one.start()
    await one.aclose()
    assert [part.done for part in parts] == [["start", "close"]] * 3


async def test_what_is_borrowed_is_left_alone_but_the_search_is_its_own(parts: Any) -> None:
    one = engine(parts, borrows_models=True)
    await one.start()
    await one.aclose()
    assert [part.done for part in parts] == [[], [], ["start", "close"]]


async def test_a_brain_that_can_be_started_is(parts: Any, new_brain: Any) -> None:
    brain = new_brain()
    brain.start, brain.aclose = parts[0].start, parts[0].aclose
    one = engine(parts, brain, borrows_models=True)
    await one.start()
    await one.aclose()
    assert parts[0].done == ["start", "close"]


async def test_a_search_that_cannot_start_is_said() -> None:
    one = engine([Part(), Part(), Part("search folder: none; name one")])
    with pytest.raises(EngineUnavailable, match="name one"):
        await one.start()
    await one.aclose()


def test_its_abilities_are_those_of_its_parts(parts: Any) -> None:
    abilities = engine(parts).abilities
    assert (abilities.name, abilities.searches, abilities.continues) == ("cascade", True, True)
    assert (abilities.images, abilities.thinks) == (False, False)
    assert not engine([*parts[:2], None]).abilities.searches
    assert engine(parts, ScriptBrain(parse("rules: [{when: x, think: y}]"))).abilities.thinks


@pytest.mark.parametrize("asked", [True, False])
async def test_only_who_asks_for_a_search_gets_one(parts: Any, new_brain: Any, asked: bool) -> None:
    brain = new_brain(Say("Hm."))
    one = engine(parts, brain)
    await one.start()
    conversation = await one.open(Setup(PROFILE, modality="text", search=asked))
    conversation.send(Respond(1, (user("who is the night porter"),)))
    await anext(aiter(conversation))
    assert brain.prompts[0].search is (parts[2] if asked else None)
    await conversation.aclose()
    await one.aclose()


async def test_no_conversation_before_the_start(parts: Any) -> None:
    with pytest.raises(EngineUnavailable, match="not been started"):
        await engine(parts).open(Setup(PROFILE))


class TestWithItsOwnParts:
    """The built-in brain, a folder and the embedded voice, together."""

    @pytest.fixture
    async def hotel(self, tmp_path: Path) -> AsyncIterator[CascadeEngine]:
        (tmp_path / "house_rules.md").write_text(
            "# House rules\n\nThe café opens at 8. The night porter is Tom Bäker.\n"
        )
        recogniser: Any = Part()
        one = CascadeEngine(recogniser, BuiltinBrain(), EspeakVoice(), search=FolderSearch(tmp_path))
        await one.start()
        yield one
        await one.aclose()

    @pytest.mark.parametrize("modality", ["text", "audio"])
    async def test_an_answer_rests_on_a_document(self, hotel: CascadeEngine, modality: Any) -> None:
        conversation = await hotel.open(Setup(PROFILE, modality=modality, search=True))
        conversation.send(Respond(1, (user("Who is the night porter?"),)))
        events = [event async for event in _until_complete(conversation)]
        await conversation.aclose()
        kind = ModelText if modality == "text" else OutputTranscript
        said = "".join(event.text for event in events if isinstance(event, kind))
        assert said == "According to House rules: The night porter is Tom Bäker."
        assert any(isinstance(event, Speech) for event in events) is (modality == "audio")
        (grounding,) = [event.grounding for event in events if isinstance(event, Grounding)]
        (support,) = grounding.supports
        assert said.encode()[support.start : support.end].decode() == "The night porter is Tom Bäker."
        assert grounding.sources == (Source("document:///house_rules.md", "House rules"),)

    @pytest.mark.parametrize("modality", ["text", "audio"])
    async def test_a_function_that_runs_and_a_picture(self, hotel: CascadeEngine, modality: Any) -> None:
        tool = Tool("get_weather", "Get the weather", None, blocking=False)
        conversation = await hotel.open(Setup(PROFILE, modality=modality, tools=(tool,)))
        asked = (Turn("user", (Picture("image/png", b""), Words("What is the weather?"))),)
        conversation.send(Respond(1, asked))
        events = [event async for event in _until_complete(conversation)]
        calls = events[-1]
        assert isinstance(calls, ToolCalls)
        runs = FunctionResult("call-1", "get_weather", RUNNING)
        history = (*asked, Turn("model", calls.calls), Turn("user", (runs,)))
        conversation.send(ToolResults(1, (runs,), history))
        assert _said([event async for event in _until_complete(conversation)]) == (
            "One moment, I am checking the weather."
        )
        late = Turn("user", (FunctionResult("call-1", "get_weather", {"sky": "clear"}),))
        conversation.send(Respond(2, (*history, model("One moment."), late)))
        assert _said([event async for event in _until_complete(conversation)]) == "The sky is clear."
        await conversation.aclose()
        assert _said(events).startswith("I have your picture, but it cannot be opened")


async def _until_complete(conversation: Conversation) -> AsyncIterator[ModelEvent]:
    """What the model does until it waits for functions or is done."""
    async for event in conversation:
        yield event
        if isinstance(event, GenerationComplete | ToolCalls):
            break


def _said(events: list[ModelEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, ModelText | OutputTranscript))
