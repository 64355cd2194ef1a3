"""Calls over the public door: one that goes on while a test looks, and calls that happened."""

import base64
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect

from antiphon.testing import SPOKEN
from antiphon.testing.server import RunningServer

PATH = "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"
MODEL = "models/gemini-3.8-live"
TEXT = {"responseModalities": ["TEXT"]}
"""The ``generationConfig`` of answers in text, which no voice has to speak."""


@contextmanager
def call(server: RunningServer, key: str = "", **setup: Any) -> Iterator[tuple[ClientConnection, str]]:
    """A call that goes on as long as the context does: its socket, and the id of its session."""
    headers = {"x-goog-api-key": key} if key else {}
    with connect(websocket(server, PATH), additional_headers=headers, proxy=None) as socket:
        socket.send(json.dumps({"setup": {"model": MODEL, **setup}}))
        yield socket, str(json.loads(socket.recv(20))["setupComplete"]["sessionId"])


def websocket(server: RunningServer, path: str) -> str:
    """The address of a door."""
    return server.url.replace("http", "ws", 1) + path


def say(socket: ClientConnection, text: str) -> None:
    """Type something, and wait for the end of the answer."""
    socket.send(json.dumps({"realtimeInput": {"text": text}}))
    wait_for_turn(socket)


def wait_for_turn(socket: ClientConnection) -> None:
    """Wait for the end of an answer."""
    while "turnComplete" not in json.loads(socket.recv(20)).get("serverContent", {}):
        pass


def typed_call(server: RunningServer, texts: Sequence[str], *, key: str = "", **setup: Any) -> str:
    """A call in which ``texts`` were typed and answered; the id of its session."""
    with call(server, key, **setup) as (socket, session):
        for text in texts:
            say(socket, text)
    _wait_for_end(server)
    return session


def spoken_call(server: RunningServer, names: Sequence[str], *, key: str = "", **setup: Any) -> str:
    """A call in which spoken sentences were answered, faster than they are spoken; the id of its session."""
    asked = {"inputAudioTranscription": {}, "outputAudioTranscription": {}, **setup}
    with call(server, key, **asked) as (socket, session):
        for name in names:
            for chunk in SPOKEN[name].chunks(0.1, silence_after=1.5):
                socket.send(_sound(chunk))
            wait_for_turn(socket)
    _wait_for_end(server)
    return session


def _sound(pcm: bytes) -> str:
    data = base64.b64encode(pcm).decode()
    return json.dumps({"realtimeInput": {"audio": {"data": data, "mimeType": "audio/pcm;rate=16000"}}})


def _wait_for_end(server: RunningServer) -> None:
    """Records are written when a call has ended on the server's side."""
    until = time.monotonic() + 10
    while server.sessions and time.monotonic() < until:
        time.sleep(0.02)
    assert not server.sessions, "the call did not end"
