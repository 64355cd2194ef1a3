"""``/metrics``: what the server does, as numbers that Prometheus collects.

Labels are bounded: models are ids of profiles, engines are names of the configuration, all else is from a fixed list.
Nothing a client says is ever a label.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from antiphon import __version__
from antiphon.calls.caller import Caller
from antiphon.calls.station import EngineStatus
from antiphon.live.record import Record
from antiphon.live.session import Session
from antiphon.live.timeline import Gap, Money, Timeline, ToolUse, Turn
from antiphon.live.tokens import Tokens
from antiphon.server import models
from antiphon.server.auth import Gate

LAG_SECONDS: Final = 0.5
"""How often it is looked how late the event loop is."""

STATES: Final = ("ready", "down", "resting", "replaced")
_DELAYS: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)
_LENGTHS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
_SESSIONS: Final = (1, 10, 30, 60, 120, 300, 600, 1800, 3600)
_LAGS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)


class Metrics:
    """The :class:`~antiphon.calls.observer.Audience` that counts.

    ``sessions`` and ``engines`` say what is there now.
    """

    def __init__(self, sessions: Callable[[], int], engines: Callable[[], Iterable[EngineStatus]]) -> None:
        self.registry = CollectorRegistry()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        Info("antiphon_build", "The version that runs.", registry=self.registry).info({"version": __version__})
        Gauge("antiphon_sessions_open", "Sessions that are open.", registry=self.registry).set_function(sessions)
        self.registry.register(_EngineStates(engines))
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._sessions = self._counter("sessions", "Sessions that began.", "model")
        self._seconds = self._histogram("session_seconds", "How long sessions were.", _SESSIONS, "model")
        self._closes = self._counter("session_closes", "Sessions that ended, by the code of their close.", "code")
        self._turns = self._counter("turns", "Answers that ended.", "model", "outcome")
        self._interruptions = self._counter("interruptions", "Answers that were interrupted.", "model")
        self._first = self._histogram(
            "time_to_first_output_seconds", "From the end of what was asked to the first output.", _DELAYS, "model"
        )
        self._making = self._histogram("generation_seconds", "How long making an answer took.", _LENGTHS, "model")
        self._tools = self._counter("tool_calls", "Function calls that ended.", "model", "outcome")
        self._waiting = self._histogram("tool_call_seconds", "How long function calls waited.", _LENGTHS, "outcome")
        self._tokens = self._counter("tokens", "Tokens as clients are told.", "model", "direction", "modality")
        self._searches = self._counter("searches", "Queries that were searched.", "model")
        self._cost = self._counter("cost_dollars", "What was charged, as far as prices are known.", "model")
        self._unknown = self._counter("cost_unknown", "Charges with a part that has no known price.", "model")
        self._gaps = self._counter("gaps", "Times without an engine or an upstream.", "where")
        self._gap = self._histogram("gap_seconds", "How long they were.", _DELAYS, "where")
        self._unheard = self._counter("unheard_seconds", "Sound of users that reached no engine.")
        self._unsent = self._counter("unsent_seconds", "Speech dropped because clients read too slowly.")
        self._frames = self._counter("dropped_frames", "Frames of video that came too soon.")
        self._lag = self._histogram("event_loop_lag_seconds", "How late the event loop wakes.", _LAGS)

    def start(self) -> None:
        """From now on, look how late the event loop is."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + LAG_SECONDS
        self._timer = loop.call_at(self._due, self._look_at_lag, loop)

    def close(self) -> None:
        """Look no more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()

    def opened(self, model: str) -> None:
        """A session began."""
        self._sessions.labels(model).inc()

    def turned(self, model: str, turn: Turn) -> None:
        """A turn ended."""
        self._turns.labels(model, turn.outcome).inc()
        if turn.interrupted is not None:
            self._interruptions.labels(model).inc()
        if turn.latency is not None:
            self._first.labels(model).observe(turn.latency)
        if turn.complete is not None:
            self._making.labels(model).observe(turn.complete - turn.at)
        usage = turn.usage
        for direction, tokens in (("input", usage.prompt), ("tool", usage.tool_prompt), ("output", usage.response)):
            self._count_tokens(model, direction, tokens)
        if usage.thoughts:
            self._tokens.labels(model, "thought", "text").inc(usage.thoughts)
        if usage.searches:
            self._searches.labels(model).inc(usage.searches)

    def _count_tokens(self, model: str, direction: str, tokens: Tokens) -> None:
        for modality in Tokens.__struct_fields__:
            if count := getattr(tokens, modality):
                self._tokens.labels(model, direction, modality).inc(count)

    def called(self, model: str, tool: ToolUse) -> None:
        """A function call ended."""
        outcome = tool.outcome or "cancelled"
        self._tools.labels(model, outcome).inc()
        self._waiting.labels(outcome).observe((tool.ended or tool.at) - tool.at)

    def paid(self, model: str, money: Money) -> None:
        """Something was charged."""
        # Late rows may correct a guess downwards, and counters only grow: the ledger has the exact sum.
        self._cost.labels(model).inc(float(max(money.known, Decimal(0))))
        if money.unknown:
            self._unknown.labels(model).inc()

    def closed(self, session: Session, caller: Caller, record: Record, timeline: Timeline) -> None:
        """A session is over."""
        self._seconds.labels(record.model).observe(record.seconds)
        self._closes.labels("left" if record.close_code is None else str(int(record.close_code))).inc()
        for gap in timeline.entries:
            if isinstance(gap, Gap):
                self._gaps.labels(gap.where).inc()
                self._gap.labels(gap.where).observe(gap.seconds)
        self._unheard.inc(timeline.unheard)
        self._unsent.inc(timeline.unsent)
        self._frames.inc(record.dropped_frames)

    def routes(self, gate: Gate, *, is_open: bool) -> list[Route]:
        """The route of this door. ``is_open``: nobody needs a key, for only this computer can reach it."""
        return [Route("/metrics", self._tell if is_open else models.guarded(gate, self._tell, "metrics"))]

    async def _tell(self, request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return PlainTextResponse(encode(self.registry), headers={"content-type": content_type})

    def _look_at_lag(self, loop: asyncio.AbstractEventLoop) -> None:
        self._lag.observe(max(0.0, loop.time() - self._due))
        self.start()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"antiphon_{name}", text, labels, registry=self.registry)

    def _histogram(self, name: str, text: str, buckets: Iterable[float], *labels: str) -> Histogram:
        return Histogram(f"antiphon_{name}", text, labels, registry=self.registry, buckets=tuple(buckets))


class _EngineStates(Collector):
    """How the engines do, looked at when it is asked."""

    def __init__(self, engines: Callable[[], Iterable[EngineStatus]]) -> None:
        self._engines = engines

    def collect(self) -> Iterator[Metric]:
        """One 1 for each engine, at its state, and how many calls it has."""
        states = GaugeMetricFamily("antiphon_engine_state", "1 for the state of an engine.", labels=["engine", "state"])
        calls = GaugeMetricFamily("antiphon_engine_calls", "Calls that an engine has.", labels=["engine"])
        found: dict[tuple[str, str], int] = {}
        busy: dict[str, int] = {}
        for status in self._engines():
            busy[status.name] = busy.get(status.name, 0) + status.calls
            for state in STATES:
                # One that was replaced and its successor have one name.
                found[status.name, state] = max(found.get((status.name, state), 0), int(status.state == state))
        for key, value in found.items():
            states.add_metric(list(key), value)
        for name, count in busy.items():
            calls.add_metric([name], count)
        yield states
        yield calls
