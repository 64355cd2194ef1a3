"""What a frame of audio costs to read and to write, beside the standard library's ``json`` and ``base64``.

Both sides of a row run in turns in this process, and each row is the best of several rounds, so the ratio holds on
a busy machine where the microseconds do not.

    python bench/wire.py [--json] [--rounds N]
"""

import argparse
import base64
import json
import random
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

from antiphon.wire.gemini.client import Blob, Content, Part
from antiphon.wire.gemini.decode import decode_client
from antiphon.wire.gemini.encode import OUTPUT_MIME_TYPE, encode_audio, encode_server
from antiphon.wire.gemini.server import ServerContent, ServerMessage

INPUT_BYTES_PER_MS = 32
"""16,000 samples of two bytes a second."""
OUTPUT_BYTES_PER_MS = 48
"""24,000 samples of two bytes a second."""
CALLS = 500
"""Calls that are timed together."""


class Row(NamedTuple):
    """Microseconds a call, ours and the standard library's; ``ratio`` is how many times faster ours is."""

    name: str
    ours_us: float
    plain_us: float

    @property
    def ratio(self) -> float:
        return self.plain_us / self.ours_us


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def python_frame(pcm: bytes) -> str:
    data = base64.urlsafe_b64encode(pcm).decode()
    return json.dumps({"realtime_input": {"audio": {"data": data, "mime_type": "audio/pcm;rate=16000"}}})


def javascript_frame(pcm: bytes) -> str:
    data = base64.b64encode(pcm).decode()
    return json.dumps({"realtimeInput": {"audio": {"data": data, "mimeType": "audio/pcm;rate=16000"}}})


def legacy_frame(pcm: bytes) -> str:
    data = base64.b64encode(pcm).decode()
    return json.dumps({"realtimeInput": {"mediaChunks": [{"mimeType": "audio/pcm;rate=16000", "data": data}]}})


def plain_decode(frame: str) -> bytes:
    """The least that a server could do, knowing which client it has."""
    message = json.loads(frame)
    if "realtime_input" in message:
        return base64.urlsafe_b64decode(message["realtime_input"]["audio"]["data"])
    realtime_input = message["realtimeInput"]
    blob = realtime_input["audio"] if "audio" in realtime_input else realtime_input["mediaChunks"][0]
    return base64.b64decode(blob["data"])


def plain_encode(pcm: bytes) -> bytes:
    blob = {"data": base64.b64encode(pcm).decode(), "mimeType": OUTPUT_MIME_TYPE}
    return json.dumps({"serverContent": {"modelTurn": {"role": "model", "parts": [{"inlineData": blob}]}}}).encode()


def typed_encode(pcm: bytes) -> bytes:
    part = Part(inline_data=Blob(data=pcm, mime_type=OUTPUT_MIME_TYPE))
    return encode_server(ServerMessage(server_content=ServerContent(model_turn=Content(role="model", parts=[part]))))


def timed(call: Callable[[Any], object], argument: object) -> float:
    """Microseconds a call."""
    start = perf_counter()
    for _ in range(CALLS):
        call(argument)
    return (perf_counter() - start) / CALLS * 1e6


def compare(
    name: str, ours: Callable[[Any], object], plain: Callable[[Any], object], argument: object, rounds: int
) -> Row:
    pairs = [(timed(ours, argument), timed(plain, argument)) for _ in range(rounds)]
    return Row(name, min(ours_us for ours_us, _ in pairs), min(plain_us for _, plain_us in pairs))


def measure(rounds: int) -> list[Row]:
    rows = []
    for ms in (20, 100):
        pcm = noise(ms * INPUT_BYTES_PER_MS)
        for client, frame in (
            ("URL-safe, snake_case", python_frame(pcm)),
            ("standard, camelCase", javascript_frame(pcm)),
            ("legacy mediaChunks", legacy_frame(pcm)),
        ):
            rows.append(compare(f"decode {ms} ms, {client}", decode_client, plain_decode, frame, rounds))
    pcm = noise(200 * OUTPUT_BYTES_PER_MS)
    rows.append(compare("encode 200 ms", encode_audio, plain_encode, pcm, rounds))
    rows.append(compare("encode 200 ms, through a message", typed_encode, plain_encode, pcm, rounds))
    return rows


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Time the reading and writing of audio frames.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of which the best counts")
    options = parser.parse_args(arguments)
    rows = measure(options.rounds)
    if options.json:
        print(json.dumps({row.name: row._asdict() | {"ratio": row.ratio} for row in rows}, indent=1))
        return 0
    print(f"{'':36}{'us':>8}{'plain us':>10}{'ratio':>7}")
    for row in rows:
        print(f"{row.name:36}{row.ours_us:8.2f}{row.plain_us:10.2f}{row.ratio:7.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
