"""What an answer rests on, as clients read it."""

import json
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from antiphon.live.grounding import GroundedSearch, Source, Support, metadata
from antiphon.wire.gemini.encode import encode_server
from antiphon.wire.gemini.server import ServerContent, ServerMessage

GROUNDING = GroundedSearch(
    queries=("opening hours",),
    sources=(Source("file:///hours.md", "Hours"), Source("https://x.example/b", "B")),
    supports=(Support("Schön: we open at nine.", 0, 24, (0, 1)), Support("Come in.", 25, 33, (1,))),
)


def test_it_is_written_as_documented() -> None:
    frame = encode_server(ServerMessage(server_content=ServerContent(grounding_metadata=metadata(GROUNDING))))
    found = json.loads(frame)["serverContent"]["groundingMetadata"]
    assert "opening hours" in found.pop("searchEntryPoint")["renderedContent"]
    assert found == {
        "webSearchQueries": ["opening hours"],
        "groundingChunks": [
            {"web": {"uri": "file:///hours.md", "title": "Hours"}},
            {"web": {"uri": "https://x.example/b", "title": "B"}},
        ],
        "groundingSupports": [
            {"segment": {"endIndex": 24, "text": "Schön: we open at nine."}, "groundingChunkIndices": [0, 1]},
            {"segment": {"startIndex": 25, "endIndex": 33, "text": "Come in."}, "groundingChunkIndices": [1]},
        ],
    }


def test_without_a_search_there_is_nothing_to_show() -> None:
    assert metadata(GroundedSearch(queries=())).search_entry_point is None


class Page(HTMLParser):
    """What a browser makes of a snippet: its elements and their text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.texts: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert [name for name, _ in attrs] == ["style"]
        self.elements.append(tag)
        self.texts.append("")

    def handle_data(self, data: str) -> None:
        self.texts[-1] += data


@given(queries=st.lists(st.text(st.characters(exclude_categories=["C", "Z"])) | st.just("<script>\"&'"), min_size=1))
def test_whatever_a_query_holds_is_only_text(queries: list[str]) -> None:
    entry = metadata(GroundedSearch(queries=tuple(queries))).search_entry_point
    assert entry is not None
    page = Page(entry.rendered_content)
    assert page.elements == ["div", *["span"] * len(queries)]
    assert page.texts == ["", *queries]
