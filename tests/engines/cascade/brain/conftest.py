"""A clock that stands still, conversations with the built-in brain, and functions to call."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest

from antiphon.engines.cascade.brain.builtin import BuiltinBrain
from antiphon.engines.cascade.brain.research import Seek
from antiphon.engines.cascade.parts import Call, Found, Prompt, Say, SearchFailed, Thought
from antiphon.live.history import FunctionCall, FunctionResult, History, Turn, model, user
from antiphon.live.setup import Tool

NOW = datetime(2030, 5, 1, 17, 5)  # a Wednesday


class Chat:
    """One conversation; every line said is answered by a brain that only ever sees the history."""

    def __init__(self, instruction: str = "", tools: Sequence[Tool] = (), history: History = ()) -> None:
        self.brain = BuiltinBrain(lambda: NOW)
        self.instruction = instruction
        self.tools = tuple(tools)
        self.history = history

    def think(self, text: str) -> Thought:
        """Say ``text`` and return the thought; it becomes part of the history."""
        self.history = (*self.history, user(text))
        return self._answer()

    def say(self, text: str) -> str:
        """Say ``text`` and return the words of the answer."""
        thought = self.think(text)
        assert isinstance(thought, Say), thought
        return thought.text

    def call(self, text: str) -> list[tuple[str, dict[str, Any]]]:
        """Say ``text`` and return names and arguments of the calls."""
        thought = self.think(text)
        assert isinstance(thought, Call), thought
        return [(one.name, one.args) for one in thought.calls]

    def results(self, *responses: dict[str, Any]) -> str:
        """Answer the last calls and return what is said about them."""
        calls = [part for part in self.history[-1].parts if isinstance(part, FunctionCall)]
        found = tuple(FunctionResult(one.id, one.name, body) for one, body in zip(calls, responses, strict=True))
        self.history = (*self.history, Turn("user", found))
        thought = self._answer()
        assert isinstance(thought, Say)
        return thought.text

    def _answer(self) -> Thought:
        thought = self.brain.decide(Prompt(self.history, self.instruction, self.tools))
        assert not isinstance(thought, Seek)
        if isinstance(thought, Call):
            self.history = (*self.history, Turn("model", thought.calls))
        elif isinstance(thought, Say):
            self.history = (*self.history, model(thought.text))
        return thought


class FakeSearch:
    """Finds what it was given for the queries that contain a word; fails when told to."""

    def __init__(self) -> None:
        self.passages: dict[str, list[Found]] = {}
        self.asked: list[str] = []
        self.failure = ""

    async def start(self) -> None:
        pass

    async def search(self, query: str, limit: int = 5) -> list[Found]:
        if self.failure:
            raise SearchFailed(self.failure)
        self.asked.append(query)
        return next((found for word, found in self.passages.items() if word in query.lower()), [])[:limit]

    async def aclose(self) -> None:
        pass


@pytest.fixture
def search() -> FakeSearch:
    return FakeSearch()


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def chat() -> type[Chat]:
    """Begin a conversation."""
    return Chat


@pytest.fixture
def function() -> Callable[..., Tool]:
    """Declare a function: name, description, required names, then schemas by parameter."""

    def declare(name: str, description: str = "", required: Sequence[str] = (), /, **schemas: Any) -> Tool:
        parameters = {"type": "object", "properties": schemas, "required": list(required)}
        return Tool(name, description, parameters)

    return declare
