"""A hosted model without the model: each piece of sound is answered at once with a piece of speech of the same length.

``python -m bench.relay_upstream`` serves on a free port, says which, and ends with its standard input. It speaks what
the client speaks: the Gemini Live API, with a turn that ends and is billed every :data:`TURN` pieces; or OpenAI
Realtime, for relays that know nothing else.
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pybase64
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

from antiphon.wire.gemini.encode import encode_audio
from bench.child import run_in

TURN = 250
"""Pieces in a turn: five seconds."""

SPEECH = encode_audio(bytes(960))
"""20 ms of speech, as the hosted service writes it."""

_OVER = json.dumps(
    {
        "serverContent": {"generationComplete": True, "turnComplete": True},
        "usageMetadata": {
            "promptTokenCount": 125,
            "responseTokenCount": 125,
            "totalTokenCount": 250,
            "promptTokensDetails": [{"modality": "AUDIO", "tokenCount": 125}],
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 125}],
        },
    }
).encode()
_DELTA = json.dumps(
    {
        "type": "response.output_audio.delta",
        "event_id": "event_1",
        "response_id": "resp_1",
        "item_id": "item_1",
        "output_index": 0,
        "content_index": 0,
        "delta": pybase64.b64encode(bytes(960)).decode(),
    }
).encode()
_SESSION = {"type": "realtime", "model": "gpt-realtime", "output_modalities": ["audio"], "id": "sess_1"}


class _Upstream(WSListener):
    """One session."""

    def __init__(self, *, speaks_openai: bool) -> None:
        self._speaks_openai = speaks_openai
        self._speech = _DELTA if speaks_openai else SPEECH
        self._pieces = 0

    def on_ws_connected(self, transport: WSTransport) -> None:
        """OpenAI speaks first."""
        if self._speaks_openai:
            transport.send(WSMsgType.TEXT, _session("session.created"))

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """A message of the client."""
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        elif frame.msg_type in (WSMsgType.TEXT, WSMsgType.BINARY):
            message = frame.get_payload_as_bytes()
            if b'"realtime' in message[:12] or b'"input_audio_buffer.append"' in message[:200]:
                self._answer(transport)
            elif b'"setup"' in message[:12]:
                transport.send(WSMsgType.BINARY, b'{"setupComplete":{}}')
            elif b'"session.update"' in message:
                transport.send(WSMsgType.TEXT, _session("session.updated"))

    def _answer(self, transport: WSTransport) -> None:
        transport.send(WSMsgType.TEXT if self._speaks_openai else WSMsgType.BINARY, self._speech)
        self._pieces += 1
        if self._pieces % TURN == 0 and not self._speaks_openai:
            transport.send(WSMsgType.BINARY, _OVER)


def _session(kind: str) -> bytes:
    return json.dumps({"type": kind, "event_id": "event_0", "session": _SESSION}).encode()


def _listener(request: WSUpgradeRequest) -> _Upstream:
    return _Upstream(speaks_openai=b"realtime" in request.path.lower())


@asynccontextmanager
async def upstream(core: int | None = None) -> AsyncIterator[str]:
    """The base URL of an upstream in a process of its own, pinned to a core if one is named."""
    command = [sys.executable, "-m", "bench.relay_upstream", *(() if core is None else ("--core", str(core)))]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, cwd=Path(__file__).parent.parent)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.stdin.close()
        await process.wait()


async def _serve() -> None:
    server = await ws_create_server(_listener, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--core", type=int)
    options = parser.parse_args()
    if options.core is not None and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {options.core})
    run_in("uvloop", _serve())


if __name__ == "__main__":
    main()
