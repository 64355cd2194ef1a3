"""Documents of every format become passages with titles."""

import sys
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.engines.cascade.search.documents import (
    MAX_PASSAGE,
    MAX_SENTENCE,
    MAX_TITLE,
    Passage,
    Unreadable,
    passages,
    readable,
)


def read(name: str, text: str) -> list[tuple[str, str]]:
    return [(passage.title, passage.text) for passage in passages(name, text.encode())]


class TestMarkdown:
    def test_sections_have_their_headings(self) -> None:
        text = "# Rules\n\nBe *kind*\nto `all`.\n\n## Pool\n\nIt opens at 8.\n"
        assert read("a.md", text) == [("Rules", "Be kind to all."), ("Rules, Pool", "It opens at 8.")]

    def test_items_of_lists_and_rows_of_tables_are_sentences(self) -> None:
        text = "- Pets are welcome\n- No smoking!\n\n| Room | Floor |\n|--|--|\n| 42 | 3 |\n"
        assert read("a.md", text) == [("A", "Pets are welcome. No smoking! Room, Floor. 42, 3.")]

    def test_the_front_matter_gives_the_title(self) -> None:
        assert read("a.md", "---\ndate: x\ntitle: 'My page'\n---\nHello.\n") == [("My page", "Hello.")]

    def test_links_and_markup_leave_their_words(self) -> None:
        assert read("a.md", "See [the map](http://x/y), <b>now</b>.") == [("A", "See the map, now.")]


class TestHtml:
    def test_what_nobody_sees_is_left_out(self) -> None:
        text = "<title>T</title><style>p{}</style><nav>Home</nav><p>One.<script>two()</script></p><svg><a>x</a></svg>"
        assert read("a.html", text) == [("T", "One.")]

    def test_blocks_are_apart_and_inline_elements_are_not(self) -> None:
        text = "<div>One<p>t<b>w</b>o</p>three<br>four</div>&amp; five"
        assert read("a.htm", text) == [("A", "One. two. three. four. & five.")]

    @pytest.mark.parametrize("text", ["<head><title>T</title><p>One.", "<nav><script></nav></nav><p>x", "</nav></p>x"])
    def test_sloppy_pages_are_read(self, text: str) -> None:
        passages("a.html", text.encode())


class TestPlainText:
    def test_a_first_line_that_stands_alone_is_the_title(self) -> None:
        assert read("a.txt", "Opening hours\n\nWe open\nat 8.") == [("Opening hours", "We open at 8.")]

    @pytest.mark.parametrize("text", ["We open at 8.\n\nYes.", "We open\nat 8.", "x" * 100 + "\n\nWe open."])
    def test_otherwise_the_file_names_it(self, text: str) -> None:
        assert {title for title, _ in read("opening_hours.txt", text)} == {"Opening hours"}

    def test_items_are_apart(self) -> None:
        assert read("a.txt", "Bring\n- a towel\n* soap\n2. shoes\n  and socks") == [
            ("A", "Bring. a towel. soap. shoes and socks.")
        ]

    def test_a_byte_order_mark_is_no_text(self) -> None:
        assert passages("a.txt", b"\xef\xbb\xbfHello.") == [Passage("A", "Hello.")]


def test_restructured_text() -> None:
    text = "=====\nRules\n=====\n\nBe kind.\n\n.. note:: secret\n\nPool\n----\nIt opens\nat 8.\n\n* one\n* two\n"
    assert read("a.rst", text) == [("Rules", "Be kind."), ("Rules, Pool", "It opens at 8. one. two.")]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_rows_of_a_table_name_their_columns(separator: str) -> None:
    text = "Name,Role,\nAnn,cook,x\n,,\nBob,,\n".replace(",", separator)
    assert read("the-staff.csv", text) == [("The staff", "Name: Ann, Role: cook, x. Name: Bob.")]


class TestPdf:
    def test_pages_are_read(self) -> None:
        assert [passage.text for passage in passages("a.pdf", pdf("The code is 42."))] == ["The code is 42."]

    def test_a_damaged_one_is_said_so(self) -> None:
        with pytest.raises(Unreadable, match="no PDF"):
            passages("a.pdf", b"%PDF-1.4 nonsense")

    def test_without_its_library_the_remedy_is_named(self, monkeypatch: Any) -> None:
        monkeypatch.setitem(sys.modules, "pypdf", None)
        with pytest.raises(Unreadable, match=r"pip install 'antiphon\[pdf\]'"):
            passages("a.pdf", pdf("x"))


def pdf(text: str) -> bytes:
    """A page with a line of text."""
    stream = f"BT /F1 24 Tf 72 700 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    body, offsets = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    trailer = b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(body)
    return body + b"xref\n0 6\n0000000000 65535 f \n" + table + trailer


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"caf\xe9", b"a\0b"])
def test_what_is_no_text_is_said_so(data: bytes) -> None:
    with pytest.raises(Unreadable, match=r"UTF-8|binary"):
        passages("a.txt", data)


def test_an_empty_document_has_no_passages() -> None:
    assert [passages(f"a.{kind}", b"") for kind in ("txt", "md", "html", "rst", "csv")] == [[]] * 5


def test_long_texts_are_cut_between_sentences() -> None:
    found = read("a.txt", "This is one of many sentences. " * 100)
    assert len(found) > 5
    assert all(text.endswith("sentences.") and len(text) <= MAX_PASSAGE for _, text in found)


def test_a_text_without_an_end_is_cut_between_words() -> None:
    found = read("a.txt", "word " * 1000 + "x" * 1000)
    assert all(len(text) <= MAX_SENTENCE + 1 for _, text in found)
    assert "".join(text.rstrip(".").replace(" ", "") for _, text in found) == "word" * 1000 + "x" * 1000


def test_which_names_are_documents() -> None:
    assert all(readable(f"a.{kind}") for kind in "txt text md MARKDOWN rst html HTM csv tsv pdf".split())
    assert not any(readable(name) for name in ("a", "a.py", "a.png", "md", ".md.swp"))


@given(st.sampled_from("txt md rst html csv".split()), st.text() | st.text('<>/ab#-|*=`[](){}&;.\n\t" ', max_size=80))
def test_any_text_is_read(kind: str, text: str) -> None:
    with suppress(Unreadable):
        for passage in passages(f"name.{kind}", text.encode(errors="replace")):
            assert 0 < len(passage.text) <= MAX_PASSAGE + MAX_SENTENCE
            assert passage.title
            assert len(passage.title) <= 2 * MAX_TITLE + 2
            assert "\n" not in passage.title + passage.text
