"""Traces of calls, to whoever collects them by OTLP over HTTP. Needs ``pip install "antiphon[otel]"``.

A trace is made when its call is over, in a thread of its own; the SDK batches what it is given and drops what a
collector does not take in time. Neither waits for the other, and a call waits for neither. What the standard variables
of OpenTelemetry say holds: ``OTEL_EXPORTER_OTLP_HEADERS`` and the like, ``OTEL_TRACES_SAMPLER``,
``OTEL_RESOURCE_ATTRIBUTES``, ``OTEL_SERVICE_NAME``.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from antiphon import __version__
from antiphon.calls import spans
from antiphon.calls.caller import Caller
from antiphon.live.record import Record
from antiphon.live.session import Session
from antiphon.live.timeline import Money, Timeline, ToolUse, Turn
from antiphon.server.config import ConfigError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter

log = logging.getLogger("antiphon.server")

WAITING: Final = 200
"""Calls whose traces may wait to be made; those of more are dropped."""

LAST_WORDS_SECONDS: Final = 5.0
"""How long the end of the server waits for what is left."""


class Tracing:
    """The :class:`~antiphon.calls.observer.Audience` that exports a trace of each call.

    ``exporter`` stands in for OTLP to ``endpoint``, the URL of a collector, its path included. ``now`` is the time of
    day, in seconds of the Unix epoch.

    Raises:
        ConfigError: the packages are missing.
    """

    def __init__(
        self, endpoint: str, exporter: "SpanExporter | None" = None, now: Callable[[], float] = time.time
    ) -> None:
        self._now = now
        self._waiting = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="antiphon-tracing")
        try:
            self._provider, self._ids = _provider(endpoint, exporter)
        except ImportError as error:
            raise ConfigError(
                f'telemetry.otlp: {error.name} is not installed: pip install "antiphon[otel]", or leave otlp out'
            ) from error

    def opened(self, model: str) -> None:
        """Nothing yet."""

    def turned(self, model: str, turn: Turn) -> None:
        """Nothing yet: what it costs is known later."""

    def called(self, model: str, tool: ToolUse) -> None:
        """Nothing yet."""

    def paid(self, model: str, money: Money) -> None:
        """Nothing: the timeline has it."""

    def closed(self, session: Session, caller: Caller, record: Record, timeline: Timeline) -> None:
        """A call is over: its trace is on its way."""
        if self._waiting >= WAITING:
            log.warning("%s: its trace is dropped: %d wait already", record.session_id, self._waiting)
            return
        self._waiting += 1
        self._thread.submit(self._export, record, timeline, self._now() - record.seconds)

    async def aclose(self) -> None:
        """Export what is left, but do not try for long. Idempotent."""
        await asyncio.to_thread(self._thread.shutdown)
        try:
            async with asyncio.timeout(LAST_WORDS_SECONDS):
                await asyncio.to_thread(self._provider.shutdown)
        except TimeoutError:
            log.error("traces are left over: the collector takes them too slowly")

    def _export(self, record: Record, timeline: Timeline, began: float) -> None:
        try:
            self._emit(spans.spans(record, timeline, began))
        except Exception:
            log.exception("%s: its trace cannot be made", record.session_id)
        finally:
            self._waiting -= 1

    def _emit(self, trace: list[spans.Span]) -> None:
        from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
        from opentelemetry.trace.propagation import set_span_in_context

        kinds = {"internal": SpanKind.INTERNAL, "server": SpanKind.SERVER, "client": SpanKind.CLIENT}
        tracer = self._provider.get_tracer(spans.SCOPE, __version__)
        begun: dict[str, Any] = {}
        for span in trace:
            self._ids.trace_id, self._ids.span_id = int(span.trace_id, 16), int(span.span_id, 16)
            parent = begun.get(span.parent_id)
            if parent is None and span.parent_id:
                flags = TraceFlags(TraceFlags.SAMPLED if span.is_sampled else TraceFlags.DEFAULT)
                remote = SpanContext(self._ids.trace_id, int(span.parent_id, 16), is_remote=True, trace_flags=flags)
                parent = NonRecordingSpan(remote)
            # A context of its own: nothing that happens to be current here is above it.
            context = set_span_in_context(parent or NonRecordingSpan(SpanContext(0, 0, is_remote=False)))
            made = tracer.start_span(
                span.name,
                context,
                kinds[span.kind],
                span.attributes,
                start_time=spans.nanoseconds(span.start),
            )
            begun[span.span_id] = made
            for event in span.events:
                made.add_event(event.name, event.attributes, spans.nanoseconds(event.at))
            if span.error:
                made.set_status(Status(StatusCode.ERROR, span.error))
        for span in reversed(trace):
            begun[span.span_id].end(spans.nanoseconds(span.end))


def _provider(endpoint: str, exporter: "SpanExporter | None") -> tuple[Any, Any]:
    """A tracer provider of the server's own, and what says the identifiers of its next span."""
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.id_generator import IdGenerator

    class Planned(IdGenerator):  # type: ignore[misc, unused-ignore]
        """The identifiers that a trace has anyway."""

        trace_id = span_id = 1

        def generate_trace_id(self) -> int:
            return self.trace_id

        def generate_span_id(self) -> int:
            return self.span_id

    if exporter is None:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporter = OTLPSpanExporter(endpoint)
    own = {SERVICE_VERSION: __version__}
    if "OTEL_SERVICE_NAME" not in os.environ:
        own[SERVICE_NAME] = spans.SERVICE
    ids = Planned()
    provider = TracerProvider(resource=Resource.create(own), id_generator=ids, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider, ids
