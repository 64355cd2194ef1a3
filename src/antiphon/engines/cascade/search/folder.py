"""Search in a folder of the owner's documents, embedded: no service, no download, nothing leaves the machine.

The index is made when the engine starts and follows the folder: a search first takes in what changed since the last
look. Only what lies in the folder is read: links, hidden files and files of other kinds are left out.
"""

import asyncio
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.parts import Found, SearchFailed
from antiphon.engines.cascade.search.documents import Unreadable, passages, readable
from antiphon.engines.cascade.search.index import Index, IndexUnavailable

log = logging.getLogger("antiphon.search")

MAX_FILES = 10_000
"""Documents that are indexed, in the order of their paths."""
MAX_BYTES = 4 << 20
"""Bytes of a file; a larger one is skipped."""
LOOK_EVERY = 2.0
"""Seconds before a search looks again for what changed in the folder."""
LOOK_FOR = 1.0
"""Seconds that a search spends on what changed; the rest waits for the next look."""


class Stamp(Struct, frozen=True):
    """What tells one version of a file from the next."""

    modified: int
    size: int


class FolderSearch:
    """Finds passages in the documents of a folder. ``clock`` counts seconds.

    Their URIs are ``document:///path/in/the/folder.md``: a client does not learn where the folder is.
    """

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._folder = folder
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, "antiphon-search")
        self._index: Index | None = None
        self._known: dict[str, Stamp] = {}
        self._skipped: set[str] = set()
        self._noted: set[str] = set()
        self._looked = 0.0

    def __str__(self) -> str:
        count = len(self._known) - len(self._skipped)
        return f"{count} document{'' if count == 1 else 's'} of {self._folder}"

    async def start(self) -> None:
        """Read the folder, in a thread.

        Raises:
            EngineUnavailable: there is no such folder, or this Python has no full-text search.
        """
        await asyncio.get_running_loop().run_in_executor(self._thread, self._open)

    async def search(self, query: str, limit: int = 5) -> list[Found]:
        """The best passages for a question in plain words, best first.

        Raises:
            SearchFailed: the folder is gone, or the search is closed.
        """
        if self._index is None:
            raise SearchFailed("the search is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._search, self._index, query, limit)

    async def aclose(self) -> None:
        """Free the index. Idempotent."""
        index, self._index = self._index, None
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        if index is not None:
            index.close()

    # --- in the thread --------------------------------------------------------------------------------------------

    def _open(self) -> None:
        began = self._clock()
        try:
            self._folder = self._folder.expanduser().resolve(strict=True)
            index = Index()
            self._look(index, limit=None)
        except IndexUnavailable as error:
            remedy = "use a Python whose sqlite3 has FTS5, or a search service"
            raise EngineUnavailable(f"search: this Python has no full-text search ({error}); {remedy}") from error
        except OSError as error:
            remedy = "name a folder that the server may read"
            raise EngineUnavailable(f"search folder {self._folder}: {error.strerror}; {remedy}") from error
        self._index = index
        spent, skipped = self._clock() - began, len(self._skipped)
        log.info("indexed %s: %d passages in %.1f s, %d files left out", self, len(index), spent, skipped)

    def _search(self, index: Index, query: str, limit: int) -> list[Found]:
        if self._clock() - self._looked >= LOOK_EVERY:
            try:
                self._look(index, LOOK_FOR)
            except OSError as error:
                log.warning("the search folder cannot be read: %s", error)
                raise SearchFailed("the folder of documents cannot be read") from error
        return index.find(query, limit)

    def _look(self, index: Index, limit: float | None) -> None:
        """Take in what changed, for at most ``limit`` seconds."""
        began = self._clock()
        found = self._files()
        for path in self._known.keys() - found.keys():
            self._forget(index, path)
        for path, stamp in found.items():
            if limit is not None and self._clock() - began > limit:
                break
            if self._known.get(path) != stamp:
                self._take(index, path, stamp)
        self._looked = self._clock()

    def _files(self) -> dict[str, Stamp]:
        """The documents of the folder, by their path in it."""
        files: dict[str, Stamp] = {}
        for path, stamp in _walk(self._folder, "", self._note):
            if len(files) == MAX_FILES:
                self._note(path, f"and what comes after: there are more than {MAX_FILES} documents")
                break
            files[path] = stamp
        return files

    def _note(self, path: str, problem: str) -> None:
        """Say once what is left out."""
        if path not in self._noted:
            self._noted.add(path)
            log.warning("left out of the search: %s %s", path, problem)

    def _forget(self, index: Index, path: str) -> None:
        index.remove(_uri(path))
        self._skipped.discard(path)
        del self._known[path]

    def _take(self, index: Index, path: str, stamp: Stamp) -> None:
        """Index one file, or say why not and forget what it was before."""
        self._known[path] = stamp
        self._skipped.discard(path)
        try:
            index.put(_uri(path), passages(path, _read(self._folder, path)))
        except (Unreadable, OSError) as error:
            index.remove(_uri(path))
            self._skipped.add(path)
            log.warning("left out of the search: %s %s", path, getattr(error, "strerror", None) or error)


def _walk(folder: Path, inside: str, note: Callable[[str, str], None]) -> Iterator[tuple[str, Stamp]]:
    """The documents below a folder in the order of their paths, links and hidden entries left out."""
    with os.scandir(folder / inside) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        path = f"{inside}/{entry.name}" if inside else entry.name
        if entry.name.startswith(".") or not _is_text(entry.name):
            continue
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(folder, path, note)
            elif entry.is_file(follow_symlinks=False) and readable(entry.name):
                found = entry.stat(follow_symlinks=False)
                yield path, Stamp(found.st_mtime_ns, found.st_size)
        except OSError as error:
            note(path, error.strerror or "cannot be read")


def _is_text(name: str) -> bool:
    """Whether a file's name is text; on some systems it may be any bytes."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _read(folder: Path, path: str) -> bytes:
    """The bytes of a file that lies in the folder itself, whatever became of it since it was listed."""
    whole = folder / path
    if whole.resolve(strict=True) != whole:
        raise Unreadable("is a link")
    with os.fdopen(os.open(whole, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise Unreadable("is no file")
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise Unreadable(f"is larger than {MAX_BYTES >> 20} MiB")
    return data


def _uri(path: str) -> str:
    return f"document:///{quote(path)}"
