"""Sessions that are taken away: a trace as other tools read it, and a transcript in which nothing is markup."""

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.calls.test_spans import BEGAN, RECORD, timeline
from tests.console.clients import get
from tests.console.stored import TIMELINE, apart, record, recorded, seed
from tests.extras import need
from tests.server.test_tracing import exported

from antiphon.console.sessions_export import transcript
from antiphon.live.timeline import Timeline, Words
from antiphon.store.records import Entry


@pytest.fixture
def server(start: Any, tmp_path: Path) -> Any:
    return start(data_dir=tmp_path)


class TestOtlp:
    def test_it_nests_and_is_typed(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("a"), record("a"), timeline=recorded())
        answer = get(server, "/sessions/a/otlp.json")
        assert answer.headers["content-disposition"] == 'attachment; filename="antiphon-a.otlp.json"'
        (resource,) = answer.json()["resourceSpans"]
        spans = resource["scopeSpans"][0]["spans"]
        roots = [span for span in spans if "parentSpanId" not in span]
        assert [span["name"] for span in roots] == ["invoke_agent antiphon"] * 2
        # Two connections that were alike in everything are two traces all the same, or one: never half of each.
        ids = {span["spanId"] for span in spans}
        assert all(span["parentSpanId"] in ids for span in spans if "parentSpanId" in span)
        for span in spans:
            assert (len(bytes.fromhex(span["traceId"])), len(bytes.fromhex(span["spanId"]))) == (16, 8)
            assert 0 < int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
        turn = next(span for span in spans if span["name"].startswith("generate_content"))
        attributes = {each["key"]: each["value"] for each in turn["attributes"]}
        assert attributes["gen_ai.usage.input_tokens"] == {"intValue": "93"}
        assert attributes["antiphon.turn.latency"] == {"doubleValue": 1.0}

    def test_it_is_what_a_collector_would_get(self, start: Any, tmp_path: Path) -> None:
        """The protobuf of OTLP reads it, and finds what the SDK exports."""
        parse = need("google.protobuf.json_format").Parse
        request = need("opentelemetry.proto.collector.trace.v1.trace_service_pb2").ExportTraceServiceRequest()
        server = start(data_dir=tmp_path)
        seed(tmp_path, RECORD, timeline=timeline(), now=BEGAN + RECORD.seconds)
        body = get(server, f"/sessions/{RECORD.session_id}/otlp.json").json()
        for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            # Bytes are hexadecimal in OTLP's JSON and base64 in that of protobuf.
            for name in ("traceId", "spanId", "parentSpanId"):
                if name in span:
                    span[name] = _base64(span[name])
        parse(json.dumps(body), request)
        found = {span.span_id.hex(): span for span in request.resource_spans[0].scope_spans[0].spans}
        wanted = {f"{span.context.span_id:016x}": span for span in apart(exported(timeline()))}
        assert found.keys() == wanted.keys()
        for span_id, span in wanted.items():
            mine = found[span_id]
            assert (mine.name, mine.trace_id.hex()) == (span.name, f"{span.context.trace_id:032x}")
            assert (mine.start_time_unix_nano, mine.end_time_unix_nano) == (span.start_time, span.end_time)
            assert {each.key: _value(each.value) for each in mine.attributes} == dict(span.attributes)
            assert mine.parent_span_id.hex() == (f"{span.parent.span_id:016x}" if span.parent else "")

    def test_without_a_timeline_there_is_none(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("a"), timeline=None)
        assert get(server, "/sessions/a/otlp.json").status_code == 404


class TestTranscript:
    def test_it_tells_who_said_what(self, server: Any, tmp_path: Path) -> None:
        seed(tmp_path, record("a"))
        answer = get(server, "/sessions/a/markdown")
        assert answer.headers["content-type"] == "text/markdown; charset=utf-8"
        assert "**0:03.4** User (heard): When does the train to Bern leave?" in answer.text
        assert "**0:11.6** Model (turn 2, interrupted): There is one each hour, until" in answer.text
        assert 'Function `timetable({"to":"Bern"})` → `{"at":"<11:00>"}`, answered' in answer.text
        assert "- cost: $0.0125 + unknown" in answer.text

    def test_nothing_said_is_markup(self) -> None:
        said = Words(at=1.0, how="typed", characters=9, text="# <b>*hi*\n[x](javascript:1)")
        told = transcript([Entry(BEGAN, "", record("a"), Timeline((said,)))])
        assert r"User (typed): \# \<b\>\*hi\* \[x\](javascript:1)" in told

    def test_words_that_are_not_kept_are_counted(self) -> None:
        entries = tuple(_without_text(each) for each in TIMELINE.entries)
        told = transcript([Entry(BEGAN, "", record("a"), Timeline(entries)), Entry(BEGAN, "", record("a"), None)])
        assert "*34 characters, not kept*" in told
        assert "## Connection 2\n\nNo timeline was kept." in told


def _without_text(entry: Any) -> Any:
    return msgspec.structs.replace(entry, text="") if isinstance(entry, Words) else entry


def _base64(text: str) -> str:
    return base64.b64encode(bytes.fromhex(text)).decode()


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    return tuple(map(_value, value.array_value.values)) if kind == "array_value" else getattr(value, kind)
