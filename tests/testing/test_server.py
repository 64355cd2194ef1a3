import asyncio
import ssl
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from antiphon.audio.watermark import detect
from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.brain import ScriptError
from antiphon.providers.live import LiveConnection, LiveError, open_session
from antiphon.server.config import ConfigError
from antiphon.testing import SPOKEN, RunningServer, Servers
from antiphon.wire.gemini import client, hosted

Start = Callable[..., RunningServer]


@pytest.fixture
def start(antiphon_servers: Servers) -> Any:
    """Starts servers that end with the test."""
    started: list[RunningServer] = []

    def start(*arguments: Any, **settings: Any) -> RunningServer:
        started.append(antiphon_servers.start(*arguments, **settings))
        return started[-1]

    yield start
    for running in started:
        antiphon_servers.stop(running)


SCRIPT = "rules:\n  - when: hello\n    say: {}\notherwise: {{say: 'I only know one word.'}}\n"


async def test_a_script_may_be_text_or_a_file(start: Start, visit: Any, tmp_path: Path) -> None:
    file = tmp_path / "answers.yaml"
    file.write_text(SCRIPT.format("From a file."))
    servers = [start(SCRIPT.format("From text."), pace_turns=False), start(file, pace_turns=False)]
    answers = []
    for server in servers:
        async with visit(server) as visitor:
            answers.append(await visitor.ask("Hello!"))
    assert answers == ["From text.", "From a file."]


def test_a_script_error_names_its_line(start: Start) -> None:
    with pytest.raises(ScriptError, match=r"line 3.*sing"):
        start("rules:\n  - when: hello\n    sing: la\n")


def test_a_wrong_setting_is_named(start: Start) -> None:
    with pytest.raises(ConfigError, match="max_session"):
        start(max_session=1)
    with pytest.raises(ConfigError, match="idle_timeout"):
        start(session={"idle_timeout": "soon"})


async def test_a_folder_may_be_searched(start: Start, visit: Any, tmp_path: Path) -> None:
    (tmp_path / "rules.md").write_text("The pool opens at 8.")
    with pytest.raises(EngineUnavailable, match="none"):
        start(search={"folder": str(tmp_path / "none")})
    server = start(search={"folder": str(tmp_path)}, pace_turns=False)
    async with visit(server) as visitor:
        assert (await visitor.ask("When does the pool open?")).startswith("I heard"), "it did not ask for googleSearch"
    async with open_session(server.url, SEARCHING) as session:
        await session.send(client.RealtimeInput(text="When does the pool open?"))
        found = [message async for message in _until_turn_complete(session)]
    (grounding,) = filter(None, (content.grounding_metadata for content in found))
    assert grounding.web_search_queries == ["When does the pool open"]
    assert [chunk.web.uri for chunk in grounding.grounding_chunks] == ["document:///rules.md"]
    (support,) = grounding.grounding_supports
    said = "".join(content.output_transcription.text for content in found if content.output_transcription)
    assert said == "According to Rules: The pool opens at 8."
    assert said[support.segment.start_index : support.segment.end_index] == "The pool opens at 8."


SEARCHING = client.Setup(
    model="models/gemini-3.8-live",
    output_audio_transcription=client.AudioTranscriptionConfig(),
    tools=[client.Tool(google_search=hosted.GoogleSearch())],
)


async def _until_turn_complete(session: LiveConnection) -> AsyncIterator[Any]:
    """The server's contents until the turn is complete."""
    async for message in session.messages():
        if message.server_content is not None:
            yield message.server_content
            if message.server_content.turn_complete:
                break


async def test_several_servers_answer_side_by_side(start: Start, visit: Any) -> None:
    one, other = (start(SCRIPT.format(name), pace_turns=False) for name in ("One.", "Other."))
    assert one.url != other.url
    async with visit(one) as here, visit(other) as there:
        assert await asyncio.gather(here.ask("hello"), there.ask("hello")) == ["One.", "Other."]
        assert (one.sessions, other.sessions) == (1, 1)


async def test_settings_are_those_of_a_configuration(start: Start, visit: Any) -> None:
    server = start(keys=["secret"], max_sessions=1, pace_turns=False)
    with pytest.raises(LiveError, match="no API key"):
        async with visit(server):
            pass
    async with visit(server, "secret") as visitor:
        assert await visitor.ask("What is two plus three?") == "2 plus 3 is 5."
        with pytest.raises(LiveError, match="all 1 sessions"):
            async with visit(server, "secret"):
                pass


async def test_stopping_closes_the_sessions_and_the_ports(antiphon_servers: Servers, visit: Any) -> None:
    server = antiphon_servers.start()
    async with visit(server) as visitor:
        await asyncio.to_thread(antiphon_servers.stop, server)
        with pytest.raises(LiveError, match="closed 1001"):
            await visitor.listen()
    with pytest.raises(LiveError, match="does not answer"):
        async with visit(server):
            pass
    assert server.sessions == 0


async def test_speech_is_heard_as_fast_as_it_is_sent(start: Start, visit: Any) -> None:
    spoken = SPOKEN["turn_on_the_kitchen_lights"]
    server = start("rules:\n  - when: '* lights *'\n    say: Heard.\n", pace_turns=False)
    async with visit(server) as visitor:
        await visitor.speak(spoken.chunks(0.1, silence_after=1.0))
        assert await visitor.listen() == "Heard."


class TestVirtualTime:
    async def test_an_idle_session_is_closed_when_the_test_says_so(self, start: Start, visit: Any) -> None:
        server = start(virtual_time=True, pace_turns=False)
        async with visit(server) as visitor:
            await visitor.ask("My name is Alice.")
            server.clock.advance(1799)
            assert "Alice" in await visitor.ask("What is my name?")
            server.clock.advance(1801)
            with pytest.raises(LiveError, match=r"closed 1008: idle: nothing was received for 1800 s"):
                await visitor.listen()

    async def test_a_paced_turn_ends_when_its_sound_has_been_played(self, start: Start, visit: Any) -> None:
        server = start(virtual_time=True)
        async with visit(server) as visitor:
            await visitor.session.send(client.RealtimeInput(text="What is two plus three?"))
            said = (await visitor.session.receive()).server_content
            while said.output_transcription is None or not said.output_transcription.finished:
                assert not said.turn_complete
                said = (await visitor.session.receive()).server_content
            server.clock.advance(10)
            assert (await visitor.session.receive()).server_content.generation_complete
            assert (await visitor.session.receive()).server_content.turn_complete

    def test_a_server_with_real_time_has_no_clock_to_move(self, start: Start) -> None:
        with pytest.raises(AssertionError, match="virtual_time=True"):
            _ = start().clock


class TestEnvironment:
    def test_it_points_clients_of_both_languages_at_the_server(self, start: Start) -> None:
        server = start()
        environment = server.environment
        assert environment["GOOGLE_GEMINI_BASE_URL"] == server.tls_url
        assert environment["SSL_CERT_FILE"] == str(server.ca_bundle)
        assert environment["NODE_EXTRA_CA_CERTS"] == str(server.ca)

    def test_the_key_is_one_that_the_server_takes(self, start: Start) -> None:
        assert start(keys=["secret"]).environment["GOOGLE_API_KEY"] == "secret"
        assert start().environment["GOOGLE_API_KEY"]

    def test_no_proxy_is_asked_for_the_server(self, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("NO_PROXY", "intranet")
        environment = start().environment
        assert environment["NO_PROXY"] == environment["no_proxy"] == "localhost,intranet"

    async def test_its_certificate_is_trusted(self, start: Start) -> None:
        server = start()
        context = ssl.create_default_context(cafile=server.environment["SSL_CERT_FILE"])
        port = int(server.tls_url.rpartition(":")[2])
        _, writer = await asyncio.open_connection("localhost", port, ssl=context)
        writer.close()
        await writer.wait_closed()


def test_nothing_is_left_behind() -> None:
    before = _children()
    with Servers() as servers:
        folder = servers.start().ca.parent
        assert folder.exists()
        assert _children() > before
    assert not folder.exists()
    assert _children() <= before
    assert not [thread for thread in threading.enumerate() if thread is servers._thread]


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True)}


def test_servers_that_are_never_used_load_nothing() -> None:
    with Servers() as servers:
        assert not servers._warm


class TestWatermark:
    LONG = "The quick brown fox jumps over the lazy dog, and the old grey goose flies over the river. " * 3

    async def answer(self, running: RunningServer) -> Any:
        """The sound of a long answer."""
        setup = client.Setup(model="gemini-3.8-live")
        async with open_session(running.url, setup) as session:
            await session.send(client.RealtimeInput(text="hello"))
            sound = b""
            async for message in session.messages():
                content = message.server_content
                if content and content.turn_complete:
                    return np.frombuffer(sound, "<i2")
                for part in content.model_turn.parts if content and content.model_turn else ():
                    sound += part.inline_data.data if part.inline_data else b""
        raise AssertionError("messages end with an error")

    async def test_all_speech_is_marked_with_the_key_of_the_server(self, start: Start) -> None:
        running = start(SCRIPT.format(f'"{self.LONG}"'), pace_turns=False, watermark_key="ours")
        sound = await self.answer(running)
        assert detect(sound, 24_000, "ours").verdict == "marked"
        assert detect(sound, 24_000, "theirs").verdict == "unmarked"

    async def test_unless_the_owner_does_not_want_it(self, start: Start) -> None:
        running = start(SCRIPT.format(f'"{self.LONG}"'), pace_turns=False, watermark=False)
        assert detect(await self.answer(running), 24_000).verdict == "unmarked"
