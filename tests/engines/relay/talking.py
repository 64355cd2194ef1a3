"""Conversations with scripted upstreams, and what came of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import numpy as np

from antiphon.engines.relay.config import GeminiRelayConfig
from antiphon.engines.relay.conversation import GeminiConversation
from antiphon.engines.relay.gemini import relay
from antiphon.live import profiles
from antiphon.live.events import (
    Audio,
    Content,
    Failure,
    Lost,
    ModelEvent,
    OutputTranscript,
    Relayed,
    RelayedSpeech,
    Speech,
    ToolCalls,
    ToolResults,
    TurnComplete,
    Used,
    UserEvent,
)
from antiphon.live.history import FunctionResult, user
from antiphon.live.seed import Seed
from antiphon.live.setup import Setup
from antiphon.live.tokens import Usage
from antiphon.testing.upstream import Answer, ScriptedUpstream
from antiphon.wire.gemini.decode import decode_server

MODEL = "gemini-3.1-flash-live-preview"
PROFILE = profiles.PROFILES[MODEL]
SETUP = Setup(PROFILE, transcribe_input=True, transcribe_output=True)
LOUD = np.full(1600, 4_000, "<i2").tobytes()
"""A tenth of a second of what upstreams take for speech."""
SILENT = bytes(3200)

_Event = TypeVar("_Event")


class Talk:
    """One conversation. ``events`` is everything it did, frames taken apart; ``raw`` as it came."""

    def __init__(self, conversation: GeminiConversation, upstream: ScriptedUpstream) -> None:
        self.conversation = conversation
        self.upstream = upstream
        self.raw: list[ModelEvent] = []
        self.answers = True
        self._news = asyncio.Event()
        self.reader = asyncio.create_task(self._read())

    @property
    def events(self) -> list[ModelEvent]:
        return [each for event in self.raw for each in (event.events if isinstance(event, Relayed) else (event,))]

    def all(self, kind: type[_Event]) -> list[_Event]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def said(self) -> str:
        return "".join(event.text for event in self.all(OutputTranscript))

    @property
    def sound(self) -> bytes:
        """All speech, out of frames and events."""
        return b"".join(map(_sound, self.events))

    @property
    def used(self) -> Usage:
        return sum((event.upstream.usage for event in self.all(Used)), Usage())

    def send(self, event: UserEvent) -> None:
        self.conversation.send(event)

    def ask(self, text: str = "go on") -> None:
        self.send(Content((user(text),), complete=True, realtime=True))

    def speak(self, loud: int = 3, quiet: int = 3) -> None:
        for chunk in [LOUD] * loud + [SILENT] * quiet:
            self.send(Audio(chunk, 16_000))

    def answer(self, calls: ToolCalls) -> None:
        results = tuple(FunctionResult(call.id, call.name, {"output": call.name.upper()}) for call in calls.calls)
        self.send(ToolResults(calls.generation, results, ()))

    async def until(self, kind: type[Any], count: int = 1, seconds: float = 3.0) -> None:
        """Wait until ``count`` events of ``kind`` came in all."""
        await self.wait_for(lambda: len(self.all(kind)) >= count, seconds)

    async def turn(self, text: str = "go on", turns: int = 1) -> None:
        """Ask, and wait until ``turns`` more turns are complete."""
        before = len(self.all(TurnComplete))
        self.ask(text)
        await self.until(TurnComplete, before + turns)

    async def wait_for(self, condition: Callable[[], bool], seconds: float = 3.0) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not condition():
                    self._news.clear()
                    try:
                        async with asyncio.timeout(0.02):
                            await self._news.wait()
                    except TimeoutError:
                        pass
        except TimeoutError:
            raise AssertionError(f"it did not happen; there were {[type(e).__name__ for e in self.events]}") from None

    async def _read(self) -> None:
        async for event in self.conversation:
            self.raw.append(event)
            self._news.set()
            if isinstance(event, Lost | Failure):
                return
            for calls in event.events if isinstance(event, Relayed) else (event,):
                if isinstance(calls, ToolCalls) and self.answers:
                    self.answer(calls)


def _sound(event: ModelEvent) -> bytes:
    if isinstance(event, Speech):
        return event.pcm
    if not isinstance(event, RelayedSpeech) or not event.seconds:
        return b""
    content = decode_server(event.frame)[0].server_content
    assert content is not None
    assert content.model_turn is not None
    (part,) = content.model_turn.parts
    assert part.inline_data is not None
    assert len(part.inline_data.data) == round(event.seconds * 48_000)
    return part.inline_data.data


@asynccontextmanager
async def converse(
    *answers: Answer,
    setup: Setup = SETUP,
    seed: Seed | None = None,
    upstream: dict[str, Any] | None = None,
    **config: Any,
) -> AsyncIterator[Talk]:
    """A conversation with an upstream that gives ``answers``; ``config`` is the relay's."""
    async with ScriptedUpstream(answers, **(upstream or {})) as server:
        engine = relay(GeminiRelayConfig(**{"model": MODEL, "url": server.url, "stall_seconds": 0, **config}))
        before = asyncio.all_tasks()
        talk = Talk(await engine.open(setup, seed or Seed()), server)
        try:
            yield talk
        finally:
            await engine.aclose()
            talk.reader.cancel()
            await asyncio.gather(talk.reader, return_exceptions=True)
        await talk.wait_for(lambda: server.open == 0)
        # Nothing that the conversation started is left.
        await asyncio.sleep(0)
        left = {task for task in asyncio.all_tasks() - before if "relay" in str(task.get_coro())}
        assert not left
