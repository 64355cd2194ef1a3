"""The upstream of a relay dies without warning in the middle of an answer, and an unmodified client goes on."""

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import wave
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from google import genai
from tests.conftest import ServerProcess

MODEL = "gemini-3.8-live"
CONFIG: dict[str, Any] = {
    "response_modalities": ["AUDIO"],
    "input_audio_transcription": {},
    "output_audio_transcription": {},
}
RELAY = """
[engines.upstream]
kind = "gemini-live"
model = "gemini-3.8-live"
url = "{url}"
key = "local"
resume_seconds = 1.0

[routes."*"]
targets = [{{ engine = "upstream" }}, {{ engine = "embedded", priority = 1 }}]
"""


@pytest.fixture
def upstream(tmp_path: Path) -> Any:
    folder = tmp_path / "upstream"
    folder.mkdir()
    server = ServerProcess(folder, "--no-self-check", "--recognisers", "1")
    yield server
    server.stop()


@pytest.fixture
async def session(tmp_path: Path, upstream: ServerProcess) -> AsyncIterator[Any]:
    """A session with a server whose upstream is another one."""
    folder = tmp_path / "relay"
    folder.mkdir()
    config = folder / "antiphon.toml"
    config.write_text(RELAY.format(url=upstream.url))
    server = ServerProcess(folder, "--no-self-check", "--recognisers", "1", "--config", str(config))
    try:
        context = ssl.create_default_context(cafile=server.environment["SSL_CERT_FILE"])
        options: Any = {"base_url": server.tls_url, "async_client_args": {"ssl": context}}
        client = genai.Client(api_key="local", http_options=options)
        async with client.aio.live.connect(model=MODEL, config=CONFIG) as session:  # type: ignore[arg-type]
            session.server = server  # type: ignore[attr-defined]
            yield session
        assert server.stop() == 0
    finally:
        server.stop()


class Heard:
    """What the client was told of one turn, and of those that came of it."""

    def __init__(self) -> None:
        self.text = self.asked = ""
        self.interrupted = 0
        self.sound = 0


async def listen(session: Any, *, until_whole: bool = True) -> Heard:
    """Everything up to the end of a turn that was not interrupted."""
    heard = Heard()
    async with asyncio.timeout(60):
        while True:
            cut = False
            async for message in session.receive():
                heard.sound += len(message.data or b"")
                content = message.server_content
                if content is None:
                    continue
                cut |= bool(content.interrupted)
                if content.input_transcription:
                    heard.asked += content.input_transcription.text or ""
                if content.output_transcription:
                    heard.text += content.output_transcription.text or ""
            heard.interrupted += cut
            if not cut or not until_whole:
                return heard


async def ask(session: Any, text: str) -> Heard:
    await session.send_realtime_input(text=text)
    return await listen(session)


async def speak(session: Any, path: Path) -> None:
    with wave.open(str(path)) as sound:
        pcm = sound.readframes(sound.getnframes()) + bytes(32_000)
    for start in range(0, len(pcm), 1280):
        await session.send_realtime_input(
            audio={"data": pcm[start : start + 1280], "mime_type": "audio/pcm;rate=16000"}
        )
        await asyncio.sleep(0.04)


def usage_of(server: ServerProcess) -> Any:
    command = [sys.executable, "-m", "antiphon", "usage", "--by", "engine", "--json"]
    environment = {**os.environ, **server.environment}
    return json.loads(subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout)


@pytest.mark.slow
async def test_a_call_goes_on_when_its_upstream_dies(session: Any, upstream: ServerProcess, speech: Path) -> None:
    assert "Alice" in (await ask(session, "My name is Alice.")).text
    await speak(session, speech / "what_is_two_plus_three.wav")
    spoken = await listen(session)
    assert "5" in spoken.text
    assert spoken.asked.strip().lower().rstrip("?.") == "what is two plus three"

    # In the middle of an answer: it is cut once, and the engine on board gives it anew.
    await session.send_realtime_input(text="Count to thirty.")
    async for message in session.receive():
        if message.data:
            upstream.stop(signal.SIGKILL)
            break
    heard = await listen(session)
    assert heard.interrupted <= 1
    assert heard.text.rstrip(" .").endswith(("30", "thirty"))

    # What was said to the upstream is known to the engine that took over, and it hears.
    assert (await ask(session, "What is my name?")).text == "Your name is Alice."
    await speak(session, speech / "what_is_two_plus_three.wav")
    assert "5" in (await listen(session)).text

    await asyncio.sleep(1)
    engines = {row["engine"] for row in usage_of(session.server)["rows"]}
    assert len(engines) == 2, engines
