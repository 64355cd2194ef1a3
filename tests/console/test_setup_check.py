"""What is said of a setup is what becomes of a session with it."""

from typing import Any

import httpx
import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

MODEL = "models/gemini-3.8-live"
PATH = "/ws/google.ai.generativelanguage.v1.GenerativeService.BidiGenerateContent"


def check(url: str, setup: Any) -> dict[str, Any]:
    answer = httpx.post(f"{url}/console/api/check", json={"setup": setup})
    assert answer.status_code == 200, answer.text
    return answer.json()


def close_reason(url: str, setup: Any) -> str:
    """Why a session with this setup is closed; empty when it begins."""
    with connect(url.replace("http", "ws", 1) + PATH, proxy=None) as socket:
        socket.send(msgspec.json.encode({"setup": setup}).decode())
        try:
            socket.recv(timeout=10)
        except ConnectionClosed as closed:
            return closed.rcvd.reason if closed.rcvd else "?"
        return ""


class TestRefusals:
    @pytest.mark.parametrize("strict", [False, True])
    @pytest.mark.parametrize(
        "setup",
        [
            {},
            [],
            {"model": "models/nobody"},
            {"model": MODEL},
            {"model": MODEL, "nobody": 1},
            {"model": MODEL, "generationConfig": {"topK": 0}},
            {"model": MODEL, "generationConfig": {"topK": "many"}},
            {"model": MODEL, "generationConfig": {"responseModalities": ["IMAGE"]}},
            {"model": MODEL, "generation_config": {"thinking_config": {"thinking_level": "low"}}},
            {"model": MODEL, "realtimeInputConfig": {"turnCoverage": "SOMETIMES"}},
            {"model": MODEL, "tools": [{"functionDeclarations": [{"name": "1"}]}]},
            {"model": MODEL, "proactivity": {"proactiveAudio": False}},
            {"model": MODEL, "explicitVadSignal": True},
            {"model": "models/gemini-2.0-flash-exp"},
        ],
        ids=str,
    )
    def test_are_those_of_a_connection(self, start: Any, strict: bool, setup: Any) -> None:
        url = start(session={"strict": strict}).url
        told, reason = check(url, setup), close_reason(url, setup)
        assert told["ok"] == (reason == "")
        if not told["ok"]:
            refused = told["refused"]
            text = f"{refused['field']}: {refused['reason']}" + (f"; {refused['remedy']}" if refused["remedy"] else "")
            assert text.startswith(reason.removesuffix("…"))

    def test_name_field_reason_and_remedy_apart(self, start: Any) -> None:
        refused = check(start().url, {"model": MODEL, "generationConfig": {"temperature": 9}})["refused"]
        assert refused == {
            "field": "setup.generationConfig.temperature",
            "reason": "9.0 is out of range",
            "remedy": "use 0 to 2",
        }


class TestWhatIsTaken:
    def test_names_what_is_set_in_vain_and_why(self, start: Any) -> None:
        setup = {
            "model": MODEL,
            "nobody": 1,
            "safetySettings": [{"category": "X"}],
            "proactivity": {"proactiveAudio": False},
        }
        told = check(start().url, setup)
        assert told["ok"]
        assert {each["field"]: each["why"] for each in told["ignored"]} == {
            "setup.nobody": "no such field",
            "setup.safetySettings": "",
            "setup.proactivity.proactiveAudio": "gemini-3.8-live always is proactive",
        }

    def test_tells_what_differs_from_the_defaults(self, start: Any) -> None:
        setup = {
            "model": MODEL,
            "generationConfig": {"temperature": 0.5},
            "inputAudioTranscription": {},
            "sessionResumption": {"handle": "secret-of-mine"},
        }
        told = check(start().url, setup)
        changed = {each["path"]: (each["value"], each["default"]) for each in told["changed"]}
        assert changed == {
            "generationConfig.temperature": (0.5, "the engine's"),
            "inputAudioTranscription": (True, "off"),
            "sessionResumption": (True, "off"),
            "sessionResumption.handle": ("set", "a new session"),
        }
        assert any("handle" in note for note in told["notes"])
        assert "secret-of-mine" not in f"{told}"

    def test_says_when_the_session_will_end(self, start: Any) -> None:
        url = start(session={"session_caps": True}).url
        assert any("15 min" in note for note in check(url, {"model": MODEL})["notes"])
        assert check(url, {"model": MODEL, "contextWindowCompression": {}})["notes"] == []

    def test_begins_nothing(self, start: Any) -> None:
        server = start()
        check(server.url, {"model": MODEL})
        assert server.sessions == 0


class TestBadBodies:
    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b'{"setup": {\n  "model" 1}}', "malformed JSON at line 2, column 11"),
            (b"", "malformed JSON at line 1, column 1"),
            (b"[]", "must be a JSON object"),
            (b"{}", "setup is missing"),
            (b'{"setup": {"a": NaN}}', "NaN is no number of JSON"),
            (b"\xff", "byte 0 is not UTF-8"),
            (b"[" * 100_000, "nested too deeply"),
        ],
    )
    def test_are_told_what_is_wrong_with_them_and_where(self, start: Any, body: bytes, message: str) -> None:
        answer = httpx.post(f"{start().url}/console/api/check", content=body)
        assert answer.status_code == 400
        assert message in answer.json()["error"]["message"]

    def test_too_large_a_one_is_refused(self, start: Any) -> None:
        answer = httpx.post(f"{start().url}/console/api/check", content=b" " * ((2 << 20) + 1))
        assert answer.status_code == 413

    def test_a_foreign_page_may_not_ask(self, start: Any) -> None:
        headers = {"origin": "https://elsewhere.example", "sec-fetch-site": "cross-site"}
        answer = httpx.post(f"{start().url}/console/api/check", json={"setup": {}}, headers=headers)
        assert answer.status_code == 403
