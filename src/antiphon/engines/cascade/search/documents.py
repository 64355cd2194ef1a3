"""Documents as passages of a few sentences: text, Markdown, reStructuredText, HTML, CSV, and PDF where pypdf is."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from html.parser import HTMLParser
from itertools import groupby
from pathlib import PurePath
from typing import Literal

from markdown_it import MarkdownIt
from msgspec import Struct

from antiphon.engines.cascade.brain.words import sentences

MAX_PASSAGE = 500
"""Characters after which a passage ends, at the end of a sentence."""
MAX_SENTENCE = 600
"""Characters of a sentence; what has no end in sight is cut between words."""
MAX_TITLE = 80
MAX_PAGES = 500
"""Pages of a PDF that are read."""


class Unreadable(Exception):
    """A document cannot be read; the message says why."""


class Passage(Struct, frozen=True):
    """A few sentences of one section. ``title`` is the document's, with the section's heading if it has one."""

    title: str
    text: str


class Block(Struct, frozen=True):
    """A stretch of a document: its title, a section's heading, or a paragraph of text."""

    kind: Literal["title", "heading", "text"]
    text: str


def passages(name: str, data: bytes) -> list[Passage]:
    """The passages of a document. ``name`` is its file name: the ending says the format, the stem a title.

    Raises:
        Unreadable: it is no text of its format.
    """
    path = PurePath(name)
    suffix = path.suffix.lower()
    blocks = list(_pdf(data) if suffix == ".pdf" else _FORMATS[suffix](_decoded(data)))
    title = _title(blocks) or path.stem.replace("_", " ").replace("-", " ").capitalize()
    return list(_passages(title, blocks))


def readable(name: str) -> bool:
    """Whether a file of this name may be a document."""
    return PurePath(name).suffix.lower() in {*_FORMATS, ".pdf"}


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("is not UTF-8 text") from error
    if "\0" in text:
        raise Unreadable("is binary")
    return text


# --- formats: text -> blocks --------------------------------------------------------------------------------------

_BULLET = re.compile(r"\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_FRONT_MATTER = re.compile(r"---\n(?P<fields>.*?)\n---\n", re.DOTALL)
_FIELD_TITLE = re.compile(r"^title:\s*[\"']?(?P<title>.+?)[\"']?\s*$", re.MULTILINE)
_UNDERLINE = re.compile(r"([=\-~^\"'`#*+:.])\1{2,}\s*$")
_DIRECTIVE = re.compile(r"\s*\.\.\s|\s*:[\w-]+:\s")


def _plain(text: str) -> Iterator[Block]:
    """Paragraphs; a first line that stands alone and is no sentence is the title."""
    for number, lines in enumerate(_paragraphs(text)):
        alone = number == 0 and len(lines) == 1 and len(lines[0]) <= MAX_TITLE
        yield from [Block("title", lines[0])] if alone and not re.search(r"[.!?:]$", lines[0]) else _unwrapped(lines)


def _paragraphs(text: str) -> Iterator[list[str]]:
    for empty, lines in groupby(text.splitlines(), lambda line: not line.strip()):
        if not empty:
            yield [line.rstrip() for line in lines]


def _unwrapped(lines: Iterable[str]) -> Iterator[Block]:
    """A paragraph's lines joined again; each item of a list by itself."""
    together: list[str] = []
    for line in lines:
        if _BULLET.match(line) and together:
            yield Block("text", " ".join(together))
            together = []
        together.append(_BULLET.sub("", line, count=1).strip())
    if together:
        yield Block("text", " ".join(together))


def _markdown(text: str) -> Iterator[Block]:
    front = _FRONT_MATTER.match(text)
    if front and (named := _FIELD_TITLE.search(front["fields"])):
        yield Block("title", named["title"])
    body = text[front.end() :] if front else text
    yield from _html(MarkdownIt("commonmark").enable("table").render(body))


def _restructured(text: str) -> Iterator[Block]:
    """Sections by their underlines; directives and fields are left out, what is in them is kept."""
    lines = [line for line in text.splitlines() if not _DIRECTIVE.match(line)]
    for paragraph in _paragraphs("\n".join(lines)):
        rest = [line for line in paragraph if not _UNDERLINE.match(line)]
        underlined = len(paragraph) > 1 and any(_UNDERLINE.match(line) for line in paragraph[1:3])
        if underlined and rest:
            yield Block("heading", rest.pop(0).strip())
        yield from _unwrapped(rest)


def _table(text: str) -> Iterator[Block]:
    """Each row as a sentence, "name: Tom, role: porter", after the names in the first row."""
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    try:
        rows = [row for row in csv.reader(io.StringIO(text), delimiter=separator) if any(row)]
    except csv.Error as error:
        raise Unreadable(f"is not CSV ({error})") from error
    names = rows[0] if rows else []
    for row in rows[1:]:
        cells = ((names[at] if at < len(names) else "", cell.strip()) for at, cell in enumerate(row))
        told = [f"{name.strip()}: {cell}" if name.strip() else cell for name, cell in cells if cell]
        yield Block("text", ", ".join(told) + ".")


def _html(text: str) -> Iterator[Block]:
    page = _Page()
    page.feed(text)
    page.close()
    page.end_block()
    yield from page.blocks


_HEADINGS = frozenset({"h1", "h2", "h3", "h4", "h5", "h6"})
_HIDDEN = frozenset({"script", "style", "noscript", "template", "svg", "nav"})
_INLINE = frozenset(
    {"a", "abbr", "b", "bdi", "bdo", "cite", "code", "del", "dfn", "em", "font", "i", "img", "ins", "kbd", "label",
     "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"}
)  # fmt: skip
_CELLS = frozenset({"td", "th", "dt"})


class _Page(HTMLParser):
    """Collects the blocks of a page. Every element that is not inline ends one; cells are joined by commas."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[Block] = []
        self._text: list[str] = []
        self._kind: Literal["title", "heading", "text"] = "text"
        self._hidden: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden.append(tag)
        if tag in _INLINE or tag in _CELLS:
            return
        self.end_block()
        self._kind = "title" if tag == "title" else "heading" if tag in _HEADINGS else "text"

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            while self._hidden.pop() != tag:
                pass
        if tag in _CELLS:
            self._text.append(", ")
        elif tag not in _INLINE:
            self.end_block()

    def handle_data(self, data: str) -> None:
        if self._kind == "title" or not self._hidden:
            self._text.append(data)

    def end_block(self) -> None:
        """What was read since the last block is one."""
        text = re.sub(r"\s+,", ",", _spaced("".join(self._text))).strip(" ,")
        if text:
            self.blocks.append(Block(self._kind, text))
        self._text, self._kind = [], "text"


def _pdf(data: bytes) -> Iterator[Block]:
    try:
        from pypdf import PdfReader
    except ImportError:
        raise Unreadable("needs pypdf: pip install 'antiphon[pdf]'") from None
    try:
        reader = PdfReader(io.BytesIO(data))
        pages = [page.extract_text() for page in reader.pages[:MAX_PAGES]]
        title = reader.metadata.title if reader.metadata else None
    except Exception as error:
        # pypdf raises what its many decoders raise on a damaged file.
        raise Unreadable(f"is no PDF that can be read ({type(error).__name__})") from error
    if title and title.strip():
        yield Block("title", _spaced(title))
    for page in pages:
        for paragraph in _paragraphs(page.replace("\0", " ")):
            yield from _unwrapped(paragraph)


_FORMATS: dict[str, Callable[[str], Iterator[Block]]] = {
    ".txt": _plain,
    ".text": _plain,
    ".md": _markdown,
    ".markdown": _markdown,
    ".rst": _restructured,
    ".html": _html,
    ".htm": _html,
    ".csv": _table,
    ".tsv": _table,
}

# --- blocks -> passages -------------------------------------------------------------------------------------------


def _spaced(text: str) -> str:
    return " ".join(text.split())


def _title(blocks: Iterable[Block]) -> str:
    """The title a document gives itself, else its first heading."""
    named = [block for block in blocks if block.kind != "text"]
    best = next((block for block in named if block.kind == "title"), named[0] if named else None)
    return _spaced(best.text)[:MAX_TITLE] if best else ""


def _passages(title: str, blocks: Iterable[Block]) -> Iterator[Passage]:
    heading, gathered = "", list[str]()
    for block in blocks:
        if block.kind == "text":
            gathered += _sentences(block.text)
        elif block.kind == "heading":
            yield from _packed(_headed(title, heading), gathered)
            heading, gathered = _spaced(block.text)[:MAX_TITLE], []
    yield from _packed(_headed(title, heading), gathered)


def _headed(title: str, heading: str) -> str:
    return f"{title}, {heading}" if heading and heading != title else title


def _packed(title: str, gathered: Iterable[str]) -> Iterator[Passage]:
    """Sentences packed into passages of about :data:`MAX_PASSAGE` characters."""
    text = ""
    for sentence in gathered:
        if text and len(text) + len(sentence) > MAX_PASSAGE:
            yield Passage(title, text)
            text = ""
        text = f"{text} {sentence}".lstrip()
    if text:
        yield Passage(title, text)


def _sentences(text: str) -> Iterator[str]:
    for sentence in sentences(_spaced(text)):
        rest = _spaced(sentence)
        while len(rest) > MAX_SENTENCE:
            cut = rest.rfind(" ", 0, MAX_SENTENCE)
            cut = cut if cut > 0 else MAX_SENTENCE
            yield rest[:cut]
            rest = rest[cut:].strip()
        if re.search(r"\w", rest):
            yield rest if rest[-1] in ".!?:…" else f"{rest}."
