"""What an answer rests on, free of any wire format."""

from msgspec import Struct


class Source(Struct, frozen=True):
    """A document or page that was found."""

    uri: str
    title: str


class Support(Struct, frozen=True):
    """``text`` of the answer rests on the sources with these indices. Offsets are bytes of UTF-8 of the answer."""

    text: str
    start: int
    end: int
    sources: tuple[int, ...]


class GroundedSearch(Struct, frozen=True):
    """The queries that were searched, what they found, and which words of the answer rest on what.

    Each query is counted and may be charged.
    """

    queries: tuple[str, ...]
    sources: tuple[Source, ...] = ()
    supports: tuple[Support, ...] = ()
