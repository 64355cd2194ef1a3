"""Passages in a full-text index: SQLite FTS5 in memory, English endings and all accents forgiven, ranked by BM25."""

import re
import sqlite3
from collections.abc import Iterable

from antiphon.engines.cascade.brain.words import STOP
from antiphon.engines.cascade.parts import Found
from antiphon.engines.cascade.search.documents import Passage

_SCHEMA = """
CREATE VIRTUAL TABLE passages USING fts5(title, text, uri UNINDEXED, tokenize = 'porter unicode61 remove_diacritics 2');
CREATE TABLE documents(uri TEXT PRIMARY KEY, first INTEGER NOT NULL, last INTEGER NOT NULL);
"""
_FIND = """
SELECT uri, title, text FROM passages WHERE passages MATCH ? ORDER BY bm25(passages, 2.0, 1.0), rowid LIMIT ?
"""
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_MOST_TERMS = 32


class IndexUnavailable(Exception):
    """This Python's SQLite has no full-text search."""


class Index:
    """Documents by their URI. Not for several threads at once, but for any one at a time."""

    def __init__(self) -> None:
        self._database = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)
        try:
            self._database.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            self._database.close()
            raise IndexUnavailable(str(error)) from error
        self._next = 1

    def __len__(self) -> int:
        return int(self._database.execute("SELECT count(*) FROM passages").fetchone()[0])

    def put(self, uri: str, passages: Iterable[Passage]) -> None:
        """Add a document, or replace it."""
        self._database.execute("BEGIN")
        self._remove(uri)
        first = self._next
        rows = [(first + at, passage.title, passage.text, uri) for at, passage in enumerate(passages)]
        self._database.executemany("INSERT INTO passages(rowid, title, text, uri) VALUES (?, ?, ?, ?)", rows)
        if rows:
            self._next += len(rows)
            self._database.execute("INSERT INTO documents VALUES (?, ?, ?)", (uri, first, self._next - 1))
        self._database.execute("COMMIT")

    def remove(self, uri: str) -> None:
        """Forget a document, if it is there."""
        self._database.execute("BEGIN")
        self._remove(uri)
        self._database.execute("COMMIT")

    def find(self, question: str, limit: int) -> list[Found]:
        """The best passages for a question in plain words."""
        terms = expression(question)
        rows = self._database.execute(_FIND, (terms, limit)).fetchall() if terms else []
        return [Found(uri, title, text) for uri, title, text in rows]

    def close(self) -> None:
        """Free the memory. Idempotent."""
        self._database.close()

    def _remove(self, uri: str) -> None:
        place = self._database.execute("DELETE FROM documents WHERE uri = ? RETURNING first, last", (uri,)).fetchone()
        if place:
            self._database.execute("DELETE FROM passages WHERE rowid BETWEEN ? AND ?", place)


def expression(question: str) -> str:
    """What FTS5 is to match: any of the words that say something. Empty when none does.

    Every word is quoted, so nothing a user says is read as an operator.
    """
    words = (word.lower().removesuffix("'s") for word in _WORD.findall(question.replace("’", "'")))
    telling = dict.fromkeys(word for word in words if word not in STOP)
    return " OR ".join(f'"{word}"' for word in list(telling)[:_MOST_TERMS])
