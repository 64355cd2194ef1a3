"""``antiphon talk``: one conversation from a terminal, by microphone, by file or by typing."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import certifi
import msgspec
from msgspec import Struct
from rich.console import Console
from rich.markup import escape

from antiphon.audio.wav import WavError, read_wav, write_wav
from antiphon.cli.microphone import Microphone, Player
from antiphon.providers.live import LiveConnection, LiveError, open_session
from antiphon.wire.gemini import client
from antiphon.wire.gemini.server import ServerContent, ServerMessage

OUTPUT_RATE = 24_000
CHUNK_SECONDS = 0.02
SILENCE_AFTER_FILE = 2.0
PATIENCE = 10.0
"""Seconds after a file was spoken in which something must come back."""


class Wish(Struct, frozen=True):
    """What the user asked for."""

    url: str
    key: str
    model: str
    voice: str
    system: str
    texts: tuple[str, ...]
    wav: Path | None
    out: Path | None
    as_json: bool


class Exchange(Struct):
    """One turn: what was said and what came back. ``delay`` is seconds to the first sound or text."""

    heard: str = ""
    answer: str = ""
    delay: float | None = None
    interrupted: bool = False
    tool_calls: list[str] = []


async def talk(wish: Wish) -> None:
    """Hold the conversation.

    Raises:
        LiveError: the server cannot be reached or ended the session, or a file cannot be used.
    """
    if not wish.url.startswith(("http://", "https://")):
        raise LiveError(f"--url {wish.url}: give a base URL such as http://localhost:8080")
    tls = ssl.create_default_context(cafile=certifi.where()) if wish.url.startswith("https") else None
    if tls is not None:
        tls.load_default_certs()
    async with open_session(wish.url, _setup(wish), wish.key, tls) as session:
        conversation = Talk(session, wish)
        if wish.texts:
            await conversation.type(wish.texts)
        elif wish.wav is not None:
            await conversation.speak_file(wish.wav)
        else:
            await conversation.use_microphone()
        conversation.finish()


class Talk:
    """Sends what the user says and shows what comes back."""

    def __init__(self, session: LiveConnection, wish: Wish) -> None:
        self._session = session
        self._wish = wish
        self._console = Console(quiet=wish.as_json)
        self._answer = bytearray()
        self._exchange = Exchange()
        self._exchanges: list[Exchange] = []
        self._last_sound = 0.0
        self._player: Player | None = None

    async def type(self, texts: tuple[str, ...]) -> None:
        """Say each text and wait for its answer."""
        for text in texts:
            self._console.print(f"[bold]you[/]   {escape(text)}", highlight=False)
            self._exchange.heard = text
            self._last_sound = time.monotonic()
            await self._session.send(client.RealtimeInput(text=text))
            await self._until_turn_complete()

    async def speak_file(self, path: Path) -> None:
        """Say a WAV file at the pace of speech, then stay quiet until the answer is over."""
        try:
            sound = read_wav(path)
        except (OSError, WavError) as error:
            raise LiveError(f"{path}: {error}") from error
        speaking = asyncio.create_task(self._send_paced(sound.pcm, sound.rate))
        answering = asyncio.create_task(self._until_turn_complete())
        try:
            await asyncio.wait({speaking, answering}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({answering}, timeout=PATIENCE)
            if not answering.done() and self._exchange == Exchange():
                raise LiveError(f"{path}: no answer came; is there speech in it?")
            await answering
        finally:
            speaking.cancel()
            answering.cancel()
            await asyncio.gather(speaking, answering, return_exceptions=True)

    async def use_microphone(self) -> None:
        """Listen and play until the user presses Ctrl-C."""
        with Microphone() as microphone, Player() as self._player:
            self._console.print("Speak. Ctrl-C ends the conversation.", style="dim")
            sending = asyncio.create_task(self._send_microphone(microphone))
            try:
                async for message in self._session.messages():
                    self._show(message)
            except asyncio.CancelledError:
                pass
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    def finish(self) -> None:
        """Write what was asked for at the end."""
        if self._wish.out is not None:
            write_wav(self._wish.out, bytes(self._answer), OUTPUT_RATE)
            self._console.print(f"answer written to {escape(str(self._wish.out))}", style="dim", highlight=False)
        if self._wish.as_json:
            print(msgspec.json.encode({"turns": self._exchanges}).decode())

    async def _send_paced(self, pcm: bytes, rate: int) -> None:
        size = 2 * int(rate * CHUNK_SECONDS)
        speech_end = len(pcm)
        pcm += bytes(2 * int(rate * SILENCE_AFTER_FILE))
        began = time.monotonic()
        for number, start in enumerate(range(0, len(pcm), size), start=1):
            await asyncio.sleep(max(0.0, began + number * CHUNK_SECONDS - time.monotonic()))
            await self._send_audio(pcm[start : start + size], rate)
            if start < speech_end:
                self._last_sound = time.monotonic()
        await self._session.send(client.RealtimeInput(audio_stream_end=True))

    async def _send_microphone(self, microphone: Microphone) -> None:
        async for pcm in microphone.chunks():
            await self._send_audio(pcm, microphone.rate)

    async def _send_audio(self, pcm: bytes, rate: int) -> None:
        audio = client.Blob(data=pcm, mime_type=f"audio/pcm;rate={rate}")
        await self._session.send(client.RealtimeInput(audio=audio))

    async def _until_turn_complete(self) -> None:
        messages: AsyncIterator[ServerMessage] = self._session.messages()
        async for message in messages:
            self._show(message)
            if message.server_content is not None and message.server_content.turn_complete:
                return

    def _show(self, message: ServerMessage) -> None:
        if message.server_content is not None:
            self._show_content(message.server_content)
        if message.tool_call is not None:
            names = [call.name for call in message.tool_call.function_calls]
            self._exchange.tool_calls += names
            self._console.print(f"[magenta]call[/]  {escape(', '.join(names))}", highlight=False)

    def _show_content(self, content: ServerContent) -> None:
        exchange = self._exchange
        if content.input_transcription is not None:
            exchange.heard += content.input_transcription.text
            self._console.print(f"[bold]you[/]   {escape(content.input_transcription.text)}", highlight=False)
        if content.model_turn is not None:
            self._take_answer(content.model_turn)
        if content.output_transcription is not None:
            exchange.answer += content.output_transcription.text
        if content.interrupted:
            exchange.interrupted = True
            if self._player is not None:
                self._player.flush()
        if content.turn_complete:
            self._end_exchange()

    def _take_answer(self, turn: client.Content) -> None:
        if self._exchange.delay is None:
            self._exchange.delay = time.monotonic() - self._last_sound if self._last_sound else None
        for part in turn.parts:
            self._exchange.answer += part.text
            if part.inline_data is not None:
                self._answer += part.inline_data.data
                if self._player is not None:
                    self._player.play(part.inline_data.data)

    def _end_exchange(self) -> None:
        exchange, self._exchange = self._exchange, Exchange()
        self._exchanges.append(exchange)
        delay = f"  [dim]{exchange.delay * 1000:.0f} ms[/]" if exchange.delay is not None else ""
        mark = "  [yellow]interrupted[/]" if exchange.interrupted else ""
        self._console.print(f"[bold cyan]model[/] {escape(exchange.answer)}{delay}{mark}", highlight=False)


def _setup(wish: Wish) -> client.Setup:
    voice = client.VoiceConfig(prebuilt_voice_config=client.PrebuiltVoiceConfig(voice_name=wish.voice))
    instruction = client.Content(parts=[client.Part(text=wish.system)]) if wish.system else None
    return client.Setup(
        model=f"models/{wish.model}",
        generation_config=client.GenerationConfig(speech_config=client.SpeechConfig(voice_config=voice)),
        system_instruction=instruction,
        input_audio_transcription=client.AudioTranscriptionConfig(),
        output_audio_transcription=client.AudioTranscriptionConfig(),
    )
