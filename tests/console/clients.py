"""Those who ask the console without a browser: programs that show a key, and clients that logged in."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from antiphon.testing.server import RunningServer

HTML = {"accept": "text/html"}


def get(server: RunningServer, path: str, key: str = "", **headers: str) -> httpx.Response:
    """What a program gets at a path of the console."""
    return httpx.get(f"{server.url}/console{path}", headers={**headers, **({"x-goog-api-key": key} if key else {})})


def page(server: RunningServer, path: str, key: str = "") -> httpx.Response:
    """What a page gets there."""
    return get(server, path, key, **HTML)


def over(server: RunningServer, session_id: str, connections: int = 1) -> None:
    """Wait until the record of a call is there."""
    for _ in range(100):
        answer = get(server, f"/sessions/{session_id}")
        told = answer.json() if answer.status_code == 200 else None
        if told and not told["running"] and len(told["connections"]) == connections:
            return
        time.sleep(0.02)
    raise AssertionError("the call did not end")


def program(url: str, key: str = "root") -> httpx.Client:
    """A client of the admin pages that shows a key with each request, and gets JSON."""
    return httpx.Client(base_url=f"{url}/console/admin", headers={"x-goog-api-key": key})


@contextmanager
def browser(url: str, key: str = "root") -> Iterator[httpx.Client]:
    """A client of the admin pages that logged in, and gets pages."""
    with httpx.Client(base_url=f"{url}/console/admin", headers=HTML, follow_redirects=True) as client:
        assert client.post(f"{url}/console/login", data={"key": key}).status_code == 200
        yield client
