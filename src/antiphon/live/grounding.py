"""What an answer rests on, and how clients read it."""

from collections.abc import Sequence
from html import escape

from msgspec import Struct

from antiphon.wire.gemini import server


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


def metadata(grounding: GroundedSearch) -> server.GroundingMetadata:
    """The grounding as clients read it. How sure a support is, is not known here, and so not said."""
    queries = list(grounding.queries)
    return server.GroundingMetadata(
        web_search_queries=queries,
        search_entry_point=server.SearchEntryPoint(rendered_content=_chips(queries)) if queries else None,
        grounding_chunks=[
            server.GroundingChunk(web=server.WebChunk(uri=source.uri, title=source.title))
            for source in grounding.sources
        ],
        grounding_supports=[_support(support) for support in grounding.supports],
    )


def _support(support: Support) -> server.GroundingSupport:
    segment = server.Segment(start_index=support.start, end_index=support.end, text=support.text)
    return server.GroundingSupport(segment=segment, grounding_chunk_indices=list(support.sources))


def _chips(queries: Sequence[str]) -> str:
    """The queries as HTML that needs nothing around it and holds no script, link or request."""
    chips = "".join(f'<span style="{_CHIP}">{escape(query)}</span>' for query in queries)
    return f'<div style="{_ROW}">{chips}</div>'


_ROW = "display:flex;flex-wrap:wrap;gap:8px;font:14px/20px sans-serif"
_CHIP = "padding:4px 12px;border:1px solid #8886;border-radius:16px"
