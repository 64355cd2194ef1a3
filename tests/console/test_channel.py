"""The channel: who may look on at a call, and that all who do are told the same."""

import base64
import json
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from typing import Any

import httpx
import numpy as np
import pytest
from tests.console import calling
from tests.console.calling import say
from websockets.sync.client import ClientConnection

from antiphon.calls.watching import LULL
from antiphon.console import channel, costs
from antiphon.testing.server import RunningServer, Servers

KEY, OTHER = "a" * 32, "b" * 32
call = partial(calling.call, key=KEY, generationConfig=calling.TEXT)
Start = Callable[..., RunningServer]


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> float:
    """Nobody waits for long here."""
    monkeypatch.setattr(channel, "PATIENCE", 0.5)
    monkeypatch.setattr(costs, "ENOUGH", 0.5)
    return 0.5


def hear(socket: ClientConnection, text: str) -> bytes:
    """Type something, and take the speech that answers."""
    socket.send(json.dumps({"realtimeInput": {"text": text}}))
    pcm = b""
    while not (content := json.loads(socket.recv()).get("serverContent", {})).get("generationComplete"):
        parts = content.get("modelTurn", {}).get("parts", [])
        pcm += b"".join(base64.b64decode(part["inlineData"]["data"]) for part in parts)
    return pcm


class Looker:
    """Somebody who looks on."""

    def __init__(self, server: RunningServer, session: str, key: str = KEY, *, follow: int = 0) -> None:
        self.client = httpx.Client(base_url=server.url, headers={"x-goog-api-key": key}, trust_env=False, timeout=10)
        request = self.client.build_request("GET", f"/console/api/sessions/{session}/events?follow={follow}")
        self.response = self.client.send(request, stream=True)
        self._lines = self.response.iter_lines()

    def __enter__(self) -> "Looker":
        return self

    def __exit__(self, *_: object) -> None:
        self.response.close()
        self.client.close()

    def events(self) -> Iterator[tuple[str, dict[str, Any]]]:
        name = ""
        for line in self._lines:
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))

    def events_until(self, wanted: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for event in self.events():
            yield event
            if event[0] == wanted:
                return

    def until(self, wanted: str, where: Callable[[dict[str, Any]], bool] = lambda data: True) -> dict[str, Any]:
        """The next event of a name of which something holds."""
        return next(data for name, data in self.events() if name == wanted and where(data))


class TestWhoMayLook:
    def test_others_sessions_look_like_none(self, start: Start) -> None:
        server = start(keys=[KEY, OTHER])
        with call(server) as (_, session), Looker(server, session, OTHER) as looker, Looker(server, "x") as nobody:
            assert (looker.response.status_code, nobody.response.status_code) == (404, 404)
            assert looker.response.read() == nobody.response.read()

    def test_without_a_key_nobody_looks(self, start: Start) -> None:
        server = start(keys=[KEY])
        for path in ("clock", "sessions/x/events"):
            assert httpx.get(f"{server.url}/console/api/{path}", trust_env=False).status_code == 401

    def test_an_administrator_sees_all(self, start: Start) -> None:
        server = start(keys=[KEY, OTHER], admin_keys=[OTHER])
        with call(server) as (_, session), Looker(server, session, OTHER) as looker:
            assert looker.until("hello")["owner"] != ""


class TestWhatIsTold:
    def test_a_typed_turn(self, start: Start) -> None:
        server = start(keys=[KEY], telemetry={"content": True})
        with call(server) as (socket, session), Looker(server, session) as looker:
            assert looker.response.headers["content-type"].startswith("text/event-stream")
            assert "content-encoding" not in looker.response.headers
            hello = looker.until("hello")
            assert (hello["session"], hello["model"], hello["content"]) == (session, "gemini-3.8-live", True)
            assert hello["began"] == pytest.approx(time.time(), abs=5)
            say(socket, "hello")
            turn = looker.until("entry", lambda entry: entry["kind"] == "turn" and "ended" in entry)
            assert turn["first"] >= turn["at"]
            assert turn["text"]
            assert float(turn["hosted"]) > 0
            context = looker.until("context", lambda context: context["tokens"] > 0)
            assert context["tokens"] <= context["window"] == 131_072

    def test_nothing_is_paid_for_own_hardware_and_the_hosted_price_stands_beside_it(self, start: Start) -> None:
        server = start(keys=[KEY], budget={"session": "0.5"})
        with call(server) as (socket, session), Looker(server, session) as looker:
            say(socket, "hello")
            time.sleep(1.0)  # nobody says what a minute costs before there was a second
            say(socket, "hello")
            money = looker.until("money", lambda money: len(money["by"]) > 0 and money["hosted"]["projection"])
        assert (float(money["amount"]), money["free"], money["unknown"]) == (0, True, [])
        names = {part["name"] for part in money["by"]}
        assert {"text in", "text out"} <= names
        hosted = money["hosted"]
        assert float(hosted["amount"]) == pytest.approx(sum(float(part["amount"]) for part in hosted["by"]))
        assert float(hosted["amount"]) > 0
        budget = money["budget"]
        assert (budget["kind"], *(float(budget[name]) for name in ("limit", "spent", "used"))) == ("session", 0.5, 0, 0)

    def test_words_are_where_the_voice_says_them(self, start: Start) -> None:
        server = start(keys=[KEY], telemetry={"content": True})
        audio = {"responseModalities": ["AUDIO"]}
        speaking = call(server, generationConfig=audio, outputAudioTranscription={})
        with speaking as (socket, session), Looker(server, session) as looker:
            pcm = np.frombuffer(hear(socket, "what can you do?"), "<i2").astype(float)
            turn = looker.until("entry", lambda entry: entry["kind"] == "turn" and "complete" in entry)
        assert turn["spoken"] == pytest.approx(len(pcm) / 24_000)
        after_commas = [seconds for at, seconds in turn["marks"] if turn["text"][:at].endswith(", ")]
        assert len(after_commas) > 1
        for seconds in after_commas:
            sample = int(24_000 * seconds)
            # The voice pauses at a comma; the word begins within a tenth of a second of its mark.
            assert np.abs(pcm[sample - 960 : sample - 480]).mean() < 600
            assert np.abs(pcm[sample : sample + 2400]).mean() > 150

    def test_who_comes_late_is_told_the_same(self, start: Start) -> None:
        server = start(keys=[KEY])
        entries: list[dict[int, Any]] = []
        with call(server) as (socket, session), Looker(server, session) as first:
            say(socket, "hello")
            say(socket, "what can you do?")
            with Looker(server, session) as second:
                second.until("money")
                socket.close()
                for looker in (first, second):
                    told: dict[int, Any] = {}
                    names = []
                    for name, data in looker.events():
                        names.append(name)
                        if name == "entry":
                            told[data["index"]] = data
                    assert names[-1] == "end"
                    entries.append(told)
        changed = entries[1]
        assert changed
        assert {index: entries[0][index] for index in changed} == changed

    def test_it_waits_for_a_session_that_is_about_to_begin(self, start: Start, patience: float) -> None:
        server = start(keys=[KEY])
        began = time.monotonic()
        with Looker(server, "never") as looker:
            assert looker.response.status_code == 404
        assert patience <= time.monotonic() - began < patience + 2

    def test_the_clock_is_that_of_the_timeline(self, start: Start) -> None:
        server = start(keys=[KEY])
        with call(server) as (_, session), Looker(server, session) as looker:
            hello = looker.until("hello")
            clock = looker.client.get("/console/api/clock").json()["clock"]
        assert hello["clock"] == pytest.approx(clock, abs=3)
        assert hello["clock"] <= clock

    def test_what_stays_is_told_once(self, start: Start) -> None:
        server = start(keys=[KEY])
        with call(server) as (socket, session), Looker(server, session) as looker:
            looker.until("status")
            for _ in range(3):
                say(socket, "hello")
                time.sleep(2 * LULL)
            socket.close()
            told = list(looker.events())
        for name in ("status", "context"):
            states = [data for each, data in told if each == name]
            assert states
            assert all(before != after for before, after in pairwise(states))


class TestEnds:
    def test_the_end_of_the_call_ends_it(self, start: Start) -> None:
        server = start(keys=[KEY])
        with call(server) as (socket, session), Looker(server, session) as looker:
            looker.until("hello")
            socket.close()
            names = [name for name, _ in looker.events()]
            assert names[-1] == "end"

    def test_one_who_follows_is_told_of_the_call_that_goes_on(self, start: Start) -> None:
        server = start(keys=[KEY])
        with call(server, sessionResumption={}) as (socket, session):
            say(socket, "hello")
            handle = ""
            while not handle:
                handle = json.loads(socket.recv()).get("sessionResumptionUpdate", {}).get("newHandle", "")
            with Looker(server, session, follow=1) as looker:
                looker.until("hello")
                socket.close()
                looker.until("end")
                with call(server, sessionResumption={"handle": handle}) as (_, again):
                    assert again == session
                    names = [name for name, _ in looker.events_until("money")]
                    assert names[0] == "hello"

    def test_a_server_that_stops_does_not_wait_for_lookers(self, start: Start, antiphon_servers: Servers) -> None:
        server = start(keys=[KEY])
        with call(server) as (_, session), Looker(server, session, follow=1) as looker:
            looker.until("hello")
            began = time.monotonic()
            antiphon_servers.stop(server)
            assert time.monotonic() - began < 2
            assert [name for name, _ in looker.events()][-2:] == ["end", "over"]

    def test_lookers_that_leave_are_forgotten(self, start: Start, antiphon_servers: Servers) -> None:
        server = start(keys=[KEY])
        watching = antiphon_servers._running[server]._watching
        with call(server) as (_, session):
            with Looker(server, session) as looker:
                looker.until("money")
                assert len(watching._calls[session].watches) == 1
            until = time.monotonic() + 5
            while watching._calls[session].watches and time.monotonic() < until:
                time.sleep(0.02)
            assert not watching._calls[session].watches
