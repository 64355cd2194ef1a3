import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from antiphon.cli import app as commands
from antiphon.cli import costing
from antiphon.cli.costing import Speech, Wish, quotes
from antiphon.meter.presets import PRESETS
from antiphon.meter.prices import OwnPrice, Prices
from antiphon.meter.simulation import Compression, ScenarioError

LEGACY = "gemini-3.1-flash-live-preview"
OPTIONS = (
    "model preset minutes turns user answer setup video coverage media-resolution tokens-per-frame silence compress"
    " setup-counts window transcripts transcript-rate thoughts tool-every tool-tokens search-every queries"
    " free-searches cache silence-gate video-gate gate-margin plot svg json csv"
).split()


def run(*arguments: str) -> str:
    """What ``antiphon cost call`` prints."""
    result = CliRunner().invoke(commands.app, ["cost", "call", *arguments], env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 0, result.output
    return result.output


def run_json(*arguments: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("--json", *arguments))["quotes"]
    return found


def total(*arguments: str) -> str:
    (quote,) = run_json(*arguments)
    return str(quote["total"])


def refused(*arguments: str) -> str:
    """The error of a call that cannot be simulated."""
    result = CliRunner().invoke(commands.app, ["cost", "call", *arguments])
    assert isinstance(result.exception, ScenarioError)
    return str(result.exception)


def test_help_explains_every_option() -> None:
    text = run("--help")
    shown = set(re.findall(r"^\W+--([a-z-]+)", text, re.MULTILINE))
    assert shown == {*OPTIONS, "help"}
    for option in OPTIONS:
        assert re.search(rf"--{option}\b.*\s+[A-Z]\w* \w+", text), f"--{option} is not explained"
    assert all(preset in text for preset in PRESETS)


def test_errors_are_said_in_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As they are: what looks like the name of an emoji is none."""
    monkeypatch.setattr("sys.argv", ["antiphon", "cost", "call", "--compress", "5:x"])
    with pytest.raises(SystemExit) as exit_:
        commands.main()
    assert exit_.value.code == 2
    assert capsys.readouterr().err.startswith("error: compress 5:x: write none, default or TRIGGER:TARGET")


class TestTheWorkedNumbers:
    @pytest.mark.parametrize(
        ("arguments", "expected"),
        [
            ("", "0.81"),
            ("--minutes 10 --turns 30 --user 10 --answer 10s --setup 2000", "0.81"),
            ("--compress 25000:8000", "0.81"),
            ("--compress 8000:4000", "0.4725"),
            ("--compress 8000", "0.4725"),
            ("--tool-every 5 --tool-tokens 0:0", "0.972"),
            ("--transcripts both", "0.819045"),
            ("--minutes 15 --turns 45", "1.72125"),
            ("--minutes 15 --turns 15", "0.66375"),
            ("--preset camera", "0.14571"),
            ("--preset camera --coverage activity", "0.069858"),
            ("--preset camera --tokens-per-frame 70", "0.06675"),
            ("--preset camera --minutes 10 --turns 30 --compress 25000:8000", "0.70371"),
            ("--preset camera --minutes 10 --turns 30 --compress 25000:8000 --video 0", "0.56475"),
            ("--search-every 6 --queries 1", "0.88"),
        ],
    )
    def test_come_out(self, arguments: str, expected: str) -> None:
        assert total("--model", LEGACY, *arguments.split()) == expected

    def test_of_a_model_that_listens_have_its_silence_on_top(self) -> None:
        assert total() == "0.8325"
        assert total("--silence", "free") == "0.81"
        assert total("--silence-gate", "--gate-margin", "0") == "0.81"


class TestOptions:
    @pytest.mark.parametrize(
        "arguments",
        [
            "--minutes 12",
            "--turns 31",
            "--user 3",
            "--answer 30%",
            "--setup 10",
            "--video 0.5",
            "--silence kept",
            "--compress default --window 9000",
            "--thoughts 10",
            "--tool-every 2",
            "--search-every 2",
            "--transcripts user",
            "--silence-gate",
        ],
    )
    def test_change_the_bill(self, arguments: str) -> None:
        assert total(*arguments.split()) != total()

    @pytest.mark.parametrize(
        ("base", "changed"),
        [
            ("--preset camera", "--media-resolution low"),
            ("--preset camera", "--coverage activity"),
            ("--preset camera", "--coverage all-input"),
            ("--preset camera", "--video-gate"),
            ("--preset camera --video-gate", "--gate-margin 3"),
            ("--search-every 2", "--queries 3"),
            ("--search-every 2", "--free-searches 3"),
            ("--tool-every 2", "--tool-tokens 100:900"),
            ("--transcripts both", "--transcript-rate 100"),
            ("--compress 8000:4000", "--no-setup-counts"),
            ("--model gpt-realtime", "--cache 0"),
        ],
    )
    def test_change_the_bill_of_some_calls(self, base: str, changed: str) -> None:
        assert total(*base.split(), *changed.split()) != total(*base.split())

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ("--preset party", "preset party: there is reference, support-call"),
            ("--turns 0", "at least one turn"),
            ("--minutes -1", "lasts longer than no time"),
            ("--user 15", "fewer turns, more minutes or less speech"),
            ("--user some", "user some: write seconds of a turn, as 10, or a share, as 40%"),
            ("--tool-tokens 5", "tool tokens 5: write two numbers"),
            ("--tokens-per-frame -1", "tokens per frame -1: write a number of tokens"),
            ("--coverage all", "coverage all: there is activity, all-video, all-input"),
            ("--media-resolution ultra", "media resolution ultra: there is low, medium, high"),
            ("--transcripts all", "transcripts all: there is none, user, model, both"),
            ("--compress 100:200", "compress 100:200: the target is from 1 up to the trigger"),
            ("--compress some", "compress some: write none, default or TRIGGER:TARGET"),
            ("--video 3", "video 3: the service takes 1 frames a second at most"),
            ("--model llama", "model llama: whose is it"),
            ("--model local --svg x.svg", "nothing to draw"),
            ("--svg /dev/null/x.svg", "svg /dev/null/x.svg: cannot be written"),
        ],
    )
    def test_that_are_not_understood_are_refused_by_name(self, arguments: str, message: str) -> None:
        assert message in refused(*arguments.split())

    @pytest.mark.parametrize("preset", PRESETS)
    def test_begin_with_a_preset(self, preset: str) -> None:
        (quote,) = run_json("--preset", preset)
        assert Decimal(quote["total"]) > 0

    @pytest.mark.parametrize(
        ("text", "expected"), [("7", Speech(seconds=7)), ("2.5s", Speech(seconds=2.5)), ("25%", Speech(share=0.25))]
    )
    def test_of_speech(self, text: str, expected: Speech) -> None:
        assert costing.speech("user", text) == expected

    def test_of_compression(self) -> None:
        assert costing.compression_of("none", 100) is None
        assert costing.compression_of("default", 131_072) == Compression(104_857, 52_428)
        assert costing.compression_of("8000", 100, False) == Compression(8000, 4000, False)


class TestForPeople:
    def test_says_what_a_call_costs_and_why(self) -> None:
        text = run("--model", LEGACY)
        assert "10 min in 30 turns of 20 s: 10 s of the user, 10 s of the model; 2,000 tokens" in text
        assert f"{LEGACY}  $0.81  $0.081 a minute" in text
        assert re.search(r"history, read again\s+\$0.6525\s+81%", text)
        assert "remembers the whole call; at most 16,750 tokens are read, of 131,072 that fit" in text
        assert "the window would be full at 86:03" in text
        assert "its successor is gemini-3.8-live" in text
        assert re.search(r"with --compress 8000:4000\s+\$0.4725\s+saves \$0.3375 .* remembers the last 80 s", text)

    def test_says_when_the_session_would_end(self) -> None:
        text = run("--model", LEGACY, "--preset", "screen-share")
        assert "the session ends at 2:00, $0.1075 by then: no session with video lasts longer than 2 minutes" in text

    def test_says_how_often_the_window_slides(self) -> None:
        text = run("--compress", "8000:4000")
        assert "the window slides 2 times, first at 4:20; at most 8,250 tokens are read" in text
        assert "the model remembers the last 80 s then" in text

    def test_says_what_saves_nothing(self) -> None:
        text = run("--preset", "camera", "--minutes", "10", "--turns", "30", "--tokens-per-frame", "70",
                   "--compress", "25000:8000", "--model", LEGACY)  # fmt: skip
        assert re.search(r"with --coverage activity\s+\$0.76\s+costs \$0.0833 more", text)

    def test_describes_the_call(self) -> None:
        text = run(
            "--preset", "camera", "--tool-every", "3", "--search-every", "1", "--thoughts", "9", "--transcripts", "user"
        )
        for words in (
            "6 s of silence",
            "video at 1 frame/s",
            "every 3rd turn",
            "in every turn",
            "transcripts",
            "9 tokens",
        ):
            assert words in text

    def test_puts_models_side_by_side(self) -> None:
        text = run("--model", LEGACY, "--model", "gpt-live-1", "--model", "local", "--model", "foo/:x:")
        rows = {
            line.split()[0]: line.split()[1:]
            for line in text.splitlines()
            if line.startswith(("gem", "gpt", "loc", "foo"))
        }
        assert rows[LEGACY][:3] == ["$0.81", "$0.081", "$0.6525"]
        assert rows[LEGACY][-2:] == ["all", "16,750"]
        assert rows["gpt-live-1"] == ["$0.50", "$0.05", "$0.50"]
        assert rows["local"] == ["$0.00", "$0.00"]
        assert rows["foo/:x:"] == ["unknown"]
        assert 'foo/:x:: no price is known for foo/:x:: set [prices."foo/:x:"]' in text

    def test_draws_the_bill(self) -> None:
        text = run("--model", LEGACY, "--model", "gpt-live-1", "--model", "local")
        assert re.search(r"^\$1.00 ┤", text, re.MULTILINE)
        assert f"A {LEGACY}  $0.81" in text
        assert "B gpt-live-1  $0.50" in text
        assert not re.search(r"^\s+C ", text, re.MULTILINE)
        assert "┤" not in run("--no-plot")
        assert "┤" not in run("--model", "local")


class TestForScripts:
    def test_json_has_exact_dollars(self) -> None:
        (quote,) = run_json("--model", LEGACY)
        assert (quote["label"], quote["provider"], quote["total"], quote["per_minute"]) == (
            LEGACY,
            "google",
            "0.81",
            "0.081",
        )
        assert sum(map(Decimal, quote["parts"].values())) == Decimal("0.81")
        assert quote["bill"][-1] == {"seconds": 600.0, "dollars": "0.81"}
        assert quote["context"]["peak_tokens"] == 16_750
        assert quote["changes"][0] == {
            "options": "--compress 8000:4000", "total": "0.4725", "saved": "0.3375", "memory_seconds": 80.0
        }  # fmt: skip
        assert quote["usage"]["prompt"]["audio"] == 225_000
        assert "genai-prices" in quote["prices"]

    def test_json_tells_unknown_from_nothing(self) -> None:
        unknown, free = run_json("--model", "foo/bar", "--model", "local")
        assert (unknown["total"], free["total"]) == (None, "0")
        assert unknown["context"] is None
        assert unknown["notes"][0].startswith("no price is known for foo/bar")

    def test_windows_are_compared(self) -> None:
        none, small = run_json("--model", LEGACY, "--compress", "none", "--compress", "8000:4000")
        assert (none["label"], none["total"]) == (f"{LEGACY}, none", "0.81")
        assert (small["label"], small["total"]) == (f"{LEGACY}, 8000:4000", "0.4725")
        assert small["context"]["memory_seconds"] == 80

    def test_csv_has_a_row_for_each_generation(self) -> None:
        rows = list(
            csv.DictReader(io.StringIO(run("--csv", "--model", LEGACY, "--model", "foo/bar", "--tool-every", "5")))
        )
        mine = [row for row in rows if row["model"] == LEGACY]
        assert len(mine) == 36
        assert len(rows) == 72
        assert sum(Decimal(row["cost"]) for row in mine) == Decimal(mine[-1]["so_far"])
        assert mine[0]["so_far"] == mine[0]["cost"]
        assert (rows[-1]["model"], rows[-1]["cost"]) == ("foo/bar", "")

    def test_svg_is_written(self, tmp_path: Path) -> None:
        file = tmp_path / "bill.svg"
        run("--model", LEGACY, "--svg", str(file))
        assert "$0.81 gemini-3.1-flash-live-preview" in file.read_text()


def test_the_picture_of_the_documentation_is_of_today(tmp_path: Path) -> None:
    drawn = Path(__file__).parents[2] / "docs" / "images" / "cost.svg"
    windows = "--compress none --compress 25000:8000 --compress 8000:4000"
    run("--minutes", "20", "--turns", "60", *windows.split(), "--svg", str(tmp_path / "cost.svg"))
    assert drawn.read_text() == (tmp_path / "cost.svg").read_text(), "run docs/images/make.py"


def test_prices_of_ones_own_count() -> None:
    own = {"foo/bar": OwnPrice(text_in=Decimal(0), audio_in=Decimal(1), audio_out=Decimal(1))}
    (quote,) = quotes(Wish(models=("foo/bar",)), Prices(own))
    assert quote.forecast.total == Decimal("0.2325")
