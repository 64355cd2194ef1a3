"""A file that changes is taken whole or not at all, and it is said which."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from antiphon.engines.base import EngineUnavailable
from antiphon.server.config import Config, load_config
from antiphon.server.reloading import Reloader, Reloading
from antiphon.testing.clock import VirtualClock


class Applied:
    """Takes configurations, or fails."""

    def __init__(self) -> None:
        self.ports: list[int] = []
        self.fails: Exception | None = None
        self.may = asyncio.Event()
        self.may.set()

    async def __call__(self, config: Config) -> str:
        await self.may.wait()
        if self.fails is not None:
            raise self.fails
        self.ports.append(config.port)
        return f"port {config.port}"


class File:
    """The configuration file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.write("port = 1")

    def write(self, text: str) -> None:
        self.path.write_text(text)

    def read(self) -> Config:
        return load_config(self.path, {})

    def replace(self, text: str) -> None:
        """Put another one in its place that is as long and as old."""
        before, other = self.path.stat(), self.path.with_name("new")
        other.write_text(text)
        os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
        other.replace(self.path)

    def remove(self) -> None:
        self.path.unlink()


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path / "antiphon.toml")


@pytest.fixture
async def applied() -> Applied:
    return Applied()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def reloader(file: File, applied: Applied, clock: VirtualClock) -> AsyncIterator[Reloader]:
    reloader = Reloader(file.path, file.read, applied, clock)
    reloader.watch()
    yield reloader
    await reloader.aclose()


class TestWatching:
    async def look(self, clock: VirtualClock, settle: Any) -> None:
        clock.advance(2)
        await settle()

    async def test_a_file_as_it_was_is_left_alone(
        self, reloader: Reloader, applied: Applied, clock: VirtualClock, settle: Any
    ) -> None:
        for _ in range(3):
            await self.look(clock, settle)
        assert applied.ports == []

    async def test_a_change_is_taken_once(
        self, file: File, reloader: Reloader, applied: Applied, clock: VirtualClock, settle: Any
    ) -> None:
        file.write("port = 22")
        for _ in range(3):
            await self.look(clock, settle)
        assert applied.ports == [22]
        assert reloader.status == Reloading(taken=1, said="port 22")

    async def test_a_file_that_another_one_replaces_is_a_change(
        self, file: File, reloader: Reloader, applied: Applied, clock: VirtualClock, settle: Any
    ) -> None:
        file.replace("port = 3")
        await self.look(clock, settle)
        assert applied.ports == [3]

    async def test_what_is_written_while_one_is_taken_is_taken_next(
        self, file: File, reloader: Reloader, applied: Applied, clock: VirtualClock, settle: Any
    ) -> None:
        applied.may.clear()
        file.write("port = 22")
        await self.look(clock, settle)
        file.write("port = 333")
        applied.may.set()
        await settle()
        await self.look(clock, settle)
        assert applied.ports == [22, 333]

    async def test_a_file_that_is_gone_is_told_once(
        self, file: File, reloader: Reloader, applied: Applied, clock: VirtualClock, settle: Any
    ) -> None:
        file.remove()
        for _ in range(3):
            await self.look(clock, settle)
        assert (reloader.status.refused, applied.ports) == (1, [])

    async def test_nobody_looks_after_the_end(
        self, file: File, reloader: Reloader, applied: Applied, clock: VirtualClock, settle: Any
    ) -> None:
        await reloader.aclose()
        file.write("port = 22")
        await self.look(clock, settle)
        assert applied.ports == []


class TestRefusal:
    async def test_a_broken_file_is_told_in_one_line(
        self, file: File, reloader: Reloader, applied: Applied, caplog: pytest.LogCaptureFixture
    ) -> None:
        file.write("port = 1\nprot = 2")
        with caplog.at_level(logging.ERROR):
            status = await reloader.reload()
        (record,) = caplog.records
        assert record.getMessage().startswith("configuration not changed, for the file cannot be used: ")
        assert "unknown field prot" in record.getMessage()
        assert "\n" not in record.getMessage()
        assert (status.good, status.refused, status.taken, applied.ports) == (False, 1, 0, [])

    async def test_an_engine_that_cannot_start_is_told(self, reloader: Reloader, applied: Applied) -> None:
        applied.fails = EngineUnavailable("engines.google: key is env:X;\n set it")
        status = await reloader.reload()
        assert (status.good, status.said) == (False, "engines.google: key is env:X; set it")

    async def test_one_of_our_own_mistakes_ends_nothing(
        self, reloader: Reloader, applied: Applied, caplog: pytest.LogCaptureFixture
    ) -> None:
        applied.fails = ValueError("oh")
        status = await reloader.reload()
        assert (status.good, status.said) == (False, "it could not be taken; the log has the reason")
        assert "ValueError: oh" in caplog.text

    async def test_a_good_one_after_it_is_taken(self, file: File, reloader: Reloader, applied: Applied) -> None:
        file.write("prot = 1")
        await reloader.reload()
        file.write("port = 5")
        assert await reloader.reload() == Reloading(taken=1, refused=1, said="port 5")


async def test_two_at_once_come_one_after_the_other(reloader: Reloader, applied: Applied, settle: Any) -> None:
    applied.may.clear()
    both = asyncio.gather(reloader.reload(), reloader.reload())
    await settle()
    applied.may.set()
    assert [status.taken for status in await both] == [1, 2]
