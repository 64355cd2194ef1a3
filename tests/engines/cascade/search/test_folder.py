"""Search in a folder follows the folder, and never leaves it."""

import asyncio
import logging
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.engines.cascade.parts import SearchFailed
from antiphon.engines.cascade.search import FolderSearch, folder
from antiphon.engines.cascade.search.folder import LOOK_EVERY, LOOK_FOR


class Clock:
    """Seconds that pass when told to, and ``each`` whenever one looks."""

    def __init__(self) -> None:
        self.now = 0.0
        self.each = 0.0

    def __call__(self) -> float:
        self.now += self.each
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def search(documents: Path, clock: Clock) -> AsyncIterator[FolderSearch]:
    search = FolderSearch(documents, clock)
    await search.start()
    yield search
    await search.aclose()


async def texts(search: FolderSearch, query: str) -> list[str]:
    return [found.text for found in await search.search(query)]


async def test_questions_find_passages_and_say_where(search: FolderSearch) -> None:
    porter, *_ = await search.search("who is the night porter?")
    assert porter.title == "House rules, Night porter"
    assert porter.text.startswith("The night porter is Tom Baker.")
    assert porter.uri == "document:///house_rules.md"
    password, *_ = await search.search("what is the wifi password")
    assert (password.uri, password.title) == ("document:///town/cafe.html", "About the café, Wi-Fi")
    assert (await search.search("head cook"))[0].text.startswith("Name: Ann Lee, Role: head cook.")


async def test_nobody_learns_where_the_folder_is(search: FolderSearch, documents: Path) -> None:
    found = await search.search("porter password cook pool opens")
    assert found
    assert not any(str(documents) in str(one) for one in found)


async def test_names_with_spaces_are_addresses(documents: Path, clock: Clock) -> None:
    (documents / "ä b?.txt").write_text("A zebra.")
    search = FolderSearch(documents, clock)
    await search.start()
    assert (await search.search("zebra"))[0].uri == "document:///%C3%A4%20b%3F.txt"
    await search.aclose()


async def test_what_was_indexed_is_told(documents: Path, caplog: pytest.LogCaptureFixture) -> None:
    (documents / "broken.txt").write_bytes(b"\xff\xff")
    caplog.set_level(logging.INFO, "antiphon.search")
    search = FolderSearch(documents)
    await search.start()
    assert str(search) == f"3 documents of {documents}"
    assert "left out of the search: broken.txt is not UTF-8 text" in caplog.text
    assert "3 documents" in caplog.text
    assert "1 files left out" in caplog.text
    await search.aclose()


class TestChanges:
    async def test_are_seen_by_the_next_look(self, search: FolderSearch, documents: Path, clock: Clock) -> None:
        (documents / "new.txt").write_text("The zebra lives here.")
        (documents / "staff.csv").write_text("Name,Role\nEve Fox,head cook\n")
        (documents / "town" / "cafe.html").unlink()
        assert await texts(search, "zebra") == []
        clock.now += LOOK_EVERY
        assert await texts(search, "zebra") == ["The zebra lives here."]
        assert await texts(search, "head cook") == ["Name: Eve Fox, Role: head cook."]
        assert await texts(search, "password") == []

    async def test_that_spoil_a_document_remove_it(self, search: FolderSearch, documents: Path, clock: Clock) -> None:
        (documents / "staff.csv").write_bytes(b"\0\0")
        clock.now += LOOK_EVERY
        assert await texts(search, "cook") == []
        (documents / "staff.csv").write_text("Name,Role\nEve Fox,cook\n")
        clock.now += LOOK_EVERY
        assert await texts(search, "cook") == ["Name: Eve Fox, Role: cook."]
        assert str(search).startswith("3 documents")

    async def test_unchanged_files_are_not_read_again(
        self, search: FolderSearch, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(folder, "passages", lambda *_: pytest.fail("read again"))
        clock.now += LOOK_EVERY
        assert await texts(search, "porter")

    async def test_many_are_taken_in_a_few_at_a_time(self, search: FolderSearch, documents: Path, clock: Clock) -> None:
        for number in range(10):
            (documents / f"{number}.txt").write_text(f"Zebra {number}.")
        clock.now += LOOK_EVERY
        clock.each = LOOK_FOR / 4
        first = len(await search.search("zebra", 20))
        assert 0 < first < 10
        clock.each = 0.0
        clock.now += LOOK_EVERY
        assert len(await search.search("zebra", 20)) == 10

    async def test_a_folder_that_goes_away_fails_the_search(
        self, search: FolderSearch, documents: Path, clock: Clock
    ) -> None:
        os.rename(documents, documents.with_name("gone"))  # noqa: PTH104
        clock.now += LOOK_EVERY
        with pytest.raises(SearchFailed, match="cannot be read") as failed:
            await search.search("porter")
        assert str(documents) not in str(failed.value)


class TestBounds:
    @pytest.fixture
    def outside(self, tmp_path: Path) -> Path:
        (tmp_path / "secret.txt").write_text("The zebra is a secret.")
        return tmp_path / "secret.txt"

    async def test_links_are_not_followed(self, documents: Path, outside: Path) -> None:
        (documents / "link.txt").symlink_to(outside)
        (documents / "linked").symlink_to(outside.parent)
        search = FolderSearch(documents)
        await search.start()
        assert await texts(search, "zebra secret") == []
        await search.aclose()

    async def test_a_folder_that_becomes_a_link_is_not_followed(
        self, documents: Path, outside: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It was a folder when it was listed, and is a link when its files are read."""
        (documents / "sub").symlink_to(outside.parent)
        stamp = folder.Stamp(1, 1)
        monkeypatch.setattr(folder, "_walk", lambda *_: iter([("sub/secret.txt", stamp)]))
        search = FolderSearch(documents)
        await search.start()
        assert await texts(search, "zebra secret") == []
        await search.aclose()

    async def test_hidden_and_foreign_files_are_not_read(self, documents: Path) -> None:
        (documents / ".git").mkdir()
        for name in (".env.txt", ".git/zebra.md", "zebra.py", "zebra"):
            (documents / name).write_text("A zebra.")
        os.mkfifo(documents / "pipe.txt")
        search = FolderSearch(documents)
        await search.start()
        assert await texts(search, "zebra") == []
        await search.aclose()

    async def test_large_files_are_left_out(
        self, documents: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(folder, "MAX_BYTES", 2 << 20)
        (documents / "large.txt").write_text("zebra " * (1 << 19))
        search = FolderSearch(documents)
        await search.start()
        assert await texts(search, "zebra") == []
        assert "large.txt is larger than 2 MiB" in caplog.text
        await search.aclose()

    async def test_too_many_files_are_left_out_and_said_once(
        self, documents: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, clock: Clock
    ) -> None:
        monkeypatch.setattr(folder, "MAX_FILES", 2)
        search = FolderSearch(documents, clock)
        await search.start()
        clock.now += LOOK_EVERY
        assert await texts(search, "password") == []
        assert caplog.text.count("there are more than 2 documents") == 1
        await search.aclose()

    async def test_a_folder_that_may_not_be_read_is_left_out(
        self, documents: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        scan = os.scandir

        def scandir(path: Path) -> Any:
            if path.name == "town":
                raise PermissionError(13, "Permission denied")
            return scan(path)

        monkeypatch.setattr(folder.os, "scandir", scandir)
        search = FolderSearch(documents)
        await search.start()
        assert await texts(search, "porter")
        assert "town Permission denied" in caplog.text
        await search.aclose()


async def test_the_event_loop_goes_on_while_the_folder_is_read(
    documents: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()
    monkeypatch.setattr(folder, "passages", lambda *_: gate.wait(10) and [])
    search = FolderSearch(documents)
    starting = asyncio.create_task(search.start())
    await asyncio.sleep(0)
    assert not starting.done()
    gate.set()
    await starting
    await search.aclose()


async def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "none", tmp_path / "file"):
        search = FolderSearch(path)
        with pytest.raises(EngineUnavailable, match=rf"search folder .*{path.name}: N.*; name a folder"):
            await search.start()
        await search.aclose()


async def test_a_closed_search_fails(search: FolderSearch) -> None:
    await search.aclose()
    await search.aclose()
    with pytest.raises(SearchFailed, match="closed"):
        await search.search("porter")
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("antiphon-search")]
