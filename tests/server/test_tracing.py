"""Traces on their way out: as the SDK has them, over HTTP to a collector, and to one that is not there."""

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from tests.calls.test_spans import BEGAN, RECORD, TRACEPARENT, timeline
from tests.extras import need

from antiphon.calls.caller import Caller
from antiphon.calls.spans import nanoseconds, otlp, spans
from antiphon.live.policy import Policy
from antiphon.live.session import Session
from antiphon.live.timeline import Timeline
from antiphon.server.config import ConfigError
from antiphon.server.telemetry_config import TelemetryConfig
from antiphon.server.tracing import WAITING, Tracing

SESSION = Session(Policy(), 0.0)


class Collector:
    """A collector of traces, on a port of its own: keeps the bodies that it is sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.paths: list[str] = []
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector.bodies.append(self.rfile.read(int(self.headers["content-length"])))
                collector.paths.append(self.path)
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1/traces"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def spans(self) -> list[Any]:
        request = need("opentelemetry.proto.collector.trace.v1.trace_service_pb2").ExportTraceServiceRequest
        return [
            span
            for body in self.bodies
            for resource in request.FromString(body).resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    need("opentelemetry.exporter.otlp.proto.http")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    collector = Collector()
    yield collector
    collector.close()


async def exported(told: Timeline) -> list[Any]:
    """The spans of a call, as an exporter of the SDK gets them."""
    memory = need("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
    tracing = Tracing("", memory, now=lambda: BEGAN + RECORD.seconds)
    tracing.closed(SESSION, Caller(), RECORD, told)
    await tracing.aclose()
    return list(memory.get_finished_spans())


class TestTheSdk:
    async def test_it_gets_what_was_kept(self) -> None:
        told = timeline()
        found = {f"{span.context.span_id:016x}": span for span in await exported(told)}
        wanted = {span.span_id: span for span in spans(RECORD, told, BEGAN)}
        assert found.keys() == wanted.keys()
        for span_id, span in wanted.items():
            made = found[span_id]
            assert (made.name, f"{made.context.trace_id:032x}") == (span.name, span.trace_id)
            assert dict(made.attributes) == span.attributes
            assert (f"{made.parent.span_id:016x}" if made.parent else "") == span.parent_id
            assert (made.start_time, made.end_time) == (nanoseconds(span.start), nanoseconds(span.end))
            assert [event.name for event in made.events] == [event.name for event in span.events]
            assert made.status.is_ok is not bool(span.error)
        assert made.resource.attributes["service.name"] == "antiphon"

    async def test_it_goes_on_with_the_trace_of_the_client(self) -> None:
        session = (await exported(timeline(trace=TRACEPARENT)))[-1]
        assert session.parent.is_remote
        assert f"{session.context.trace_id:032x}" == TRACEPARENT[3:35]
        assert f"{session.parent.span_id:016x}" == TRACEPARENT[36:52]

    async def test_a_client_that_keeps_nothing_is_not_traced(self) -> None:
        assert await exported(timeline(trace=TRACEPARENT[:-1] + "0")) == []

    async def test_the_owner_samples_as_the_sdk_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
        assert await exported(timeline()) == []


class TestOverHttp:
    async def test_a_collector_gets_the_trace_of_a_real_call(
        self, serve: Any, dial: Any, collector: Collector, until: Any
    ) -> None:
        server = await serve(telemetry=TelemetryConfig(otlp=collector.url, content=True))
        client = await dial(server, additional_headers={"traceparent": TRACEPARENT})
        await client.setup()
        await client.text("what is it?")
        await client.turn()
        client.vanish()
        await until(lambda: server.sessions == 0)
        await server.stop()
        assert set(collector.paths) == {"/v1/traces"}
        by_name = {span.name: span for span in collector.spans}
        turn, session = by_name["generate_content gemini-3.8-live"], by_name["invoke_agent antiphon"]
        assert turn.trace_id.hex() == session.trace_id.hex() == TRACEPARENT[3:35]
        assert session.parent_span_id.hex() == TRACEPARENT[36:52]
        assert turn.parent_span_id == session.span_id
        values = {pair.key: pair.value for pair in turn.attributes}
        assert json.loads(values["gen_ai.input.messages"].string_value)[0]["parts"][0]["content"] == "what is it?"
        assert values["gen_ai.usage.output_tokens"].int_value == 19

    async def test_what_was_said_stays_here_unless_it_is_asked_for(
        self, serve: Any, dial: Any, collector: Collector, until: Any
    ) -> None:
        server = await serve(telemetry=TelemetryConfig(otlp=collector.url))
        client = await dial(server)
        await client.setup()
        await client.text("a secret")
        await client.turn()
        client.vanish()
        await until(lambda: server.sessions == 0)
        await server.stop()
        assert collector.spans
        assert b"a secret" not in b"".join(collector.bodies)

    async def test_nobody_there_is_no_trouble(self, serve: Any, dial: Any, until: Any, monkeypatch: Any) -> None:
        need("opentelemetry.exporter.otlp.proto.http")
        monkeypatch.setattr("antiphon.server.tracing.LAST_WORDS_SECONDS", 0.1)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        server = await serve(telemetry=TelemetryConfig(otlp="http://127.0.0.1:9/v1/traces"))
        client = await dial(server)
        await client.setup()
        await client.text("hello")
        assert await client.turn()
        client.vanish()
        await until(lambda: server.sessions == 0)
        async with asyncio.timeout(10):
            await server.stop()

    async def test_the_json_says_what_the_protocol_does(self, collector: Collector) -> None:
        """The file that ``antiphon sessions --otlp`` writes, read by OpenTelemetry's own reader."""
        import base64

        reader = need("google.protobuf.json_format")
        request = need("opentelemetry.proto.collector.trace.v1.trace_service_pb2").ExportTraceServiceRequest
        body = otlp([spans(RECORD, timeline(), BEGAN)])
        for span in body["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            # OTLP writes identifiers as hexadecimal digits, where JSON of Protocol Buffers has base64.
            for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
                span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
        written = reader.ParseDict(body, request()).resource_spans[0].scope_spans[0].spans
        tracing = Tracing(collector.url, now=lambda: BEGAN + RECORD.seconds)
        tracing.closed(SESSION, Caller(), RECORD, timeline())
        await tracing.aclose()
        sent = {span.span_id: span for span in collector.spans}
        assert len(written) == len(sent)
        for span in written:
            other = sent[span.span_id]
            assert (span.name, span.kind, span.trace_id, span.start_time_unix_nano, span.end_time_unix_nano) == (
                *(other.name, other.kind, other.trace_id, other.start_time_unix_nano, other.end_time_unix_nano),
            )
            assert list(span.attributes) == list(other.attributes)
            assert span.status == other.status


class TestTrouble:
    async def test_too_many_are_dropped(self, caplog: pytest.LogCaptureFixture) -> None:
        memory = need("opentelemetry.sdk.trace.export.in_memory_span_exporter").InMemorySpanExporter()
        tracing = Tracing("", memory)
        tracing._waiting = WAITING
        tracing.closed(SESSION, Caller(), RECORD, timeline())
        await tracing.aclose()
        assert "its trace is dropped" in caplog.text
        assert not memory.get_finished_spans()

    def test_without_the_packages_the_owner_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.resources", None)
        with pytest.raises(ConfigError, match=r'telemetry.otlp: .* pip install "antiphon\[otel\]"'):
            Tracing("http://localhost:4318/v1/traces")

    async def test_a_server_that_cannot_trace_leaves_nothing_open(self, serve: Any, monkeypatch: Any) -> None:
        monkeypatch.setitem(__import__("sys").modules, "opentelemetry.sdk.resources", None)
        with pytest.raises(ConfigError, match=r"telemetry\.otlp"):
            await serve(telemetry=TelemetryConfig(otlp="http://localhost:4318/v1/traces"))
