"""The meters: exact about where time went, the same in pictures, tables and sentences, and true of a real turn."""

from pathlib import Path

import pytest
from tests.console.conftest import speak
from tests.console.modules import load, open_blank, until

HARNESS = (Path(__file__).parent / "conversing.js").read_text()
MODULES = {
    "waterfall": "meters/waterfall.js",
    "stats": "meters/stats.js",
    "cost": "meters/cost.js",
    "format": "lib/format.js",
    "clock": "meters/clock.js",
}


@pytest.fixture(scope="module")
def server(antiphon_servers):
    running = antiphon_servers.start(pace_turns=False, budget={"session": "0.50"}, telemetry={"content": True})
    yield running
    antiphon_servers.stop(running)


@pytest.fixture(scope="module")
def page(server, chromium):
    """One page for all that only computes."""
    context = chromium.new_context()
    page = context.new_page()
    open_blank(page, server)
    load(page, **MODULES)
    yield page
    context.close()


def turn(number, first_frame, **others):
    return {
        "number": number, "began": None, "requested": None, "decided": None, "firstFrame": first_frame,
        "firstHeard": None, "interrupted": None, **others,
    }  # fmt: skip


class TestStages:
    def test_where_the_time_of_a_spoken_turn_went(self, page):
        moments = {"asked": 100, "decided": 400, "started": 450, "sent": 700, "received": 712, "heard": 790}
        told = page.evaluate("moments => waterfall.waterfall(moments)", moments)
        assert [(stage["keys"], stage["from"], stage["ms"]) for stage in told["stages"]] == [
            (["decided"], 0, 300),
            (["started"], 300, 50),
            (["sent"], 350, 250),
            (["received"], 600, 12),
            (["heard"], 612, 78),
        ]
        assert (told["total"], told["adjusted"], told["last"]) == (690, 0, "heard")

    def test_what_is_not_known_is_one_stage_with_its_neighbour(self, page):
        moments = {"asked": 0, "decided": None, "started": 50, "sent": None, "received": 300, "heard": None}
        told = page.evaluate("moments => waterfall.waterfall(moments)", moments)
        assert [(stage["keys"], stage["ms"]) for stage in told["stages"]] == [
            (["decided", "started"], 50),
            (["sent", "received"], 250),
        ]
        assert told["stages"][1]["title"] == "First output sent, First output received"
        assert told["total"] == 300

    def test_without_a_beginning_or_an_end_there_is_none(self, page):
        nothing = dict.fromkeys(("asked", "decided", "started", "sent", "received", "heard"))
        for moments in ({**nothing, "heard": 5}, {**nothing, "asked": 5}):
            assert page.evaluate("moments => waterfall.waterfall(moments)", moments) is None

    def test_nobody_decides_on_the_end_of_what_was_typed(self, page):
        moments = {"asked": 0, "decided": 20, "started": 10, "sent": None, "received": 300, "heard": None}
        told = page.evaluate("moments => waterfall.waterfall(moments, true)", moments)
        assert [stage["keys"] for stage in told["stages"]] == [["started"], ["sent", "received"]]

    def test_the_clock_of_the_server_gives_way(self, page):
        moments = {"asked": 0, "decided": 100, "started": 100, "sent": 305, "received": 300, "heard": 350}
        told = page.evaluate("moments => waterfall.waterfall(moments)", moments)
        assert [stage["ms"] for stage in told["stages"]] == [100, 0, 200, 0, 50]
        assert (told["total"], told["adjusted"]) == (350, 5)
        assert sum(stage["ms"] for stage in told["stages"]) == told["total"]

    def test_turns_are_told_apart_by_when_they_came(self, page):
        turns = [turn(1, 1000), turn(2, None), turn(3, 3000), turn(4, 500_000)]
        told = [{"sent": sent} for sent in (990, 2000, 2995.0, 9000, None)]
        pairs = page.evaluate("([turns, told]) => [...waterfall.match(turns, told, 0)]", [turns, told])
        assert pairs == [[1, 0], [3, 2], [4, 3]], "the second was made, and interrupted before it was heard"

    def test_a_turn_that_seems_to_come_before_it_was_sent_is_found(self, page):
        pairs = page.evaluate("turns => [...waterfall.match(turns, [{sent: 1004}], 5)]", [turn(1, 1000)])
        assert pairs == [[1, 0]]

    def test_what_the_server_knows(self, page):
        entries = [
            {"connection": 0, "index": 0, "kind": "activity", "at": 1, "ended": 3, "offset": 1, "end_offset": 2.5},
            {"connection": 0, "index": 1, "kind": "turn", "at": 3.1, "number": 1, "first": 3.6, "latency": 1.1},
            {"connection": 0, "index": 2, "kind": "words", "at": 9, "how": "typed"},
            {"connection": 0, "index": 3, "kind": "turn", "at": 9, "number": 2, "first": 9.25, "latency": 0.25},
        ]
        script = "entries => waterfall.serverTurns(entries, (_, s) => s === undefined ? null : s * 1000)"
        spoken, typed = page.evaluate(script, entries)
        assert [spoken[name] for name in ("asked", "decided", "started", "sent")] == [2500, 3000, 3100, 3600]
        assert (spoken["spoken"], typed["spoken"]) == (True, False)
        assert [typed[name] for name in ("asked", "decided", "started", "sent")] == [9000, None, 9000, 9250]


class TestNumbers:
    @pytest.mark.parametrize(
        ("values", "share", "expected"),
        [([], 0.5, None), ([7], 0.95, 7), ([4, 1, 3, 2], 0.5, 2.5), (list(range(101)), 0.95, 95), ([0, 10], 0.95, 9.5)],
    )
    def test_quantiles(self, page, values, share, expected):
        assert page.evaluate("([values, share]) => stats.quantile(values, share)", [values, share]) == expected

    def test_a_trend_in_a_sentence(self, page):
        assert "No answers" in page.evaluate("stats.trend([])")
        assert page.evaluate("stats.trend([812.4])") == "One answer, after 812 ms."
        assert page.evaluate("stats.trend([100, 100, 900, 900])").endswith("; slower than at first.")
        assert page.evaluate("stats.trend([100, 104, 100, 102])").endswith("; steady.")
        # The one in the middle is of neither half.
        assert page.evaluate("stats.trend([100, 900, 100])").endswith("; steady.")

    def test_the_clock_with_the_least_way_is_believed(self, page):
        samples = [
            {"sent": 1000, "received": 1100, "clock": 5.0},
            {"sent": 2000, "received": 2010, "clock": 5.965},
            {"sent": 3000, "received": 3050, "clock": 7.0},
        ]
        assert page.evaluate("samples => clock.bestEstimate(samples)", samples) == {"offset": -3960, "rtt": 10}
        assert page.evaluate("clock.bestEstimate([])") is None

    @pytest.mark.parametrize(
        ("amount", "shown"),
        [("0E-12", "$0.00"), ("1.239", "$1.24"), ("0.05", "$0.05"), ("0.000123456", "$0.0001235"), (None, "unknown")],
    )
    def test_dollars(self, page, amount, shown):
        assert page.evaluate("amount => format.dollars(amount)", amount) == shown

    def test_both_bills_side_by_side(self, page):
        here = [{"name": "text out", "count": "5", "amount": "0"}, {"name": "seconds", "count": "9", "amount": None}]
        there = [{"name": "audio in", "count": "7", "amount": "2"}, {"name": "text out", "count": "5", "amount": "1"}]
        money = {"by": here, "hosted": {"by": there}}
        rows = page.evaluate("money => cost.costRows(money)", money)
        assert rows == [
            {"name": "audio in", "count": 7, "hosted": "2"},
            {"name": "text out", "count": 5, "amount": "0", "hosted": "1"},
            {"name": "seconds", "count": 9, "amount": None},
        ]

    def test_calls_of_one_session_are_one_bill(self, page):
        def bill(amount, hosted, seconds, **others):
            by = [{"name": "text in", "count": "5", "amount": amount}]
            there = {"model": "m", "amount": hosted, "by": [{"name": "text in", "count": "5", "amount": hosted}]}
            usual = {"unknown": [], "provisional": False, "free": False}
            return {**usual, "amount": amount, "by": by, "hosted": there, "seconds": seconds, **others}

        bills = [bill("0.1", "1", 60), bill("0.2", "2", 30, unknown=["x"])]
        told = page.evaluate("bills => cost.together(bills)", bills)
        assert (float(told["amount"]), float(told["hosted"]["amount"])) == (0.3, 3)
        assert (float(told["per_minute"]), float(told["hosted"]["per_minute"])) == (pytest.approx(0.2), 2)
        assert told["unknown"] == ["x"]
        assert [(part["count"], float(part["amount"])) for part in told["by"]] == [("10", 0.3)]
        empty = bill("0", None, 1) | {"by": []}
        again = page.evaluate("bills => cost.together(bills)", [bill("0", "1", 60, free=True), empty])
        assert (again["free"], again["hosted"]["amount"]) == (True, None)
        assert page.evaluate("cost.together([])") is None

    def test_the_bill_grows_over_all_calls_of_a_session(self, page):
        entries = [
            {"kind": "turn", "connection": 0, "at": 1, "ended": 60, "cost": {"known": "0.1"}, "hosted": "1"},
            {"kind": "activity", "connection": 0, "at": 70},
            {"kind": "turn", "connection": 1, "at": 1, "ended": 30, "cost": {"known": "0.2"}, "hosted": "2"},
            {"kind": "turn", "connection": 1, "at": 40},
        ]
        curve = page.evaluate("entries => cost.costCurve(entries)", entries)
        assert [point["minutes"] for point in curve] == [1, 1.5]
        assert [point["cost"] for point in curve] == pytest.approx([0.1, 0.3])
        assert [point["hosted"] for point in curve] == [1, 3]


@pytest.fixture
def talking(server, new_page):
    """Opens a page with a real conversation, a real loudspeaker and its meters."""

    def talking(component="panel.js", name="Meters", **options):
        page = new_page(**options)
        open_blank(page, server, "meters")
        load(
            page, wire="live/wire.js", conversing="live/conversation.js", replaying="live/replay.js",
            playing="audio/player.js", capturing="audio/capture.js", channeling="meters/channel.js",
            meters=f"meters/{component}", preact="vendor/preact.js", **MODULES,
        )  # fmt: skip
        page.evaluate(f"() => {{ {HARNESS} }}")
        page.evaluate(
            """async name => {
              document.title = "Meters";
              window.c = converse({ player: await playing.Player.open() });
              c.connect();
              const wait = setInterval(() => {
                if (!c.sessionId.value) return;
                clearInterval(wait);
                window.channel = new channeling.Channel(c.sessionId.value);
                const Shown = meters[name];
                const draw = () => preact.html`<h1>Talk</h1><${Shown} conversation=${c} channel=${channel} name="A" />`;
                preact.render(preact.h(draw), document.getElementById("app"));
              }, 10);
            }""",
            name,
        )
        until(page, "window.channel?.state.value === 'open' && channel.offset.value !== null")
        return page

    return talking


ANSWERS = "waterfall.answers(waterfall.heardIn(c), channel)"
WHOLE = f"{ANSWERS}.filter(({{ waterfall: {{ last, stages }} }}) => last === 'heard' && stages.length >= 4)"


def type_in(page, text, count):
    page.evaluate("text => c.sendText(text)", text)
    until(page, f"{WHOLE}.length === {count}")
    until(page, "c.turns.value.at(-1).complete !== null")


class TestRealTurns:
    def test_a_typed_turn_adds_up_and_is_drawn(self, talking, axe):
        page = talking()
        type_in(page, "hello", 1)
        seen = page.evaluate(f"({{ answer: {ANSWERS}[0], turn: c.turns.value[0], rtt: channel.rtt.value }})")
        told, turn = seen["answer"]["waterfall"], seen["turn"]
        assert seen["answer"]["typed"]
        assert [key for stage in told["stages"] for key in stage["keys"]] == [
            "started", "sent", "received", "heard",
        ]  # fmt: skip
        assert sum(stage["ms"] for stage in told["stages"]) == pytest.approx(told["total"])
        assert told["total"] == pytest.approx(turn["firstHeard"] - turn["requested"])
        assert told["adjusted"] <= seen["rtt"] / 2 + 5
        type_in(page, "what can you do?", 2)
        page.wait_for_selector(".plot canvas")
        until(page, "channel.money.value?.by.length > 0")
        for words in ("costs nothing", "tokens", "of $0.50 spent", "answers after"):
            assert words in page.inner_text(".meters"), words
        bars = page.locator(".waterfall rect.bar")
        latest = page.evaluate(f"{ANSWERS}.at(-1).waterfall.stages.length")
        assert bars.count() == latest
        page.select_option(".meters select", "1")
        assert page.locator("table caption", has_text="Stages of turn 1").count() == 1
        assert axe(page) == []

    def test_it_fits_a_phone_in_the_dark(self, talking, axe):
        page = talking(viewport={"width": 320, "height": 640}, color_scheme="dark")
        type_in(page, "hello", 1)
        until(page, "channel.money.value?.by.length > 0")
        assert axe(page) == []

    def test_side_by_side(self, talking, axe):
        page = talking("compact.js", "CompactMeters")
        type_in(page, "hello", 1)
        until(page, "channel.money.value?.by.length > 0")
        assert page.get_by_role("group", name="Figures of A").count() == 1
        assert " ms" in page.inner_text(".compact .figures") or " s" in page.inner_text(".compact .figures")
        assert axe(page) == []

    def test_a_spoken_turn_begins_where_the_speech_ended(self, talking):
        page = talking()
        page.evaluate("capturing.Capture.open().then((capture) => capture.listen((chunk) => c.sendAudio(chunk)))")
        speak(page, "what_is_two_plus_three")
        until(page, f"{WHOLE}.length === 1")
        answer = page.evaluate(f"{ANSWERS}[0]")
        stages = answer["waterfall"]["stages"]
        assert not answer["typed"]
        assert [stage["keys"] for stage in stages] == [["decided"], ["started"], ["sent"], ["received"], ["heard"]]
        # The server waits for some silence before it is sure; the speech is known to have ended before the file did.
        assert 150 < stages[0]["ms"] < 2500
        spoken = page.evaluate("__mic.ended")
        heard = page.evaluate("c.turns.value[0].firstHeard")
        assert heard - answer["waterfall"]["total"] <= spoken + 300

    def test_the_meters_go_on_after_another_connection(self, talking):
        page = talking()
        type_in(page, "hello", 1)
        until(page, "c.resumable.value")
        page.evaluate("c.renew()")
        until(page, "c.reconnects.value === 1 && c.state.value === 'open'")
        until(page, "new Set(channel.entries.value.map((each) => each.connection)).size === 2")
        type_in(page, "hello", 2)
        told = page.evaluate(f"{ANSWERS}.map((each) => each.waterfall.stages.length)")
        assert told == [4, 4]
        until(page, "channel.money.value.by.find(({ name }) => name === 'audio out')?.count >= 20", 5)
        assert page.evaluate("channel.money.value.free")
        assert page.evaluate("channel.state.value") == "open"
