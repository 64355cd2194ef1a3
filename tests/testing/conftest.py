"""Conversations with the servers that the fixtures start."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from antiphon.providers.live import LiveConnection, open_session
from antiphon.testing import RunningServer
from antiphon.wire.gemini import client

SETUP = client.Setup(
    model="models/gemini-3.8-live",
    input_audio_transcription=client.AudioTranscriptionConfig(),
    output_audio_transcription=client.AudioTranscriptionConfig(),
)


class Visitor:
    """A session, as one who uses it sees it."""

    def __init__(self, session: LiveConnection) -> None:
        self.session = session

    async def ask(self, text: str) -> str:
        """Type a text; what the model says to it."""
        await self.session.send(client.RealtimeInput(text=text))
        return await self.listen()

    async def speak(self, chunks: list[bytes]) -> None:
        """Let the server hear 16 kHz sound, as fast as it takes it."""
        for chunk in chunks:
            audio = client.Blob(data=chunk, mime_type="audio/pcm;rate=16000")
            await self.session.send(client.RealtimeInput(audio=audio))

    async def listen(self) -> str:
        """What the model says until its turn is complete."""
        said = ""
        async for message in self.session.messages():
            content = message.server_content
            if content is not None and content.output_transcription is not None:
                said += content.output_transcription.text
            if content is not None and content.turn_complete:
                break
        return said


Visit = Callable[..., AbstractAsyncContextManager[Visitor]]


@pytest.fixture
def visit() -> Visit:
    """Opens a session with a server."""

    @asynccontextmanager
    async def visit(server: RunningServer, key: str = "") -> AsyncIterator[Visitor]:
        async with open_session(server.url, SETUP, key) as session:
            yield Visitor(session)

    return visit
