"""What a session tells an engine, as messages of a client of the Gemini Live API."""

import json
from collections.abc import Iterable, Iterator

from antiphon.live.events import (
    ActivityEnd,
    ActivityStart,
    Content,
    Image,
    StreamEnd,
    ToolResults,
)
from antiphon.live.history import FunctionCall, FunctionResult, History, Part, Picture, Turn, Words
from antiphon.wire.gemini import client
from antiphon.wire.gemini.encode import encode_client

MAX_PICTURE_BYTES = 256 << 10
"""Larger pictures of the history are told of, but not sent again."""

MAX_TOLD_CHARACTERS = 2_000
"""Of a function's arguments or result, told in words."""

ACTIVITY_START = encode_client(client.RealtimeInput(activity_start=client.Empty()))
ACTIVITY_END = encode_client(client.RealtimeInput(activity_end=client.Empty()))
STREAM_END = encode_client(client.RealtimeInput(audio_stream_end=True))


def written(event: Image | Content | ToolResults | ActivityStart | ActivityEnd | StreamEnd) -> bytes:
    """The frame of an event: the client's own where there is one."""
    match event:
        case ActivityStart():
            return ACTIVITY_START
        case ActivityEnd():
            return ACTIVITY_END
        case StreamEnd():
            return STREAM_END
        case Image(mime_type, data):
            return encode_client(client.RealtimeInput(video=client.Blob(data=data, mime_type=mime_type)))
        case Content():
            return event.frame or _content(event)
        case ToolResults(_, results, _, frame):
            return frame or encode_client(client.ToolResponse(function_responses=[_response(r) for r in results]))


def told(turns: History, *, complete: bool) -> bytes:
    """Turns of a conversation as content to be appended; ``complete`` asks for an answer."""
    return encode_client(client.ClientContent(turns=list(contents(turns)), turn_complete=complete))


def contents(turns: History) -> Iterator[client.Content]:
    """Turns as another engine's upstream can read them: functions it did not call itself are told in words."""
    for turn in turns:
        parts = [part for part in map(_part, turn.parts) if part is not None]
        if parts:
            yield client.Content(role=turn.role, parts=parts)


def results_told(calls: Iterable[FunctionCall], results: Iterable[FunctionResult]) -> tuple[Turn, Turn]:
    """Function calls and what they came to, as turns, for an upstream that forgot that it made them."""
    return Turn("model", tuple(calls)), Turn("user", tuple(results))


def _content(event: Content) -> bytes:
    if event.realtime:
        return encode_client(client.RealtimeInput(text="".join(turn.text for turn in event.turns)))
    return told(event.turns, complete=event.complete)


def _response(result: FunctionResult) -> client.FunctionResponse:
    return client.FunctionResponse(id=result.id, name=result.name, response=result.response)


def _part(part: Part) -> client.Part | None:
    match part:
        case Words(text):
            return client.Part(text=text) if text else None
        case Picture(mime_type, data):
            if len(data) > MAX_PICTURE_BYTES:
                return client.Part(text="(a picture was shown here)")
            return client.Part(inline_data=client.Blob(data=data, mime_type=mime_type))
        case FunctionCall(_, name, args):
            return client.Part(text=f"(called {name}({_short(args)}))")
        case FunctionResult(_, name, response):
            return client.Part(text=f"({name} returned {_short(response)})")


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_TOLD_CHARACTERS else f"{text[:MAX_TOLD_CHARACTERS]}…"
