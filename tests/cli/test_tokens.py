"""``antiphon token``: what it asks a server for, and what its user is told when there is no token."""

import asyncio
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from antiphon.cli.tokens import TokenError, Wish, create

WISH = Wish(url="", key="", uses=1, minutes=30, start_within=60, setup=None, locks=())


class Server:
    """Answers every request alike, and keeps them."""

    def __init__(self) -> None:
        self.status, self.answer = 200, b'{"name": "auth_tokens/abc"}'
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                outer.requests.append((self.path, headers, body))
                self.send_response(outer.status)
                self.end_headers()
                self.wfile.write(outer.answer)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.http.shutdown()
    thread.join()
    server.http.server_close()


def make(server: Server, **wishes: Any) -> str:
    return asyncio.run(create(replace(WISH, **{"url": server.url, **wishes})))


def seconds_ahead(text: str) -> float:
    return (datetime.fromisoformat(text) - datetime.now(UTC)).total_seconds()


def test_the_name_of_the_token_is_returned(server: Server) -> None:
    assert make(server, url=f"{server.url}/") == "auth_tokens/abc"
    ((path, headers, body),) = server.requests
    assert path == "/v1alpha/auth_tokens"
    assert "x-goog-api-key" not in headers
    assert body.keys() == {"uses", "expireTime", "newSessionExpireTime", "fieldMask"}


def test_every_wish_is_sent(server: Server, tmp_path: Path) -> None:
    setup = tmp_path / "setup.json"
    setup.write_text('{"model": "models/m"}')
    make(server, key="k", uses=3, minutes=1000, start_within=6000, setup=setup, locks=("model", "temperature"))
    ((_, headers, body),) = server.requests
    assert headers["x-goog-api-key"] == "k"
    assert (body["uses"], body["fieldMask"]) == (3, "model,temperature")
    assert body["bidiGenerateContentSetup"] == {"model": "models/m"}
    assert 50_000 < seconds_ahead(body["expireTime"]) <= 60_000
    assert 5000 < seconds_ahead(body["newSessionExpireTime"]) <= 6000


@pytest.mark.parametrize("minutes", [1e300, float("nan"), float("inf")])
def test_a_time_beyond_all_calendars_is_refused(server: Server, minutes: float) -> None:
    with pytest.raises(TokenError, match=r"^--minutes is out of range"):
        make(server, minutes=minutes)


def test_what_the_server_says_is_what_the_user_reads(server: Server) -> None:
    server.status, server.answer = 400, b'{"error": {"code": 400, "message": "fieldMask: no", "status": "X"}}'
    with pytest.raises(TokenError, match=r"^fieldMask: no$"):
        make(server)


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'{"error": "x"}', b""])
def test_another_server_is_named_with_its_answer(server: Server, answer: bytes) -> None:
    server.status, server.answer = 404, answer
    with pytest.raises(TokenError, match=rf"^{server.url}/v1alpha/auth_tokens answered 404"):
        make(server)


@pytest.mark.parametrize("answer", [b"<html>", b"{}", b""])
def test_an_answer_without_a_token_is_no_token(server: Server, answer: bytes) -> None:
    server.answer = answer
    with pytest.raises(TokenError, match=rf"^{server.url} does not answer"):
        make(server)


def test_nobody_there_is_told_with_the_remedy() -> None:
    with pytest.raises(TokenError, match=r"^http://127\.0\.0\.1:9 does not answer.*is `antiphon serve` running there"):
        asyncio.run(create(replace(WISH, url="http://127.0.0.1:9")))


@pytest.mark.parametrize("text", [None, "{", "\ufeff"])
def test_a_setup_that_is_no_json_is_named(server: Server, tmp_path: Path, text: str | None) -> None:
    setup = tmp_path / "setup.json"
    if text is not None:
        setup.write_text(text)
    with pytest.raises(TokenError, match=r"setup\.json: cannot be read as JSON"):
        make(server, setup=setup)
    assert not server.requests
