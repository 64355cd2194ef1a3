"""What ``antiphon usage`` says calls used and cost."""

import asyncio
import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from antiphon.cli import app as commands
from antiphon.live.tokens import Tokens, Usage
from antiphon.meter.summary import By, UsageError, as_csv, as_json, moment, summarise
from antiphon.store.database import FILE_NAME, Database
from antiphon.store.ledger import Entry, Ledger, Row

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
AT = NOON.timestamp()
DAY = 86_400.0
TOLD = Usage(Tokens(100, 1500, 258), Tokens(20, 250), thoughts=5, searches=1)
BILLED = Usage(Tokens(400), Tokens(60))


def entry(generation: int = 1, kind: Any = "generation", **fields: Any) -> Entry:
    defaults = {"call": "c1", "session_id": "s1", "at": AT, "owner": "alice", "model": "gemini-3.8-live"}
    return Entry(**{**defaults, "engine": "cascade", **fields}, generation=generation, kind=kind)


ENTRIES = [
    entry(0, "window", window=1, open_seconds=30.0),
    entry(1, told=TOLD, usage=BILLED, provider="google", billed="gemini-2.5-flash", amount=67_230_000_000),
    entry(1, number=1, provider="openai", billed="tts-1", unknown="openai/tts-1 has no price for characters"),
    entry(
        2,
        "window",
        window=2,
        open_seconds=30.0,
        told=TOLD,
        provider="google",
        billed="gemini-2.5-flash",
        amount=10**9,
        estimated=True,
    ),
    entry(1, call="c2", session_id="s2", owner="", at=AT - DAY, told=TOLD, model="gemini-2.5"),
    entry(
        0,
        "window",
        call="c2",
        session_id="s2",
        owner="",
        at=AT - DAY,
        window=1,
        open_seconds=3605.0,
        model="gemini-2.5",
    ),
]


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    async def fill() -> None:
        database = Database(tmp_path / FILE_NAME)
        await database.open()
        await Ledger(database).add(ENTRIES)
        await database.aclose()

    asyncio.run(fill())
    return tmp_path


def run(data_dir: Path, *arguments: str) -> str:
    done = CliRunner().invoke(commands.app, ["usage", *arguments, "--data-dir", str(data_dir)])
    assert done.exit_code == 0, done.output
    return done.output


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


class TestTable:
    def test_by_day(self, data_dir: Path) -> None:
        head, first, second, total, *_ = words(run(data_dir))
        assert " ".join(head) == "day calls open answers text in audio in video in text out audio out searches cost"
        assert first == "2026-11-23 1 1:00:05 1 100 1,500 258 25 250 1 $0.00".split()
        assert second[:-1] == "2026-11-24 1 1:00 2 200 3,000 516 50 500 2 $0.06823 + 1 unknown".split()
        assert second[-1] == "█" * 30
        assert total == "total 2 1:01:05 3 300 4,500 774 75 750 3 $0.06823 + 1 unknown".split()

    def test_by_key_the_dearest_first(self, data_dir: Path) -> None:
        _, first, second, *_ = words(run(data_dir, "--by", "key"))
        assert first[0] == "alice"
        assert second[:2] == ["no", "key"]

    @pytest.mark.parametrize(("by", "names"), [("model", ["gemini-3.8-live", "gemini-2.5"]), ("session", ["s1", "s2"])])
    def test_by_others(self, data_dir: Path, by: str, names: list[str]) -> None:
        assert [line[0] for line in words(run(data_dir, "--by", by))[1:3]] == names

    def test_by_who_is_paid(self, data_dir: Path) -> None:
        head, *lines = words(run(data_dir, "--by", "billed"))
        assert "open" not in head
        assert lines[0] == "google/gemini-2.5-flash 1 2 400 0 0 60 0 0 $0.06823".split(), "as the provider counted"
        assert lines[1] == "openai/tts-1 1 1 0 0 0 0 0 0 1 unknown".split()
        assert lines[2][:3] == ["own", "hardware", "1"]

    def test_what_one_must_know_is_said(self, data_dir: Path) -> None:
        text = run(data_dir)
        for note in (
            "Days are of UTC.",
            "Time is written every 30 s: of calls that run, up to 30 s are missing.",
            "1 provisional: of answers under way, of answers that a crash cut, or whose provider has not told.",
            "1 estimated: counted here, not told by the provider.",
            "unknown: openai/tts-1 has no price for characters",
        ):
            assert note in text.splitlines()

    def test_own_hardware_is_said_to_cost_nothing(self, data_dir: Path) -> None:
        text = run(data_dir, "--until", "2026-11-23")
        assert "What runs on your own hardware costs $0.00." in text
        assert words(text)[1][-1] == "█" * 30, "days are as long as their calls"

    def test_nothing(self, data_dir: Path) -> None:
        assert run(data_dir, "--since", "2027-01-01") == "Nothing was used in this time.\n"

    def test_many_reasons_are_cut(self) -> None:
        rows = [Row(entry(number, unknown=f"reason {number}"), True) for number in range(1, 10)]
        assert len(summarise(rows, By.DAY).total.reasons) == 9


class TestTimes:
    @pytest.mark.parametrize(
        ("options", "days"),
        [
            ([], 2),
            (["--since", "2026-11-24"], 1),
            (["--until", "2026-11-23"], 1),
            (["--until", "2026-11-24"], 2),
            (["--until", "2026-11-24T12:00"], 1),
            (["--since", "2026-11-23T13:00+01:00", "--until", "2026-11-23T12:00:01Z"], 1),
            (["--since", "2026-11-25"], 0),
        ],
    )
    def test_since_and_until(self, data_dir: Path, options: list[str], days: int) -> None:
        assert len(json.loads(run(data_dir, "--json", *options))["rows"]) == days

    def test_ago(self) -> None:
        assert moment("7d", NOON) == AT - 7 * DAY
        assert moment("36h", NOON, end=True) == AT - 1.5 * DAY

    @pytest.mark.parametrize("text", ["yesterday", "7w", "2026-13-01", ""])
    def test_what_is_no_time(self, text: str) -> None:
        with pytest.raises(UsageError, match="is no time; write 2026-11-24,"):
            moment(text, NOON)


class TestScripts:
    def test_json_has_every_digit(self, data_dir: Path) -> None:
        report = json.loads(run(data_dir, "--by", "key", "--json"))
        assert (report["by"], report["currency"]) == ("key", "USD")
        assert report["rows"][0] == {
            "key": "alice",
            "calls": 1,
            "open_seconds": 60.0,
            "generations": 2,
            "prompt_text": 200,
            "prompt_audio": 3000,
            "prompt_image": 516,
            "prompt_video": 0,
            "tool_text": 0,
            "tool_audio": 0,
            "tool_image": 0,
            "tool_video": 0,
            "response_text": 40,
            "response_audio": 500,
            "response_image": 0,
            "response_video": 0,
            "thoughts": 10,
            "searches": 2,
            "dollars": "0.06823",
            "unknown": 1,
            "provisional": 1,
            "estimated": 1,
            "reasons": "openai/tts-1 has no price for characters",
        }
        assert report["total"]["dollars"] == "0.06823"

    def test_csv_says_the_same(self, data_dir: Path) -> None:
        rows = list(csv.DictReader(io.StringIO(run(data_dir, "--by", "key", "--csv"))))
        told = json.loads(run(data_dir, "--by", "key", "--json"))["rows"]
        assert rows == [{name: str(value) for name, value in row.items()} for row in told]

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(
            st.builds(
                lambda generation, counts, **fields: Row(entry(generation, **fields), counts),
                st.integers(0, 3),
                st.booleans(),
                kind=st.sampled_from(["generation", "late", "window"]),
                call=st.sampled_from("ab"),
                owner=st.sampled_from(["", "x", "y"]),
                model=st.sampled_from("mn"),
                at=st.floats(AT - 3 * DAY, AT),
                told=st.builds(Usage, st.builds(Tokens, st.integers(0, 9), st.integers(0, 9))),
                amount=st.integers(0, 10**15),
                unknown=st.sampled_from(["", "", "no price"]),
            ),
            max_size=20,
        ),
        st.sampled_from([By.KEY, By.MODEL, By.ENGINE, By.SESSION, By.DAY]),
    )
    def test_totals_are_the_same_however_it_is_summed_up(self, rows: list[Row], by: By) -> None:
        report = summarise(rows, by)
        total = json.loads(as_json(report))["total"]
        counted = [row.entry for row in rows if row.counts]
        assert Decimal(total["dollars"]) == Decimal(sum(each.amount for each in counted)).scaleb(-12)
        assert total["unknown"] == sum(bool(each.unknown) for each in counted)
        assert report.total.usage == sum((each.told for each in counted), Usage())
        lines = list(csv.DictReader(io.StringIO(as_csv(report))))
        for name, sums in (("dollars", Decimal), ("unknown", int), ("prompt_audio", int), ("generations", int)):
            convert: Callable[[Any], Any] = sums
            assert sum(convert(line[name]) for line in lines) >= convert(total[name])
            if name != "generations":
                assert sum(convert(line[name]) for line in lines) == convert(total[name])


class TestErrors:
    @pytest.fixture
    def fail(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
        def fail(data_dir: Path, *arguments: str) -> str:
            monkeypatch.setattr("sys.argv", ["antiphon", "usage", *arguments, "--data-dir", str(data_dir)])
            with pytest.raises(SystemExit) as ended:
                commands.main()
            assert ended.value.code == 2
            return capsys.readouterr().err

        return fail

    def test_no_database(self, tmp_path: Path, fail: Any) -> None:
        assert f"{tmp_path / FILE_NAME} does not exist: no server has run with this data directory" in fail(tmp_path)
        assert not list(tmp_path.iterdir()), "none is made"

    def test_no_time(self, data_dir: Path, fail: Any) -> None:
        assert "soon: is no time" in fail(data_dir, "--since", "soon")


async def test_a_server_that_runs_may_go_on_writing(tmp_path: Path) -> None:
    database = Database(tmp_path / FILE_NAME)
    await database.open()
    ledger = Ledger(database)
    await ledger.add([entry(1, amount=1)])
    first = await asyncio.to_thread(run, tmp_path, "--json")
    await ledger.add([entry(2, amount=2)])
    second = await asyncio.to_thread(run, tmp_path, "--json")
    await database.aclose()
    assert [json.loads(each)["total"]["dollars"] for each in (first, second)] == ["0.000000000001", "0.000000000003"]
