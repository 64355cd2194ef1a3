"""Arbitrary frames in arbitrary order against one real server: it survives all of them and keeps nothing.

Every sequence ends with a frame that no session survives, so each has a close to judge: which must be about that
frame when all before it was valid, and must never be an error of the server's own.
"""

import asyncio
import base64
import copy
import gc
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from antiphon.live import events
from antiphon.live.history import FunctionCall
from antiphon.live.policy import Policy
from antiphon.server.config import Config
from antiphon.server.running import Server

LAST = "this is the end"
SOUND = base64.b64encode(bytes(640)).decode()
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
"""One black pixel."""
Frame = str | bytes
Json = Any

fuzz = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)

setups = st.builds(
    lambda interrupts, text, history, words: {
        "setup": {
            "model": "models/gemini-3.8-live",
            "generationConfig": {"responseModalities": ["TEXT" if text else "AUDIO"], "temperature": 0.5},
            "systemInstruction": {"parts": [{"text": "Be brief."}]},
            "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT"}}]}],
            "realtimeInputConfig": {
                "activityHandling": "START_OF_ACTIVITY_INTERRUPTS" if interrupts else "NO_INTERRUPTION",
                "automaticActivityDetection": {"silenceDurationMs": 500},
            },
            "historyConfig": {"initialHistoryInClientContent": history},
            **({"inputAudioTranscription": {}, "outputAudioTranscription": {}} if words else {}),
        }
    },
    *[st.booleans()] * 4,
)
texts = st.sampled_from(["hi", " ", "", "tool", "tool please", "ü 👋", "x" * 500])
roles = st.sampled_from(["user", "model", ""])
turns = st.lists(st.builds(lambda role, text: {"role": role, "parts": [{"text": text}]}, roles, texts), max_size=3)
messages = st.one_of(
    st.builds(lambda text: {"realtimeInput": {"text": text}}, texts),
    st.just({"realtimeInput": {"audio": {"data": SOUND, "mimeType": "audio/pcm;rate=16000"}}}),
    st.just({"realtime_input": {"media_chunks": [{"data": SOUND, "mime_type": "audio/pcm"}]}}),
    st.just({"realtimeInput": {"video": {"data": PICTURE, "mimeType": "image/png"}}}),
    st.just({"realtimeInput": {"audioStreamEnd": True}}),
    st.builds(
        lambda turns, complete: {"clientContent": {"turns": turns, "turnComplete": complete}}, turns, st.booleans()
    ),
    st.builds(
        lambda ids: {"toolResponse": {"functionResponses": [{"id": i, "name": "f", "response": {}} for i in ids]}},
        st.lists(st.sampled_from(["call", "", "7"]), max_size=2),
    ),
    st.just({"contextUpdate": {"systemInstruction": {"parts": [{"text": "Now rhyme."}]}}}),
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("audio/pcm;rate=1e9"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
garbage = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200),
    values.map(json.dumps),
    st.sampled_from(["[" * 3000, '{"setup":' * 500, "null", "{}", '{"setup":null}', "\ufeff{}", b"\x00", "NaN"]),
)


def places(value: Json, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of everything in a message."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, deeper in inner:
        yield (*path, key)
        yield from places(deeper, (*path, key))


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A valid message with one place in it replaced, removed, doubled or misspelt."""
    message = copy.deepcopy(draw(messages | setups))
    *path, key = draw(st.sampled_from(list(places(message))))
    parent = message
    for step in path:
        parent = parent[step]
    match draw(st.sampled_from(["replace", "remove", "wrap", "add"])):
        case "replace":
            parent[key] = draw(values)
        case "remove":
            del parent[key]
        case "wrap":
            parent[key] = [parent[key]]
        case "add" if isinstance(parent, dict):
            parent[draw(st.text(max_size=8))] = draw(values)
    return json.dumps(message)


def as_frame(message: Json, binary: bool) -> Frame:
    text = json.dumps(message)
    return text.encode() if binary else text


valid = st.builds(as_frame, messages, st.booleans())
beginnings = st.builds(as_frame, setups, st.booleans())
orderly = st.builds(lambda first, rest: [first, *rest], beginnings, st.lists(valid, max_size=12))
chaotic = st.builds(
    lambda first, rest: [*first, *rest],
    st.lists(beginnings, min_size=1, max_size=1) | st.just([]),
    st.lists(valid | mutated() | garbage, max_size=8),
)


class Rig:
    """One server on a loop that runs while it is used."""

    def __init__(self, runner: asyncio.Runner, server: Server, puppet: Any) -> None:
        self.runner, self.server, self.puppet = runner, server, puppet

    def play(self, frames: list[Frame], vanish: bool = False) -> tuple[int, str]:
        """The close that a client gets for ``frames``."""
        return self.runner.run(self._play(frames, vanish))

    def answers(self) -> bool:
        """Whether a new client gets an answer."""
        return self.runner.run(self._answers())

    def settled(self) -> bool:
        """Whether everything of every session is gone; waits for it a while."""
        return self.runner.run(self._settled())

    async def _play(self, frames: list[Frame], vanish: bool) -> tuple[int, str]:
        async with asyncio.timeout(20), connect(self._url, compression=None, proxy=None) as socket:
            try:
                for frame in (*frames, LAST):
                    await socket.send(frame)
                if vanish:
                    socket.transport.abort()
                while True:
                    await socket.recv()
            except ConnectionClosed:
                closed = socket.protocol.close_rcvd
        return (closed.code, closed.reason) if closed else (1006, "")

    async def _answers(self) -> bool:
        async with asyncio.timeout(20), connect(self._url, compression=None, proxy=None) as socket:
            await socket.send('{"setup":{"model":"gemini-3.8-live"}}')
            await socket.send('{"realtimeInput":{"text":"hi"}}')
            while "turnComplete" not in str(await socket.recv()):
                pass
        return True

    async def _settled(self) -> bool:
        async with asyncio.timeout(20):
            # The server's own tasks and this one: it serves, and writes the ledger.
            while self.server.sessions or self.puppet.living or len(asyncio.all_tasks()) > 3:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return True

    @property
    def _url(self) -> str:
        return self.server.url.replace("http", "ws", 1)


@pytest.fixture
def rig(tmp_path: Path, make_puppet: Callable[[], Any]) -> Iterator[Rig]:
    with asyncio.Runner() as runner:
        puppet = runner.run(make(make_puppet))
        config = Config(
            port=0,
            tls_port=None,
            data_dir=tmp_path,
            drain=0,
            session=Policy(pace_turns=False, max_early_messages=10_000),
        )
        server = Server(config, puppet)
        runner.run(server.start())
        yield Rig(runner, server, puppet)
        runner.run(server.stop())


async def make(make_puppet: Callable[[], Any]) -> Any:
    """A puppet that calls functions when asked to, and hears words in some of the sound."""
    puppet = make_puppet()
    respond = puppet.react

    def react(conversation: Any, event: events.UserEvent) -> list[events.ModelEvent]:
        if isinstance(event, events.Respond) and event.history and "tool" in event.history[-1].text:
            return [events.ToolCalls(event.generation, (FunctionCall("call", "f", {}),))]
        if isinstance(event, events.Audio) and len(conversation.sent) % 3 == 0:
            heard = events.InputTranscript("well", final=True)
            return [events.ActivityStarted(0.0), events.ActivityEnded(0.02), heard]
        return list(respond(conversation, event))

    puppet.react = react
    return puppet


def test_valid_frames_in_any_order_are_served_to_the_last(rig: Rig) -> None:
    @given(orderly)
    @fuzz
    def play(frames: list[Frame]) -> None:
        code, reason = rig.play(frames)
        assert code == 1007
        assert reason.startswith("message: malformed JSON"), reason

    play()
    assert rig.answers()
    assert rig.settled()


def test_anything_at_all_is_survived(rig: Rig) -> None:
    @given(chaotic, st.sampled_from([False] * 7 + [True]))
    @fuzz
    def play(frames: list[Frame], vanish: bool) -> None:
        code, reason = rig.play(frames, vanish)
        if not vanish:
            assert code in (1007, 1008, 1009)
            assert reason
            assert len(reason.encode()) <= 123

    play()
    assert rig.answers()
    assert rig.settled()


def test_nothing_is_kept(rig: Rig) -> None:
    """Hundreds of sessions of every kind, and the memory is where it was after the first ones."""
    frames: list[Frame] = [
        as_frame({"setup": {"model": "gemini-3.8-live"}}, binary=False),
        *[as_frame({"realtimeInput": {"text": text}}, binary=True) for text in ("hi", "tool", "x" * 5_000)],
        *[as_frame({"realtimeInput": {"audio": {"data": SOUND}}}, binary=False)] * 10,
    ]

    def sessions(count: int) -> int:
        for number in range(count):
            rig.play(frames[: number % len(frames) + 1], vanish=number % 5 == 0)
        assert rig.settled()
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        base = sessions(40)
        grown = sessions(160) - base
    finally:
        tracemalloc.stop()
    # A session that is kept holds tens of kilobytes.
    assert grown < 160 * 2_000
