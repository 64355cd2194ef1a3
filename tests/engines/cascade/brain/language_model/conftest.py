"""A language model that says what it is told, and counts what it was asked."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import pytest

from antiphon.engines.cascade.brain.language_model.brain import LanguageModelBrain, Manners
from antiphon.engines.cascade.brain.language_model.model import Delta, Request
from antiphon.engines.cascade.parts import Prompt, Thought


class FakeModel:
    """Answers the first request with the first list of deltas, and so on; exceptions are raised."""

    name, provider = "fake-1", "openai"

    def __init__(self, *answers: list[Delta | Exception], vision: bool = False, thinks: bool = False) -> None:
        self.answers = list(answers)
        self.vision, self.thinks = vision, thinks
        self.asked: list[Request] = []
        self.running = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def start(self) -> None:
        self.running += 1

    async def aclose(self) -> None:
        self.running -= 1

    async def answer(self, request: Request) -> AsyncGenerator[Delta, None]:
        self.asked.append(request)
        self.running += 1
        try:
            for delta in self.answers.pop(0):
                if isinstance(delta, Exception):
                    raise delta
                yield delta
                await self.gate.wait()
        finally:
            self.running -= 1


@pytest.fixture
def new_model() -> type[FakeModel]:
    return FakeModel


@pytest.fixture
def think() -> Callable[..., Any]:
    """All thoughts of a brain about a prompt."""

    async def think(model: Any, prompt: Prompt, **manners: Any) -> list[Thought]:
        return [thought async for thought in LanguageModelBrain(model, Manners(**manners)).reply(prompt)]

    return think
