"""Calls that happened, so that pages have something to show."""

import base64
import json
import time
from collections.abc import Sequence
from typing import Any

from websockets.sync.client import connect

from antiphon.testing import SPOKEN
from antiphon.testing.server import RunningServer

PATH = "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"
MODEL = "models/gemini-3.8-live"


def typed_call(server: RunningServer, texts: Sequence[str], *, key: str = "", **setup: Any) -> str:
    """A call in which ``texts`` were typed and answered; the id of its session."""
    with connect(server.url.replace("http", "ws", 1) + PATH, additional_headers=_headers(key)) as socket:
        session = _begin(socket, setup)
        for text in texts:
            socket.send(json.dumps({"realtimeInput": {"text": text}}))
            _turn(socket)
    _wait_for_end(server)
    return session


def spoken_call(server: RunningServer, names: Sequence[str], *, key: str = "", **setup: Any) -> str:
    """A call in which spoken sentences were answered, faster than they are spoken; the id of its session."""
    asked = {"inputAudioTranscription": {}, "outputAudioTranscription": {}, **setup}
    with connect(server.url.replace("http", "ws", 1) + PATH, additional_headers=_headers(key)) as socket:
        session = _begin(socket, asked)
        for name in names:
            for chunk in SPOKEN[name].chunks(0.1, silence_after=1.5):
                socket.send(_sound(chunk))
            _turn(socket)
    _wait_for_end(server)
    return session


def _begin(socket: Any, setup: dict[str, Any]) -> str:
    socket.send(json.dumps({"setup": {"model": MODEL, **setup}}))
    return str(json.loads(socket.recv(20))["setupComplete"]["sessionId"])


def _turn(socket: Any) -> None:
    while not json.loads(socket.recv(20)).get("serverContent", {}).get("turnComplete"):
        pass


def _sound(pcm: bytes) -> str:
    data = base64.b64encode(pcm).decode()
    return json.dumps({"realtimeInput": {"audio": {"data": data, "mimeType": "audio/pcm;rate=16000"}}})


def _headers(key: str) -> dict[str, str]:
    return {"x-goog-api-key": key} if key else {}


def _wait_for_end(server: RunningServer) -> None:
    """Records are written when a call has ended on the server's side."""
    until = time.monotonic() + 10
    while server.sessions and time.monotonic() < until:
        time.sleep(0.02)
