"""A call as a trace: spans with the names that OpenTelemetry's conventions for generative AI give things.

Names are those of opentelemetry-semantic-conventions 0.66b2 (``gen_ai.*`` is in development there); what they have no
name for is under ``antiphon.``. Identifiers follow from the record: a trace has the same ones whether it was exported
while the server ran or is made from what was kept.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

from antiphon import __version__
from antiphon.live.record import Record
from antiphon.live.timeline import Activity, Gap, Money, Remark, Stage, Timeline, ToolUse, Turn, Words

Value = str | int | float | bool | tuple[str, ...]
Attributes = dict[str, Value]

SCOPE: Final = "antiphon"
AGENT: Final = "antiphon"
SERVICE: Final = "antiphon"

KINDS: Final = {"internal": 1, "server": 2, "client": 3}
"""As OTLP numbers them."""

PROVIDERS: Final = {"google": "gcp.gen_ai", "xai": "x_ai", "mistral": "mistral_ai", "aws": "aws.bedrock"}
"""Names in the price list to names in the conventions, where they differ."""

OWN_HARDWARE: Final = "antiphon"

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_GOOD_CLOSES: Final = (None, 1000, 1001)
_FINISH: Final = {"complete": "stop", "interrupted": "interrupted", "closed": "session_closed", "abandoned": "error"}


class Place(Struct, frozen=True):
    """Where in a trace a request came from. ``sampled``: whether whoever sent it keeps its own part."""

    trace_id: str
    span_id: str
    sampled: bool


class SpanEvent(Struct, frozen=True):
    """Something that happened at a moment, in seconds of the Unix epoch."""

    name: str
    at: float
    attributes: Attributes


class Span(Struct, frozen=True, kw_only=True):
    """One span. Times are seconds of the Unix epoch; ``error`` says what went wrong, empty for nothing.

    ``is_sampled``: whoever is above it keeps its own part of the trace.
    """

    name: str
    kind: Literal["internal", "server", "client"]
    trace_id: str
    span_id: str
    parent_id: str = ""
    start: float
    end: float
    attributes: Attributes
    events: tuple[SpanEvent, ...] = ()
    error: str = ""
    is_sampled: bool = True


def place(traceparent: str) -> Place | None:
    """What a ``traceparent`` header says (W3C Trace Context); None where it says nothing that can be used."""
    found = _TRACEPARENT.fullmatch(traceparent)
    if found is None or traceparent.startswith("ff") or not int(found[1], 16) or not int(found[2], 16):
        return None
    return Place(found[1], found[2], bool(int(found[3], 16) & 1))


def spans(record: Record, timeline: Timeline, began: float) -> list[Span]:
    """The spans of one connection, that of the session first. ``began`` is in seconds of the Unix epoch."""
    return list(_Trace(record, timeline, began).spans())


class _Trace:
    def __init__(self, record: Record, timeline: Timeline, began: float) -> None:
        self._record = record
        self._timeline = timeline
        self._began = began
        self._seed = hashlib.sha256(msgspec.json.encode(record)).digest()
        self._above = place(timeline.trace)
        self._trace_id = self._above.trace_id if self._above else self._seed[:16].hex()
        self._root = self._id("session")
        self._common: Attributes = {
            "gen_ai.conversation.id": record.session_id,
            "session.id": record.session_id,
            "gen_ai.request.model": record.model,
        }

    def spans(self) -> Iterator[Span]:
        """All of them."""
        yield self._session()
        said: list[Words] = []
        for number, entry in enumerate(self._timeline.entries):
            match entry:
                case Words():
                    said.append(entry)
                case Turn():
                    yield self._turn(entry, said)
                    said = []
                case ToolUse():
                    yield self._tool(entry)
                case Gap():
                    yield self._gap(entry, number)
                case Activity():
                    yield self._activity(entry, number)

    def _session(self) -> Span:
        record, timeline = self._record, self._timeline
        attributes = self._common | {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": AGENT,
            "gen_ai.provider.name": self._provider(self._paid),
            "antiphon.engine": record.engine,
            "antiphon.turns": timeline.turns,
            "antiphon.interruptions": timeline.interruptions,
            "antiphon.tool_calls": timeline.tool_calls,
            "antiphon.close.reason": record.close_reason,
            **_usage(timeline),
            **_cost(timeline.cost),
        }
        failed = record.close_code not in _GOOD_CLOSES
        if record.close_code is not None:
            attributes["antiphon.close.code"] = int(record.close_code)
        if failed:
            attributes["error.type"] = str(int(record.close_code or 0))
        if timeline.recording is not None:
            attributes["antiphon.recorded"] = timeline.recording.why
        if timeline.left_out:
            attributes["antiphon.left_out"] = timeline.left_out
        parent = self._above.span_id if self._above else ""
        events = tuple(self._events())
        error = record.close_reason if failed else ""
        name = f"invoke_agent {AGENT}"
        return self._span(name, "server", self._root, 0.0, record.seconds, attributes, parent, events, error)

    @property
    def _paid(self) -> tuple[str, ...]:
        billed = (name for entry in self._timeline.entries if isinstance(entry, Turn) for name in entry.billed)
        return tuple(dict.fromkeys(billed))

    def _events(self) -> Iterator[SpanEvent]:
        for entry in self._timeline.entries:
            match entry:
                case Remark():
                    yield SpanEvent(f"antiphon.{entry.about}", self._began + entry.at, {"message": entry.text})
                case Stage():
                    attributes: Attributes = {"antiphon.engine": entry.engine, "message": entry.reason}
                    yield SpanEvent(f"antiphon.engine.{entry.what}", self._began + entry.at, attributes)

    def _turn(self, turn: Turn, said: list[Words]) -> Span:
        attributes = self._common | {
            "gen_ai.operation.name": "generate_content",
            "gen_ai.provider.name": self._provider(turn.billed),
            "gen_ai.output.type": "speech" if turn.spoken else "text",
            "gen_ai.response.finish_reasons": (_FINISH[turn.outcome or "abandoned"],),
            "antiphon.turn.number": turn.number,
            "antiphon.turn.spoken_seconds": turn.spoken,
            **_usage(turn),
            **_cost(turn.cost),
        }
        if turn.billed:
            attributes["gen_ai.response.model"] = turn.billed[-1].partition("/")[2]
        if turn.first is not None:
            attributes["gen_ai.response.time_to_first_chunk"] = turn.first - turn.at
        for name, value in (("latency", turn.latency), ("heard_seconds", turn.heard)):
            if value is not None:
                attributes[f"antiphon.turn.{name}"] = value
        if texts := [words.text for words in said if words.text]:
            attributes["gen_ai.input.messages"] = _messages("user", texts)
        if turn.text:
            attributes["gen_ai.output.messages"] = _messages("assistant", [turn.text])
        events = [
            SpanEvent(name, self._began + at, {})
            for name, at in (
                *(("antiphon.first_output", turn.first), ("antiphon.generation_complete", turn.complete)),
                ("antiphon.interrupted", turn.interrupted),
            )
            if at is not None
        ]
        name, own = f"generate_content {self._record.model}", self._id(f"turn {turn.number}")
        error = "was given up" if turn.outcome == "abandoned" else ""
        kind: Literal["client", "internal"] = "client" if turn.billed else "internal"
        return self._span(name, kind, own, turn.at, turn.ended, attributes, self._root, tuple(events), error)

    def _tool(self, tool: ToolUse) -> Span:
        attributes = self._common | {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool.name,
            "gen_ai.tool.call.id": tool.id,
            "gen_ai.tool.type": "function",
            "antiphon.tool.outcome": tool.outcome or "cancelled",
        }
        for name, value in (("arguments", tool.arguments), ("result", tool.result)):
            if value:
                attributes[f"gen_ai.tool.call.{name}"] = value
        error = ""
        if tool.outcome == "expired":
            attributes["error.type"] = "timeout"
            error = "no answer came in time"
        parent = self._id(f"turn {tool.turn}") if tool.turn in self._turns else self._root
        own = self._id(f"tool {tool.id}")
        name = f"execute_tool {tool.name}"
        return self._span(name, "internal", own, tool.at, tool.ended, attributes, parent, (), error)

    @property
    def _turns(self) -> set[int]:
        return {entry.number for entry in self._timeline.entries if isinstance(entry, Turn)}

    def _gap(self, gap: Gap, number: int) -> Span:
        attributes = self._common | {
            "antiphon.gap.where": gap.where,
            "antiphon.gap.lost": gap.lost,
            "antiphon.gap.next": gap.next,
            "antiphon.gap.reason": gap.reason,
        }
        end, error = gap.at + gap.seconds, "" if gap.next else gap.reason
        name, own = f"{gap.where} gap", self._id(f"gap {number}")
        return self._span(name, "internal", own, gap.at, end, attributes, self._root, (), error)

    def _activity(self, activity: Activity, number: int) -> Span:
        attributes = self._common | {
            "antiphon.activity.offset": activity.offset,
            "antiphon.activity.end_offset": activity.end_offset or activity.offset,
            "antiphon.activity.detected": activity.detected,
        }
        own = self._id(f"activity {number}")
        return self._span("user activity", "internal", own, activity.at, activity.ended, attributes, self._root, (), "")

    def _span(
        self,
        name: str,
        kind: Literal["internal", "server", "client"],
        own: str,
        start: float,
        end: float | None,
        attributes: Mapping[str, Any],
        parent: str,
        events: tuple[SpanEvent, ...],
        error: str,
    ) -> Span:
        return Span(
            name=name,
            kind=kind,
            trace_id=self._trace_id,
            span_id=own,
            parent_id=parent,
            start=self._began + start,
            end=self._began + max(start, start if end is None else end),
            attributes=dict(attributes),
            events=events,
            error=error,
            is_sampled=self._above is None or self._above.sampled,
        )

    def _id(self, what: str) -> str:
        return hashlib.sha256(self._seed + what.encode()).hexdigest()[:16]

    def _provider(self, billed: tuple[str, ...]) -> str:
        name = billed[-1].partition("/")[0] if billed else OWN_HARDWARE
        return PROVIDERS.get(name, name)


def _usage(of: Turn | Timeline) -> Attributes:
    usage = of.usage
    attributes: Attributes = {
        "gen_ai.usage.input_tokens": usage.prompt.total + usage.tool_prompt.total,
        "gen_ai.usage.output_tokens": usage.response.total + usage.thoughts,
    }
    if usage.thoughts:
        attributes["gen_ai.usage.reasoning.output_tokens"] = usage.thoughts
    if usage.cached.total:
        attributes["gen_ai.usage.cache_read.input_tokens"] = usage.cached.total
    if usage.searches:
        attributes["antiphon.searches"] = usage.searches
    return attributes


def _cost(money: Money | None) -> Attributes:
    """Dollars for people who look at traces; exact amounts are in the ledger."""
    if money is None:
        return {}
    attributes: Attributes = {"antiphon.cost.known_dollars": float(money.known)}
    if money.unknown:
        attributes["antiphon.cost.unknown"] = money.unknown
    return attributes


def _messages(role: str, texts: list[str]) -> str:
    message = {"role": role, "parts": [{"type": "text", "content": text} for text in texts]}
    return msgspec.json.encode([message]).decode()


# --- OTLP as JSON -----------------------------------------------------------------------------------------------


def otlp(traces: list[list[Span]]) -> dict[str, Any]:
    """The body of an OTLP export request, in its JSON encoding."""
    resource = {"service.name": SERVICE, "service.version": __version__}
    scope = {"name": SCOPE, "version": __version__}
    found = [_otlp_span(span) for trace in traces for span in trace]
    return {
        "resourceSpans": [
            {"resource": {"attributes": _pairs(resource)}, "scopeSpans": [{"scope": scope, "spans": found}]}
        ]
    }


def nanoseconds(seconds: float) -> int:
    """Seconds as OTLP counts them."""
    return round(seconds * 1e6) * 1000


def _otlp_span(span: Span) -> dict[str, Any]:
    written: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": KINDS[span.kind],
        "startTimeUnixNano": str(nanoseconds(span.start)),
        "endTimeUnixNano": str(nanoseconds(span.end)),
        "attributes": _pairs(span.attributes),
        "events": [
            {"name": each.name, "timeUnixNano": str(nanoseconds(each.at)), "attributes": _pairs(each.attributes)}
            for each in span.events
        ],
        "status": {"code": 2, "message": span.error} if span.error else {},
    }
    if span.parent_id:
        written["parentSpanId"] = span.parent_id
    return written


def _pairs(attributes: Mapping[str, Value]) -> list[dict[str, Any]]:
    return [{"key": name, "value": _value(value)} for name, value in attributes.items()]


def _value(value: Value) -> dict[str, Any]:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case str():
            return {"stringValue": value}
    return {"arrayValue": {"values": [{"stringValue": each} for each in value]}}
