"""A call as a trace: names of the conventions, nesting, identifiers, and what the opt-in alone lets out."""

import json
from decimal import Decimal
from typing import Any

import pytest

from antiphon.calls.spans import Place, nanoseconds, otlp, place, spans
from antiphon.live.record import Record
from antiphon.live.timeline import Activity, Gap, Money, Recording, Remark, Stage, Timeline, ToolUse, Turn, Words
from antiphon.live.tokens import Tokens, Usage

BEGAN = 1_700_000_000.0
TRACEPARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
USAGE = Usage(Tokens(40, 50), Tokens(1, 25), Tokens(3), thoughts=4, searches=1, cached=Tokens(10))
RECORD = Record("s1", "gemini-3.8-live", "relay", 10.0, 1, USAGE, 1011, "it broke")


def timeline(**settings: Any) -> Timeline:
    turn = Turn(
        at=2.0, number=1, first=2.5, complete=3.0, ended=4.0, latency=0.75, spoken=1.5, heard=1.5,
        outcome="complete", usage=USAGE, cost=Money(Decimal("0.5"), ("no price",)), billed=("google/gemini-x",),
        text=settings.pop("said", ""),
    )  # fmt: skip
    entries = (
        Remark(at=0.0, about="route", text="relay was chosen"),
        Stage(at=0.5, what="opened", engine="relay"),
        Activity(at=1.0, ended=1.75, offset=1.0, end_offset=1.5),
        Words(at=1.8, how="heard", characters=5, text=settings.pop("heard", "")),
        turn,
        ToolUse(at=3.0, ended=6.0, id="c1", name="f", turn=1, outcome="expired"),
        Gap(at=5.0, where="upstream", seconds=0.25, reason="1011", lost="relay", next="relay"),
    )
    return Timeline(entries, usage=USAGE, turns=1, tool_calls=1, cost=turn.cost, **settings)


class TestSpans:
    def test_they_nest(self) -> None:
        session, activity, turn, tool, gap = spans(RECORD, timeline(), BEGAN)
        assert [span.name for span in (session, turn, tool)] == [
            *("invoke_agent antiphon", "generate_content gemini-3.8-live", "execute_tool f")
        ]
        assert session.parent_id == ""
        assert activity.parent_id == turn.parent_id == gap.parent_id == session.span_id
        assert tool.parent_id == turn.span_id
        assert (session.start, session.end) == (BEGAN, BEGAN + 10)
        assert (turn.start, turn.end, gap.end) == (BEGAN + 2, BEGAN + 4, BEGAN + 5.25)
        assert len({span.span_id for span in (session, activity, turn, tool, gap)}) == 5

    def test_names_are_those_of_the_conventions(self) -> None:
        session, _, turn, tool, _ = spans(RECORD, timeline(), BEGAN)
        expected = {
            "gen_ai.operation.name": "generate_content",
            "gen_ai.provider.name": "gcp.gen_ai",
            "gen_ai.request.model": "gemini-3.8-live",
            "gen_ai.response.model": "gemini-x",
            "gen_ai.conversation.id": "s1",
            "session.id": "s1",
            "gen_ai.output.type": "speech",
            "gen_ai.response.finish_reasons": ("stop",),
            "gen_ai.response.time_to_first_chunk": 0.5,
            "gen_ai.usage.input_tokens": 93,
            "gen_ai.usage.output_tokens": 30,
            "gen_ai.usage.reasoning.output_tokens": 4,
            "gen_ai.usage.cache_read.input_tokens": 10,
            "antiphon.cost.known_dollars": 0.5,
            "antiphon.cost.unknown": ("no price",),
            "antiphon.turn.latency": 0.75,
        }
        assert expected.items() <= turn.attributes.items()
        assert turn.kind == "client"
        assert session.kind == "server"
        assert session.attributes["gen_ai.operation.name"] == "invoke_agent"
        assert tool.attributes["gen_ai.tool.call.id"] == "c1"
        assert tool.attributes["error.type"] == "timeout"

    def test_what_a_call_closes_with_is_its_status(self) -> None:
        assert spans(RECORD, timeline(), BEGAN)[0].error == "it broke"
        for code in (None, 1000, 1001):
            left = Record("s1", "m", "e", 1.0, 0, Usage(), code, "bye")
            assert spans(left, Timeline(), BEGAN)[0].error == ""

    def test_what_happened_at_a_moment_is_an_event(self) -> None:
        session = spans(RECORD, timeline(recording=Recording("always", ())), BEGAN)[0]
        assert [(event.name, event.at) for event in session.events] == [
            ("antiphon.route", BEGAN),
            ("antiphon.engine.opened", BEGAN + 0.5),
        ]
        assert session.attributes["antiphon.recorded"] == "always"

    def test_own_hardware_is_paid_by_nobody(self) -> None:
        kept = Timeline((Turn(at=0.0, number=1, ended=1.0, outcome="closed"),))
        _, turn = spans(RECORD, kept, BEGAN)
        assert (turn.kind, turn.attributes["gen_ai.provider.name"]) == ("internal", "antiphon")

    def test_words_are_there_where_they_were_kept(self) -> None:
        turn = spans(RECORD, timeline(heard="hello", said="hi"), BEGAN)[2]
        assert json.loads(str(turn.attributes["gen_ai.input.messages"])) == [
            {"role": "user", "parts": [{"type": "text", "content": "hello"}]}
        ]
        assert json.loads(str(turn.attributes["gen_ai.output.messages"]))[0]["role"] == "assistant"
        bare = spans(RECORD, timeline(), BEGAN)[2]
        assert not [name for name in bare.attributes if name.endswith("messages")]


class TestIdentifiers:
    def test_a_trace_always_has_the_same(self) -> None:
        assert spans(RECORD, timeline(), BEGAN) == spans(RECORD, timeline(), BEGAN)
        other = Record("s2", "m", "e", 10.0, 1, USAGE, None, "")
        assert spans(other, Timeline(), BEGAN)[0].trace_id != spans(RECORD, Timeline(), BEGAN)[0].trace_id

    def test_it_goes_on_with_the_trace_of_the_client(self) -> None:
        session, *others = spans(RECORD, timeline(trace=TRACEPARENT), BEGAN)
        assert (session.trace_id, session.parent_id) == (TRACEPARENT[3:35], TRACEPARENT[36:52])
        assert {span.trace_id for span in others} == {session.trace_id}
        assert session.is_sampled
        assert not spans(RECORD, timeline(trace=TRACEPARENT[:-1] + "0"), BEGAN)[0].is_sampled

    def test_a_traceparent(self) -> None:
        assert place(TRACEPARENT) == Place(TRACEPARENT[3:35], TRACEPARENT[36:52], sampled=True)

    @pytest.mark.parametrize(
        "wrong",
        ["", "00", TRACEPARENT[:-3], "ff" + TRACEPARENT[2:], f"00-{'0' * 32}-{'1' * 16}-01", TRACEPARENT.upper()],
    )
    def test_a_wrong_one_is_none(self, wrong: str) -> None:
        assert place(wrong) is None


def test_otlp_as_json() -> None:
    body = json.loads(json.dumps(otlp([spans(RECORD, timeline(), BEGAN)])))
    (of_server,) = body["resourceSpans"]
    assert {"key": "service.name", "value": {"stringValue": "antiphon"}} in of_server["resource"]["attributes"]
    session, _, turn, tool, _ = of_server["scopeSpans"][0]["spans"]
    assert session["kind"] == 2
    assert "parentSpanId" not in session
    assert session["status"] == {"code": 2, "message": "it broke"}
    assert turn["startTimeUnixNano"] == "1700000002000000000"
    attributes = {each["key"]: each["value"] for each in turn["attributes"]}
    assert attributes["gen_ai.usage.input_tokens"] == {"intValue": "93"}
    assert attributes["antiphon.cost.unknown"] == {"arrayValue": {"values": [{"stringValue": "no price"}]}}
    assert tool["parentSpanId"] == turn["spanId"]


def test_times_are_whole_microseconds() -> None:
    assert nanoseconds(BEGAN + 0.25) == 1_700_000_000_250_000_000
