"""The server's search, offered to the model as a function that is answered here."""

from typing import Any, Final

from antiphon.engines.cascade.parts import Found, Ground, Search, SearchFailed
from antiphon.live.grounding import GroundedSearch, Source
from antiphon.live.history import FunctionCall
from antiphon.live.setup import Tool

DESCRIPTION: Final = (
    "Searches the documents and pages that answers may rest on. Use it for whatever you do not know for certain, "
    "before you answer. Say nothing that is not in what it found."
)
PARAMETERS: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"query": {"type": "string", "description": "What to look for, in a few plain words."}},
    "required": ["query"],
}
MAX_FOUND: Final = 5
MAX_QUERY: Final = 500


class Searching:
    """The searches of one answer. ``taken`` are names of functions that the client has declared."""

    def __init__(self, search: Search | None, taken: set[str]) -> None:
        self._search = search
        name = next(name for number in range(len(taken) + 1) if (name := f"search{number or ''}") not in taken)
        self.tools = (Tool(name, DESCRIPTION, PARAMETERS),) if search is not None else ()
        self._name = name
        self._queries: list[str] = []
        self._sources: dict[str, Source] = {}

    def is_search(self, call: FunctionCall) -> bool:
        """Whether a call is for the search."""
        return self._search is not None and call.name == self._name

    async def search(self, call: FunctionCall) -> dict[str, Any]:
        """The result of a call: what was found, or why nothing could be."""
        assert self._search is not None
        query = str(call.args.get("query") or "").strip()[:MAX_QUERY]
        if not query:
            return {"error": "query is missing"}
        try:
            found = await self._search.search(query, MAX_FOUND)
        except SearchFailed as error:
            return {"error": str(error)}
        self._queries.append(query)
        self._sources |= {one.uri: Source(one.uri, one.title) for one in found}
        return {"found": [_told(one) for one in found]}

    def ground(self) -> Ground | None:
        """What was searched since the last time this was asked; None when nothing was.

        Which words rest on which source only the model knows, so nothing is said of that.
        """
        if not self._queries:
            return None
        ground = Ground(GroundedSearch(tuple(self._queries), tuple(self._sources.values())))
        self._queries, self._sources = [], {}
        return ground


def _told(found: Found) -> dict[str, str]:
    return {"title": found.title, "text": found.text}
