"""A server dies without warning in the middle of an answer, and an unmodified client goes on with its successor."""

import signal
import ssl
from pathlib import Path
from typing import Any

import pytest
from google import genai
from tests.conftest import ServerProcess

MODEL = "gemini-3.8-live"
CONFIG: dict[str, Any] = {"response_modalities": ["AUDIO"], "output_audio_transcription": {}}


def connect(server: ServerProcess, handle: str | None) -> Any:
    """A session, as google-genai opens it."""
    context = ssl.create_default_context(cafile=server.environment["SSL_CERT_FILE"])
    options = {"base_url": server.tls_url, "async_client_args": {"ssl": context}}
    client = genai.Client(api_key="local", http_options=options)
    return client.aio.live.connect(model=MODEL, config={**CONFIG, "session_resumption": {"handle": handle}})


async def ask(session: Any, text: str) -> str:
    """What is said to ``text``."""
    await session.send_realtime_input(text=text)
    contents = [message.server_content async for message in session.receive() if message.server_content]
    return "".join(content.output_transcription.text or "" for content in contents if content.output_transcription)


async def next_handle(session: Any) -> str:
    """The next handle that the session can be resumed with; nothing but handles is on its way."""
    async for message in session.receive():
        update = message.session_resumption_update
        if update and update.resumable:
            return str(update.new_handle)
    raise AssertionError("the session ended without a handle")


async def kill(server: ServerProcess, session: Any) -> None:
    """End the server when its answer has begun, and go on listening."""
    async for _ in session.receive():
        server.stop(signal.SIGKILL)


@pytest.mark.slow
async def test_a_session_survives_the_death_of_its_server(tmp_path: Path) -> None:
    first = ServerProcess(tmp_path, "--no-self-check", "--recognisers", "1")
    async with connect(first, None) as session:
        await next_handle(session)
        assert "Alice" in await ask(session, "My name is Alice.")
        handle = await next_handle(session)
        await session.send_realtime_input(text="Count to fifty.")
        with pytest.raises(genai.errors.APIError):
            await kill(first, session)
    second = ServerProcess(tmp_path, "--no-self-check", "--recognisers", "1")
    try:
        async with connect(second, handle) as session:
            await next_handle(session)
            assert await ask(session, "What is my name?") == "Your name is Alice."
    finally:
        assert second.stop() == 0
