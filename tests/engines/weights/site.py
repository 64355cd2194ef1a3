"""A real HTTP server on this computer that behaves as badly as it is told to."""

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Page:
    """What is at a path, and how it is served.

    ``cuts`` are the bytes after which the next answers break off, one for each answer; ``status`` the next answers'
    statuses, before it is served properly.
    """

    content: bytes = b""
    ranges: bool = True
    validated: bool = True
    heeds_if_range: bool = True
    length: int | None = None
    tells_length: bool = True
    cuts: list[int] = field(default_factory=list)
    status: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    redirect: str = ""
    change: bytes | None = None
    hook: Callable[[], None] | None = None

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'


class Site:
    """Pages, and the requests that were made for them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.pages: dict[str, Page] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []

    def put(self, path: str, content: bytes = b"", **how: Any) -> str:
        """Serve something; returns its address."""
        self.pages[path] = Page(content, **how)
        return self.url + path

    def clear(self) -> None:
        """Forget everything."""
        self.pages.clear()
        self.requests.clear()

    def ranges(self) -> list[str]:
        """What the requests asked for."""
        return [headers.get("range", "all") for _, headers in self.requests]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.site.requests.append((self.path, headers))
        page = self.site.pages.get(self.path.partition("?")[0])
        if page is None:
            self._answer(404, b"")
            return
        if page.hook:
            page.hook()
        if page.status:
            self._answer(page.status.pop(0), b"no", page.headers)
        elif page.redirect:
            self._answer(302, b"", {"Location": page.redirect, **page.headers})
        else:
            self._serve(page, headers)

    def _serve(self, page: Page, headers: dict[str, str]) -> None:
        start, status = 0, 200
        asked = re.fullmatch(r"bytes=(\d+)-", headers.get("range", ""))
        fresh = not page.heeds_if_range or headers.get("if-range", page.etag) == page.etag
        if asked and page.ranges and fresh:
            start, status = int(asked[1]), 206
        if start >= len(page.content) and status == 206:
            self._answer(416, b"", {"Content-Range": f"bytes */{len(page.content)}"})
            return
        extra = {"ETag": page.etag} if page.validated else {}
        if status == 206:
            extra["Content-Range"] = f"bytes {start}-{len(page.content) - 1}/{len(page.content)}"
        body = page.content[start:]
        cut = page.cuts.pop(0) if page.cuts else None
        length = None if not page.tells_length else len(body) if page.length is None else page.length
        self._answer(status, body if cut is None else body[:cut], {**extra, **page.headers}, length)
        if (cut is not None and cut < len(body)) or page.length is not None or not page.tells_length:
            self.close_connection = True
        if page.change is not None:
            page.content, page.change = page.change, None

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None, length: int | None = -1) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(len(body) if length == -1 else length))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that went away is what these tests are about."""


@contextmanager
def running() -> Iterator[Site]:
    """A site, meanwhile."""
    server = _Server(("127.0.0.1", 0), type("Bound", (Handler,), {}))
    site = Site(f"http://127.0.0.1:{server.server_port}")
    server.RequestHandlerClass.site = site  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


def sha256(content: bytes) -> str:
    """The checksum of bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@dataclass
class Watcher:
    """Remembers what a watcher is told."""

    said: list[str] = field(default_factory=list)
    seen: list[tuple[str, int | None]] = field(default_factory=list)
    done: list[int] = field(default_factory=list)

    def start(self, what: str, total: int | None) -> None:
        self.seen.append((what, total))

    def at(self, done: int) -> None:
        self.done.append(done)

    def say(self, text: str) -> None:
        self.said.append(text)
