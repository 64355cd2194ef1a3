"""What a client gets from a full-duplex model, over a real socket."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pybase64
import websockets

from antiphon.engines.native.config import MoshiConfig
from antiphon.engines.native.moshi.engine import MoshiEngine
from antiphon.engines.native.moshi.frames import FRAME_SECONDS
from antiphon.server.config import Config
from antiphon.server.running import Server

PATH = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
SETUP = {
    "model": "models/gemini-3.1-flash-live-preview",
    "generationConfig": {"responseModalities": ["AUDIO"]},
    "outputAudioTranscription": {},
}


async def answer(socket: Any) -> tuple[str, float]:
    """The words and the seconds of the next answer."""
    words, seconds = "", 0.0
    async with asyncio.timeout(15):
        while True:
            content = json.loads(await socket.recv()).get("serverContent", {})
            words += content.get("outputTranscription", {}).get("text", "")
            for part in content.get("modelTurn", {}).get("parts", []):
                seconds += len(pybase64.b64decode(part["inlineData"]["data"])) / 48_000
            if content.get("turnComplete"):
                return words, seconds


async def test_two_turns_with_content_that_it_cannot_read_between_them(echo: Any, tone: Any, tmp_path: Path) -> None:
    config = MoshiConfig("echo", slots=2, silence=2 * FRAME_SECONDS)
    server = Server(
        Config(port=0, tls_port=None, data_dir=tmp_path, watermark=False), MoshiEngine(config, load=lambda _: echo)
    )
    await server.start()
    sound = pybase64.b64encode(tone(0) * 3).decode()
    async with websockets.connect(f"ws://127.0.0.1:{server.port}{PATH}") as socket:
        await socket.send(json.dumps({"setup": SETUP}))
        assert "setupComplete" in json.loads(await socket.recv())
        for _ in range(2):
            audio = {"mimeType": "audio/pcm;rate=24000", "data": sound}
            await socket.send(json.dumps({"realtimeInput": {"audio": audio}}))
            await socket.send(json.dumps({"realtimeInput": {"audioStreamEnd": True}}))
            words, seconds = await answer(socket)
            assert words.split() == ["row0"] * 3
            # Three frames of sound, two of silence that end it, and at most one before the onset.
            assert 0.4 <= round(seconds, 2) <= 0.48
            turn = {"role": "user", "parts": [{"text": "hello"}]}
            await socket.send(json.dumps({"clientContent": {"turns": [turn], "turnComplete": True}}))
    await server.stop()
