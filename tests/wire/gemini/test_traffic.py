"""Recorded sessions of unmodified clients: every frame is understood, and ours are written alike."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.wire.gemini.client import MEMBERS, ClientContent, RealtimeInput, Setup, ToolResponse
from antiphon.wire.gemini.decode import decode_client, decode_server
from antiphon.wire.gemini.encode import encode_client, encode_server

RECORDINGS = sorted((Path(__file__).parents[2] / "fixtures" / "traffic").glob("*.json"))
SHORTENED = re.compile(r"^([A-Za-z0-9+/_-]+)…<(\d+) chars>$")


def restored(value: Any) -> Any:
    """``value`` with its shortened base64 at full length again: the head, over and over."""
    if isinstance(value, dict):
        return {key: restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [restored(item) for item in value]
    if isinstance(value, str) and (match := SHORTENED.match(value)):
        head, length = match[1], int(match[2])
        return (head * (length // len(head) + 1))[:length]
    return value


def frames(recording: Path, sender: str) -> Iterator[Any]:
    for session in json.loads(recording.read_text("utf-8")):
        for frame in session["frames"]:
            if frame["dir"] == sender and frame["frame"] != "close":
                yield restored(frame["json"])


def media(value: Any) -> Iterator[str]:
    """Every base64 text in ``value``."""
    if isinstance(value, dict):
        yield from (item for key, item in value.items() if key == "data")
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for item in items:
        yield from media(item)


def test_there_are_recordings_of_both_sdks() -> None:
    assert {recording.name.split("-")[2] for recording in RECORDINGS} == {"py", "js"}


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_client_frames_decode(recording: Path, binary: bool) -> None:
    seen = set()
    for value in frames(recording, "client"):
        text = json.dumps(value, ensure_ascii=False)
        message, ignored = decode_client(text.encode() if binary else text)
        assert ignored == ()
        assert decode_client(encode_client(message)) == (message, ())
        seen.add(type(message))
    assert {Setup, RealtimeInput} <= seen <= set(MEMBERS.values())


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_client_media_keeps_its_length(recording: Path) -> None:
    for value in frames(recording, "client"):
        message, _ = decode_client(json.dumps(value))
        if isinstance(message, RealtimeInput):
            blobs = [blob for blob in (message.audio, message.video, *message.media_chunks) if blob]
            assert [len(text.rstrip("=")) * 3 // 4 for text in media(value)] == [len(blob.data) for blob in blobs]


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_server_frames_decode_and_encode_to_the_same(recording: Path) -> None:
    recorded = list(frames(recording, "server"))
    assert recorded[0] == {"setupComplete": {}}
    for value in recorded:
        message, ignored = decode_server(json.dumps(value, indent=2).encode() + b"\n")
        assert ignored == ()
        assert json.loads(encode_server(message)) == value


@pytest.mark.parametrize("name", ["google-genai-py-3.4.0", "google-genai-js-3.1.0-node"])
def test_the_sdks_say_the_same(name: str) -> None:
    recording = next(path for path in RECORDINGS if path.stem == name)
    messages = [decode_client(json.dumps(value))[0] for value in frames(recording, "client")]
    setup = messages[0]
    assert isinstance(setup, Setup)
    assert setup.generation_config is not None
    speech = setup.generation_config.speech_config
    assert speech is not None
    assert speech.voice_config is not None
    assert speech.voice_config.prebuilt_voice_config is not None
    assert speech.voice_config.prebuilt_voice_config.voice_name == "Puck"
    assert setup.context_window_compression is not None
    assert setup.context_window_compression.sliding_window is not None
    assert {type(message) for message in messages} == {Setup, ClientContent, RealtimeInput, ToolResponse}
    images = [message.video for message in messages if isinstance(message, RealtimeInput) and message.video]
    assert [image.data for image in images] == [b"\xff\xd8\xff\xd9"]
