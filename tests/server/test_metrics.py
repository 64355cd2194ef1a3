"""``/metrics``: what it says after real calls, who may read it, and that nothing a client says becomes a label."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from antiphon.calls.caller import Caller
from antiphon.calls.station import EngineStatus
from antiphon.live import events
from antiphon.live.history import FunctionCall
from antiphon.live.policy import Policy
from antiphon.live.record import Record
from antiphon.live.session import Session
from antiphon.live.timeline import Gap, Money, Timeline, Turn
from antiphon.live.tokens import Tokens, Usage
from antiphon.server.metrics import LAG_SECONDS, Metrics

MODEL = "gemini-3.8-live"
Samples = dict[tuple[Any, ...], float]


def samples(text: str) -> Samples:
    """Every sample by its name and the values of its labels, buckets left out."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_bucket")
    }


def told(metrics: Metrics) -> Samples:
    from prometheus_client import generate_latest

    return samples(generate_latest(metrics.registry).decode())


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: 3, lambda: [EngineStatus("a", "ready", 2), EngineStatus("b", "resting", 0, "why")])


class TestCounting:
    def test_what_is_there_now(self, metrics: Metrics) -> None:
        found = told(metrics)
        assert found["antiphon_sessions_open",] == 3
        assert found["antiphon_engine_state", "a", "ready"] == found["antiphon_engine_state", "b", "resting"] == 1
        assert found["antiphon_engine_state", "a", "down"] == 0
        assert found["antiphon_engine_calls", "a"] == 2
        assert [name for name in found if name[0] == "antiphon_build_info"]

    def test_one_name_of_two_engines_is_one_sample(self) -> None:
        both = [EngineStatus("a", "ready", 1), EngineStatus("a", "replaced", 2)]
        found = told(Metrics(lambda: 0, lambda: both))
        assert found["antiphon_engine_calls", "a"] == 3
        assert found["antiphon_engine_state", "a", "ready"] == found["antiphon_engine_state", "a", "replaced"] == 1

    def test_a_turn(self, metrics: Metrics) -> None:
        usage = Usage(Tokens(5, 50), Tokens(audio=25), Tokens(text=2), thoughts=3, searches=1)
        metrics.turned("m", Turn(at=1.0, number=1, complete=3.5, latency=0.4, outcome="complete", usage=usage))
        metrics.turned("m", Turn(at=4.0, number=2, interrupted=5.0, outcome="interrupted"))
        found = told(metrics)
        assert found["antiphon_turns_total", "m", "complete"] == 1
        assert found["antiphon_interruptions_total", "m"] == 1
        assert found["antiphon_time_to_first_output_seconds_sum", "m"] == 0.4
        assert found["antiphon_generation_seconds_sum", "m"] == 2.5
        tokens = {key[1:]: value for key, value in found.items() if key[0] == "antiphon_tokens_total"}
        assert tokens == {
            ("input", "text", "m"): 5,
            ("input", "audio", "m"): 50,
            ("tool", "text", "m"): 2,
            ("output", "audio", "m"): 25,
            ("thought", "text", "m"): 3,
        }
        assert found["antiphon_searches_total", "m"] == 1

    def test_money(self, metrics: Metrics) -> None:
        metrics.paid("m", Money(Decimal("0.25")))
        metrics.paid("m", Money(Decimal("0.25"), ("no price",)))
        metrics.paid("m", Money(Decimal("-0.1")))
        found = told(metrics)
        assert found["antiphon_cost_dollars_total", "m"] == 0.5
        assert found["antiphon_cost_unknown_total", "m"] == 1

    def test_the_end_of_a_call(self, metrics: Metrics) -> None:
        record = Record("s", "m", "e", 12.0, 1, Usage(), 1011, "it broke", dropped_frames=2)
        gap = Gap(at=1.0, where="upstream", seconds=0.5, reason="1011", lost="a", next="a")
        metrics.closed(Session(Policy(), 0.0), Caller(), record, Timeline((gap,), unheard=1.5, unsent=0.5))
        found = told(metrics)
        assert found["antiphon_session_closes_total", "1011"] == 1
        assert found["antiphon_session_seconds_sum", "m"] == 12
        assert found["antiphon_gaps_total", "upstream"] == 1
        assert found["antiphon_gap_seconds_sum", "upstream"] == 0.5
        assert (found["antiphon_unheard_seconds_total",], found["antiphon_unsent_seconds_total",]) == (1.5, 0.5)

    async def test_a_loop_that_is_late(self, metrics: Metrics, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("antiphon.server.metrics.LAG_SECONDS", 0.001)
        metrics.start()
        await asyncio.sleep(0.01)
        metrics.close()
        assert told(metrics)["antiphon_event_loop_lag_seconds_count",] >= 1
        assert LAG_SECONDS == 0.5


class TestOverSockets:
    async def test_calls_are_counted(self, serve: Any, dial: Any, get: Any, puppet: Any, until: Any) -> None:
        server = await serve()
        client = await dial(server)
        await client.setup(tools=[{"functionDeclarations": [{"name": "f"}]}])
        await client.text("one")
        await client.turn()
        puppet.answers = False
        await client.text("two")
        await puppet.latest.told(events.Respond, 2)
        puppet.latest.emit(events.ToolCalls(2, (FunctionCall("a", "f", {}),)))
        assert "toolCall" in await client.receive()
        open_now = samples((await get(f"{server.url}/metrics")).text)
        assert open_now["antiphon_sessions_open",] == 1
        await client.text("never mind")
        client.vanish()
        await until(lambda: server.sessions == 0)
        response = await get(f"{server.url}/metrics")
        assert response.headers["content-type"].startswith("text/plain")
        found = samples(response.text)
        assert found["antiphon_sessions_open",] == 0
        assert found["antiphon_sessions_total", MODEL] == 1
        assert found["antiphon_turns_total", MODEL, "complete"] == 1
        assert found["antiphon_turns_total", MODEL, "interrupted"] == 1
        assert found["antiphon_tool_calls_total", MODEL, "cancelled"] == 1
        assert found["antiphon_session_closes_total", "left"] == 1
        # Spoken answers of 0.75 s, and one that was given up without a sound.
        assert found["antiphon_tokens_total", "output", "audio", MODEL] == 19
        assert found["antiphon_engine_state", "embedded", "ready"] == 1
        assert found["antiphon_cost_dollars_total", MODEL] == 0

    async def test_nothing_a_client_says_is_a_label(self, serve: Any, dial: Any, get: Any, until: Any) -> None:
        server = await serve()
        for setup in ({"model": "models/evil"}, {"labels": {"evil": "evil"}}, {"tools": [{"evil": 1}]}):
            client = await dial(server)
            await client.send({"setup": {"model": f"models/{MODEL}", **setup}})
            await client.text("evil")
            await client.receive() if "model" not in setup else await client.closed()
            client.vanish()
        await until(lambda: server.sessions == 0)
        assert "evil" not in (await get(f"{server.url}/metrics")).text

    async def test_beyond_loopback_it_needs_a_key(self, serve: Any, get: Any) -> None:
        server = await serve(host="0.0.0.0", keys=("s3cret",))
        assert (await get(f"{server.url}/metrics")).status_code == 401
        assert (await get(f"{server.url}/metrics", headers={"Authorization": "Bearer s3cret"})).status_code == 200

    async def test_with_keys_on_loopback_it_is_open(self, serve: Any, get: Any) -> None:
        server = await serve(keys=("s3cret",))
        assert (await get(f"{server.url}/metrics")).status_code == 200

    async def test_it_can_be_turned_off(self, serve: Any, get: Any) -> None:
        from antiphon.server.telemetry_config import TelemetryConfig

        server = await serve(telemetry=TelemetryConfig(metrics=False))
        assert (await get(f"{server.url}/metrics")).status_code == 404
