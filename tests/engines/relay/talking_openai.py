"""Conversations with scripted OpenAI Realtime upstreams, and what came of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import numpy as np

from antiphon.engines.relay.openai import realtime_relay
from antiphon.engines.relay.openai_config import OpenAIRealtimeConfig
from antiphon.engines.relay.openai_conversation import OpenAIRealtimeConversation
from antiphon.live import profiles
from antiphon.live.events import (
    Audio,
    Content,
    Failure,
    GenerationComplete,
    Interrupt,
    Interrupted,
    Lost,
    ModelEvent,
    ModelText,
    OutputTranscript,
    Speech,
    ToolCalls,
    ToolResults,
    Used,
    UserEvent,
    UserWords,
)
from antiphon.live.history import FunctionResult, user
from antiphon.live.seed import Seed
from antiphon.live.setup import ActivityDetection, Setup, Tool
from antiphon.live.tokens import Usage
from antiphon.testing.realtime_upstream import Answer, ScriptedRealtime

PROFILE = profiles.PROFILES["gemini-3.8-live"]
DETECTION = ActivityDetection(silence_ms=200)
SETUP = Setup(
    PROFILE,
    transcribe_input=True,
    transcribe_output=True,
    detection=DETECTION,
    tools=(Tool("weather", "Tells the weather", {"type": "object", "properties": {"city": {"type": "string"}}}),),
)
MANUAL = Setup(PROFILE, detection=ActivityDetection(automatic=False))
TEXT = Setup(PROFILE, modality="text", detection=DETECTION)
LOUD = np.full(1600, 4_000, "<i2").tobytes()
"""A tenth of a second of what upstreams take for speech."""
SILENT = bytes(3200)

_Event = TypeVar("_Event")


class Talk:
    """One conversation, with a session that hears all of an answer but its last ``unheard`` seconds."""

    def __init__(self, conversation: OpenAIRealtimeConversation, upstream: ScriptedRealtime, heard: float) -> None:
        self.conversation = conversation
        self.upstream = upstream
        self.heard = heard
        self.events: list[ModelEvent] = []
        self.answers = True
        self._news = asyncio.Event()
        self.reader = asyncio.create_task(self._read())

    def all(self, kind: type[_Event]) -> list[_Event]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def said(self) -> str:
        return "".join(event.text for event in self.all(OutputTranscript))

    @property
    def written(self) -> str:
        return "".join(event.text for event in self.all(ModelText))

    @property
    def words(self) -> str:
        return "".join(event.text for event in self.all(UserWords))

    @property
    def sound(self) -> bytes:
        return b"".join(event.pcm for event in self.all(Speech))

    def used(self, model: str = "gpt-realtime") -> Usage:
        told = (event.upstream for event in self.all(Used) if event.upstream.model == model)
        return sum((each.usage for each in told), Usage())

    def send(self, event: UserEvent) -> None:
        self.conversation.send(event)

    def ask(self, text: str = "go on") -> None:
        self.send(Content((user(text),), complete=True, realtime=True))

    def speak(self, loud: int = 3, quiet: int = 3, rate: int = 16_000) -> None:
        for chunk in [LOUD] * loud + [SILENT] * quiet:
            self.send(Audio(chunk, rate))

    def answer(self, calls: ToolCalls) -> None:
        results = tuple(FunctionResult(call.id, call.name, {"output": call.name.upper()}) for call in calls.calls)
        self.send(ToolResults(calls.generation, results, ()))

    async def until(self, kind: type[Any], count: int = 1, seconds: float = 3.0) -> None:
        """Wait until ``count`` events of ``kind`` came in all."""
        await self.wait_for(lambda: len(self.all(kind)) >= count, seconds)

    async def turn(self, text: str = "go on") -> None:
        """Ask, and wait until the answer is complete."""
        before = len(self.all(GenerationComplete))
        self.ask(text)
        await self.until(GenerationComplete, before + 1)

    async def wait_for(self, condition: Callable[[], bool], seconds: float = 3.0) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._news.clear()
                    try:
                        async with asyncio.timeout(0.01):
                            await self._news.wait()
                    except TimeoutError:
                        pass
        except TimeoutError:
            events, refused = [type(event).__name__ for event in self.events], self.upstream.refused
            raise AssertionError(f"it did not happen; there were {events}, refused {refused}") from None

    async def _read(self) -> None:
        async for event in self.conversation:
            self.events.append(event)
            self._news.set()
            if isinstance(event, Lost | Failure):
                return
            if isinstance(event, Interrupted) and self.heard >= 0:
                self.send(Interrupt(event.generation + 1, self.heard))
            if isinstance(event, ToolCalls) and self.answers:
                self.answer(event)


@asynccontextmanager
async def converse(
    *answers: Answer,
    setup: Setup = SETUP,
    seed: Seed | None = None,
    heard: float = 0.3,
    upstream: dict[str, Any] | None = None,
    **config: Any,
) -> AsyncIterator[Talk]:
    """A conversation with an upstream that gives ``answers``; nothing is left of it afterwards."""
    before = asyncio.all_tasks()
    async with ScriptedRealtime(answers, **(upstream or {})) as server:
        settings = {"model": "gpt-realtime", "url": server.url, "stall_seconds": 0, "provider": "openai", **config}
        engine = realtime_relay(OpenAIRealtimeConfig(**settings))
        await engine.start()
        talk = Talk(await engine.open(setup, seed or Seed()), server, heard)
        try:
            yield talk
        finally:
            await engine.aclose()
            await asyncio.gather(talk.reader, return_exceptions=True)
        await talk.wait_for(lambda: server.open == 0)
    await asyncio.sleep(0)
    left = {task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()}
    assert not left, left
