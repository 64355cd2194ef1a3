"""What ``antiphon sessions`` shows, as people and scripts read it."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from antiphon.calls.recording import FOLDER
from antiphon.cli import app as commands
from antiphon.live.record import Record
from antiphon.live.timeline import Activity, Gap, Money, Recording, Remark, Stage, Timeline, ToolUse, Turn, Words
from antiphon.live.tokens import Tokens, Usage
from antiphon.store.database import FILE_NAME, Database
from antiphon.store.records import Records

BEGAN = 1_700_000_000.0
FIRST, SECOND = "1f0c9a53b7d2e684", "90ab4cd2e87f1635"
USAGE = Usage(Tokens(120, 300, 258), Tokens(3, 500), Tokens(8), thoughts=4, searches=2)
RECORDS = [
    Record(
        session_id=FIRST,
        model="gemini-3.8-live",
        engine="cascade",
        seconds=83.2,
        turns=4,
        usage=USAGE,
        close_code=1007,
        close_reason="setup.tools[0]: has no name; name it",
        ignored=("setup.generationConfig.topK", "setup.[bold]odd"),
        notes=("realtimeInput.activityEnd: ignored",),
        interruptions=2,
        tool_calls=1,
        dropped_frames=3,
    ),
    Record(SECOND, "gemini-3.8-live", "cascade", 3.0, 0, Usage(), None, "the client left"),
]


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Of a server that had two sessions."""

    async def fill() -> None:
        database = Database(tmp_path / FILE_NAME)
        await database.open()
        for record in RECORDS:
            await Records(database, now=lambda record=record: BEGAN + record.seconds).add(record, "a1b2")
        await database.aclose()

    asyncio.run(fill())
    return tmp_path


def run(data_dir: Path, *arguments: str, columns: int = 200) -> str:
    environment = {"COLUMNS": str(columns), "TERM": "dumb", "ANTIPHON_DATA_DIR": str(data_dir)}
    result = CliRunner().invoke(commands.app, ["sessions", *arguments], env=environment)
    assert result.exit_code == 0, result.output
    return result.output


def lines(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


class TestList:
    def test_the_newest_come_first(self, data_dir: Path) -> None:
        head, second, first = lines(run(data_dir))
        assert head == "began session model engine lasted turns tokens close ignored".split()
        assert second[2] == SECOND
        assert first == f"2023-11-14 22:13 {FIRST} gemini-3.8-live cascade 1:23 4 1193 1007 2".split()

    def test_a_client_that_left_has_no_code(self, data_dir: Path) -> None:
        assert lines(run(data_dir))[1][-2:] == ["left", "0"]

    def test_is_as_long_as_is_asked(self, data_dir: Path) -> None:
        assert len(lines(run(data_dir, "--limit", "1"))) == 2

    def test_identifiers_are_whole_on_narrow_terminals(self, data_dir: Path) -> None:
        text = run(data_dir, columns=80)
        assert FIRST in text
        assert SECOND in text

    def test_none_yet(self, tmp_path: Path) -> None:
        async def make() -> None:
            database = Database(tmp_path / FILE_NAME)
            await database.open()
            await database.aclose()

        asyncio.run(make())
        assert run(tmp_path) == "No session has ended yet.\n"
        assert json.loads(run(tmp_path, "--json")) == {"sessions": []}

    def test_as_json(self, data_dir: Path) -> None:
        second, first = json.loads(run(data_dir, "--json"))["sessions"]
        assert second["close_code"] is None
        assert first["session_id"] == FIRST
        assert first["usage"]["prompt"] == {"text": 120, "audio": 300, "image": 258, "video": 0}
        assert first["ignored"] == ["setup.generationConfig.topK", "setup.[bold]odd"]
        assert first["owner"] == "a1b2"
        assert datetime.fromisoformat(first["began"]).timestamp() == BEGAN


class TestOne:
    def test_everything_is_shown(self, data_dir: Path) -> None:
        text = run(data_dir, FIRST)
        for words in (
            f"{FIRST} 2023-11-14 22:13",
            "model gemini-3.8-live",
            "engine cascade",
            "key a1b2",
            "lasted 1:23",
            "close 1007: setup.tools[0]: has no name; name it",
            "turns 4, 2 interrupted",
            "tool calls 1",
            "searches 2",
            "dropped frames 3",
            "tokens prompt tool results answers",
            "text 120 8 3",
            "audio 300 0 500",
            "image 258 0 0",
            "thoughts 4",
            "total 678 8 503",
            "setup.generationConfig.topK",
            "setup.[bold]odd",
            "realtimeInput.activityEnd: ignored",
        ):
            assert words.split() in [line[: len(words.split())] for line in lines(text)], words
        assert "video" not in text, "what was not used is not shown"

    def test_nothing_ignored_is_said(self, data_dir: Path) -> None:
        assert "ignored fields: none" in run(data_dir, SECOND)

    def test_as_json(self, data_dir: Path) -> None:
        (only,) = json.loads(run(data_dir, FIRST, "--json"))["sessions"]
        assert only["notes"] == ["realtimeInput.activityEnd: ignored"]


TIMELINE = Timeline(
    entries=(
        Remark(at=0.0, about="route", text="the builtin engine was chosen"),
        Stage(at=0.01, what="opened", engine="cascade"),
        Activity(at=1.0, ended=2.5, offset=1.0, end_offset=2.25),
        Words(at=2.6, how="heard", characters=11),
        Turn(
            at=2.6,
            number=1,
            first=3.0,
            interrupted=5.0,
            ended=5.0,
            latency=0.75,
            spoken=6.5,
            heard=2.0,
            outcome="interrupted",
            usage=Usage(Tokens(40)),
            cost=Money(Decimal("0.0123"), ("no price",)),
            billed=("google/m",),
        ),
        ToolUse(at=3.5, id="a", name="[b]f", turn=1, ended=4.0, outcome="answered", arguments='{"x":1}'),
        Gap(at=6.0, where="engine", seconds=0.25, reason="gone", lost="a", next="b"),
        Remark(at=83.2, about="close", text="the client left"),
    ),
    turns=1,
    cost=Money(Decimal("0.0123"), ("no price",)),
    recording=Recording("consented", ("x-user.wav",)),
)


class TestTimeline:
    @pytest.fixture
    def data_dir(self, tmp_path: Path) -> Path:
        async def fill() -> None:
            database = Database(tmp_path / FILE_NAME)
            await database.open()
            await Records(database, now=lambda: BEGAN + 83.2).add(RECORDS[0], "a1b2", TIMELINE)
            await database.aclose()

        asyncio.run(fill())
        (tmp_path / FOLDER / FIRST).mkdir(parents=True)
        (tmp_path / FOLDER / FIRST / "x-user.wav").touch()
        return tmp_path

    def test_is_shown(self, data_dir: Path) -> None:
        text = run(data_dir, FIRST)
        for words in (
            "0:00.000 route the builtin engine was chosen",
            "0:00.010 engine opened cascade",
            "0:01.000 user speaks 1.25 s, from 1.00 s of the sound",
            "0:02.600 user heard 11 characters",
            "0:02.600 turn 1 interrupted; first output after 750 ms; 6.5 s of speech, 2.0 s heard; 40 tokens; "
            "$0.0123 and more of unknown price",
            '0:03.500 tool [b]f answered after 500 ms; turn 1; {"x":1}',
            "0:06.000 engine gap 250 ms without a (gone), b went on",
            "1:23.200 close the client left",
            "cost: $0.0123 and more of unknown price",
            "recorded with consent: x-user.wav",
        ):
            assert words.split() in lines(text), words

    def test_as_json_it_is_whole(self, data_dir: Path) -> None:
        (only,) = json.loads(run(data_dir, FIRST, "--json"))["sessions"]
        assert msgspec.convert(only["timeline"], Timeline) == TIMELINE
        assert "timeline" not in json.loads(run(data_dir, "--json"))["sessions"][0]

    def test_as_a_trace(self, data_dir: Path, tmp_path: Path) -> None:
        assert "5 spans" in run(data_dir, FIRST, "--otlp", str(tmp_path / "trace.json"))
        (of_server,) = json.loads((tmp_path / "trace.json").read_text())["resourceSpans"]
        found = of_server["scopeSpans"][0]["spans"]
        assert [span["name"] for span in found] == [
            *("invoke_agent antiphon", "user activity", "generate_content gemini-3.8-live", "execute_tool [b]f"),
            "engine gap",
        ]

    def test_deleting_leaves_nothing(self, data_dir: Path) -> None:
        assert "deleted, 1 connections and 1 files" in run(data_dir, "delete", FIRST)
        assert json.loads(run(data_dir, "--json")) == {"sessions": []}
        assert not list((data_dir / FOLDER).iterdir())
        left = sqlite3.connect(data_dir / FILE_NAME).execute("select count(*) from timelines").fetchone()
        assert left == (0,)

    @pytest.mark.parametrize("words", [["delete"], ["a", "b"], ["delete", "a", "b"], ["--otlp", "x.json"]])
    def test_what_makes_no_sense_is_refused(self, data_dir: Path, words: list[str]) -> None:
        result = CliRunner().invoke(commands.app, ["sessions", *words, "--data-dir", str(data_dir)])
        assert result.exit_code == 2


class TestErrors:
    def test_nothing_to_delete(self, data_dir: Path, fail: Any) -> None:
        assert "session nobody: nothing is known of it" in fail(data_dir, "delete", "nobody")

    def test_no_trace_of_an_old_record(self, data_dir: Path, tmp_path: Path, fail: Any) -> None:
        assert "there is no timeline of this session" in fail(data_dir, FIRST, "--otlp", str(tmp_path / "x.json"))

    @pytest.fixture
    def fail(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
        def fail(data_dir: Path, *arguments: str) -> str:
            monkeypatch.setattr("sys.argv", ["antiphon", "sessions", *arguments, "--data-dir", str(data_dir)])
            with pytest.raises(SystemExit) as ended:
                commands.main()
            assert ended.value.code == 2
            return capsys.readouterr().err

        return fail

    def test_an_unknown_session(self, data_dir: Path, fail: Any) -> None:
        assert "session nobody: nothing is known of it" in fail(data_dir, "nobody")

    def test_no_database(self, tmp_path: Path, fail: Any) -> None:
        message = fail(tmp_path)
        assert f"{tmp_path / FILE_NAME} does not exist: no server has run with this data directory" in message
        assert "--data-dir" in message
        assert not list(tmp_path.iterdir()), "none is made"

    def test_a_file_that_is_no_database(self, tmp_path: Path, fail: Any) -> None:
        (tmp_path / FILE_NAME).write_text("no database " * 100)
        assert "file is not a database" in fail(tmp_path)
