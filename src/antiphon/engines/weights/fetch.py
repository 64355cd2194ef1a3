"""Getting one file over HTTP, however often the connection breaks.

What is there of a file waits as ``NAME.part``; ``NAME.part.json`` says what it is a part of. A later attempt asks for
the rest with ``Range`` and ``If-Range``, so that a file that changed meanwhile comes whole instead of spliced
(RFC 9110, sections 13.1.5 and 14).
"""

import contextlib
import os
import random
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import TypeVar

import httpx
import msgspec
from msgspec import Struct
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from antiphon import __version__
from antiphon.engines.weights import hub
from antiphon.engines.weights.errors import WeightsError
from antiphon.engines.weights.hub import Remote, is_private, shown
from antiphon.engines.weights.progress import Progress

T = TypeVar("T")

PATIENCE = 6
"""Attempts in a row that bring nothing new before the download is given up."""

MAX_WAIT = 60.0
"""Seconds between two attempts at most, also where the server asks for more."""

_TIMEOUT = httpx.Timeout(30.0, connect=15.0)
_TEMPORARY = {408, 425, 429, 500, 502, 503, 504}
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Part(Struct):
    """What a ``.part`` file is a part of: its address, what identifies its version, its length if known.

    ``hub_digest`` is the checksum that the hub sent along. ``pieces`` counts the answers it was put together from.
    """

    url: str
    validator: str = ""
    total: int | None = None
    hub_digest: str = ""
    pieces: int = 0


class _Temporary(Exception):
    """An attempt failed in a way that another may not. ``wait`` are the seconds that the server asked for."""

    def __init__(self, message: str, wait: float = 0.0) -> None:
        super().__init__(message)
        self.wait = wait


class Fetcher:
    """Fetches files. Honours ``HF_TOKEN`` and ``HF_ENDPOINT`` of ``environ``, and the process's proxy variables."""

    def __init__(
        self,
        environ: Mapping[str, str] = os.environ,
        sleep: Callable[[float], None] = time.sleep,
        patience: int = PATIENCE,
    ) -> None:
        self._environ = environ
        self._sleep = sleep
        self._patience = patience

    def fetch(self, remote: Remote, target: Path, size: int, digest: str, progress: Progress) -> Part:
        """Have all of a file at ``target`` (which is the ``.part``), and say what it is.

        Args:
            remote: where it is.
            target: the part file; what is there of it is completed.
            size: its bytes as they should be, 0 if unknown.
            digest: its checksum as it should be, empty if unknown. Not compared here, but with one a file may come
                over an open connection, and from a server that does not identify versions.
            progress: who watches.

        Raises:
            WeightsError: the server refuses, its file has another size, or the network stays broken. The part is kept
                where a later attempt can go on with it.
        """
        transfer = _Transfer(remote, target, size, digest, progress)
        with self._client(digest) as client:
            try:
                self._insist(lambda: transfer.attempt(client, self._headers(remote)), transfer)
            except _Temporary as error:
                raise WeightsError(f"{error}; run the command again to go on where it stopped") from error
        return transfer.part

    def json(self, url: str) -> bytes:
        """What the hub's API answers at an address.

        Raises:
            WeightsError: it refuses, or the network stays broken.
        """

        def ask(client: httpx.Client) -> bytes:
            with _translated(url):
                response = client.get(url, headers=self._headers(Remote(url, hub=True)))
                _check_status(response, Remote(url, hub=True))
                return response.content

        with self._client("") as client:
            try:
                return self._insist(lambda: ask(client), None)
            except _Temporary as error:
                raise WeightsError(f"{error}") from error

    def _insist(self, attempt: Callable[[], T], transfer: "_Transfer | None") -> T:
        def stalled(state: RetryCallState) -> int:
            return transfer.stalled if transfer else state.attempt_number

        def wait(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = error.wait if isinstance(error, _Temporary) else 0.0
            backoff: float = 0.5 * 2 ** max(stalled(state) - 1, 0) * random.uniform(1.0, 1.5)
            return min(max(asked, backoff), MAX_WAIT)

        retrying = Retrying(
            retry=retry_if_exception_type(_Temporary),
            stop=lambda state: stalled(state) >= self._patience,
            wait=wait,
            sleep=self._sleep,
            reraise=True,
        )
        return retrying(attempt)

    def _client(self, digest: str) -> httpx.Client:
        def guard(request: httpx.Request) -> None:  # also sees every redirect before it is followed
            if not digest and not is_private(str(request.url)):
                raise WeightsError(
                    f"{shown(str(request.url))}: not over https, and no checksum is known; add --sha256, or use https"
                )

        return httpx.Client(
            follow_redirects=True, timeout=_TIMEOUT, event_hooks={"request": [guard]}, verify=_certificates()
        )

    def _headers(self, remote: Remote) -> dict[str, str]:
        headers = {"User-Agent": f"antiphon/{__version__}", "Accept-Encoding": "identity"}
        secret = hub.token(remote.url, self._environ) if remote.hub else None
        return headers | ({"Authorization": f"Bearer {secret}"} if secret else {})


class _Transfer:
    """One file on its way. ``stalled`` counts the attempts in a row that brought nothing new."""

    def __init__(self, remote: Remote, target: Path, size: int, digest: str, progress: Progress) -> None:
        self.part = _load(target, remote)
        self.stalled = 0
        self._remote = remote
        self._target = target
        self._size = size
        self._trusted = bool(digest)
        self._progress = progress
        self._most = self._here()

    def attempt(self, client: httpx.Client, headers: dict[str, str]) -> None:
        """Get what is missing.

        Raises:
            _Temporary: not all of it came.
            WeightsError: it will never come.
        """
        if self._is_whole():
            return
        try:
            with (
                _translated(self._remote.url),
                client.stream("GET", self._remote.url, headers=self._ask(headers)) as it,
            ):
                self._receive(it)
            if not self._is_whole():
                raise _Temporary(f"{shown(self._remote.url)}: the connection ended early")
        finally:
            most = max(self._most, self._here())
            self.stalled = 0 if most > self._most else self.stalled + 1
            self._most = most

    def _ask(self, headers: dict[str, str]) -> dict[str, str]:
        if not (here := self._here()) or not (self.part.validator or self._trusted):
            return headers  # without either, a rest could be the rest of another file
        ask = headers | {"Range": f"bytes={here}-"}
        return ask | {"If-Range": self.part.validator} if self.part.validator else ask

    def _receive(self, response: httpx.Response) -> None:
        if response.status_code == 416:  # what is here is longer than the server's file, so it is not of that
            self._restart(response)
            raise _Temporary(f"{shown(self._remote.url)}: {_reason(response)}")
        _check_status(response, self._remote)
        start, total = _extent(response)
        self._check_total(response, total)
        if self._here() and (start != self._here() or self._changed(response, total)):
            self._discard("the server begins anew")
        if start != self._here():
            raise _Temporary(f"{shown(self._remote.url)}: the server sent another part than was asked for")
        self._note(response, total)
        self._write(response, total)

    def _changed(self, response: httpx.Response, total: int | None) -> bool:
        """Whether what is here is of another version than the answer; some servers do not heed ``If-Range``."""
        validators = {self.part.validator, _validator(response)} - {""}
        return len(validators) > 1 or self.part.total not in (None, total)

    def _restart(self, response: httpx.Response) -> None:
        if not self._here():
            raise WeightsError(f"{shown(self._remote.url)}: {_reason(response)}")
        self._discard("the server begins anew")

    def _check_total(self, response: httpx.Response, total: int | None) -> None:
        url = shown(self._remote.url)
        if response.headers.get("content-encoding", "identity") != "identity":
            raise WeightsError(f"{url}: the server sends it compressed though it was not asked to")
        if self._size and total not in (None, self._size):
            raise WeightsError(
                f"{url}: the server's file has {total:,} bytes, {self._size:,} are expected; it is another file"
            )
        if total is None and not self._trusted and response.headers.get("transfer-encoding", "") != "chunked":
            raise WeightsError(f"{url}: the server does not say how long the file is; add --sha256 to take it anyway")

    def _note(self, response: httpx.Response, total: int | None) -> None:
        """Write down what the part is a part of, before there is more of it."""
        self.part = Part(
            url=shown(self._remote.url),
            validator=_validator(response),
            total=total,
            hub_digest=(_hub_digest(response) if self._remote.hub else "") or self.part.hub_digest,
            pieces=self.part.pieces + 1,
        )
        _note_file(self._target).write_bytes(msgspec.json.encode(self.part))
        self._progress.start(self._target.name.removesuffix(".part"), total or self._size or None)
        self._progress.at(self._here())

    def _write(self, response: httpx.Response, total: int | None) -> None:
        limit = total or self._size
        done = self._here()
        with self._target.open("ab") as file:
            for block in response.iter_raw():  # of no set size: what waits to fill a block is lost when it breaks off
                file.write(block)
                self._progress.at(done := done + len(block))
                if limit and done > limit:
                    break
            file.flush()
            os.fsync(file.fileno())
        if limit and done > limit:
            self._discard("more came than the server said")
            raise _Temporary(f"{shown(self._remote.url)}: more came than the server said")
        if total is None:  # the end was marked by the transfer coding, or a checksum will tell
            self.part.total = done
            _note_file(self._target).write_bytes(msgspec.json.encode(self.part))

    def _is_whole(self) -> bool:
        total = self.part.total if self.part.pieces else None
        return total is not None and self._here() == total and self._target.exists()

    def _here(self) -> int:
        return self._target.stat().st_size if self._target.exists() else 0

    def _discard(self, why: str) -> None:
        discard(self._target)
        self.part = Part(url=shown(self._remote.url))
        if why:
            self._progress.say(f"{self._target.name.removesuffix('.part')}: {why}")


@cache
def _certificates() -> ssl.SSLContext:
    """Whom to trust, as the environment says; read once, for it takes a while."""
    return httpx.create_ssl_context()


def discard(target: Path) -> None:
    """Forget a part."""
    target.unlink(missing_ok=True)
    _note_file(target).unlink(missing_ok=True)


def finish(target: Path) -> None:
    """The part is whole and taken: only its note is left to go."""
    _note_file(target).unlink(missing_ok=True)


def _load(target: Path, remote: Remote) -> Part:
    """What is known of the part on disk; one that nothing is known of, or that is of another file, is discarded."""
    try:
        part = msgspec.json.decode(_note_file(target).read_bytes(), type=Part)
    except (OSError, msgspec.MsgspecError):
        part = None
    if part is None or part.url != shown(remote.url) or not target.exists():
        discard(target)
        return Part(url=shown(remote.url))
    return part


def _note_file(target: Path) -> Path:
    return target.with_name(f"{target.name}.json")


def _extent(response: httpx.Response) -> tuple[int, int | None]:
    """Where in the file an answer begins, and the length of the file if the server says it."""
    if response.status_code != 206:
        length = response.headers.get("content-length", "")
        return 0, int(length) if length.isdigit() else None
    found = _RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if found is None:
        raise _Temporary(f"{shown(str(response.url))}: the server does not say which part it sends")
    return int(found[1]), None if found[3] == "*" else int(found[3])


def _validator(response: httpx.Response) -> str:
    """What identifies the version of a file to ``If-Range``: a strong entity tag, else a date (RFC 9110, 13.1.5)."""
    tag: str = response.headers.get("etag", "")
    if tag.startswith('"'):
        return tag
    return "" if tag else response.headers.get("last-modified", "")


def _hub_digest(response: httpx.Response) -> str:
    """The SHA-256 that a hub says a large file has; it stands in the answer that leads to the file's store."""
    for answer in (response, *response.history):
        tag = answer.headers.get("x-linked-etag", "").strip('"')
        if _SHA256.fullmatch(tag):
            return f"sha256:{tag}"
    return ""


def _check_status(response: httpx.Response, remote: Remote) -> None:
    status = response.status_code
    if status in (200, 206):
        return
    message = f"{shown(remote.url)}: {_reason(response)}"
    if status in _TEMPORARY:
        raise _Temporary(message, _retry_after(response))
    if status in (401, 403):
        raise WeightsError(f"{message}; {_access(remote)}")
    if status in (404, 410):
        raise WeightsError(f"{message}; it was moved or is private: look for it with a browser, then pull its address")
    raise WeightsError(message)


def _access(remote: Remote) -> str:
    if not remote.hub:
        return "whoever offers it does not give it to everyone"
    return "accept its terms on its page there, and set HF_TOKEN to a token of your account that may read it"


def _reason(response: httpx.Response) -> str:
    return f"the server answers {response.status_code} {response.reason_phrase}".rstrip()


def _retry_after(response: httpx.Response) -> float:
    """The seconds of ``Retry-After``, which may also be a date; 0 if it says nothing."""
    text = response.headers.get("retry-after", "")
    if text.isdigit():
        return float(text)
    with contextlib.suppress(ValueError, TypeError):
        return max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0)
    return 0.0


@contextlib.contextmanager
def _translated(url: str) -> Iterator[None]:
    """Errors of the HTTP client as temporary or final ones of ours. Its messages may hold signed addresses: only their
    kind is told, unless it is the network's own word."""
    try:
        yield
    except httpx.TooManyRedirects as error:
        raise WeightsError(f"{shown(url)}: it is redirected in circles") from error
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        raise WeightsError(f"{shown(url)}: not an address of http or https") from error
    except httpx.TransportError as error:
        word = "no answer in time" if isinstance(error, httpx.TimeoutException) else str(error) or type(error).__name__
        raise _Temporary(f"{shown(url)}: {word}") from error
