from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon.live.tokens import Usage
from antiphon.meter.forecast import PARTS, changes, charge, forecast, savings
from antiphon.meter.prices import Price, Unknown
from antiphon.meter.rates import FREE, Rates
from antiphon.meter.simulation import Call, Compression, Gates, Rules, simulate

LIVE = Price(
    "google",
    "live",
    "test",
    Rates(
        text_in=Decimal("0.75"),
        audio_in=Decimal(3),
        video_in=Decimal(1),
        text_out=Decimal("4.5"),
        audio_out=Decimal(12),
        search=Decimal("0.014"),
    ),
)
BY_THE_SECOND = Price("openai", "timed", "test", Rates(hour=Decimal(3)))
BUSY = Call(
    seconds=180,
    turns=9,
    user=6,
    model=8,
    setup=1000,
    frames_per_second=1,
    user_transcript=200,
    model_transcript=200,
    thoughts=50,
    tool_every=2,
    search_every=3,
    queries=2,
)
LISTENING = Rules(coverage="activity_and_all_video", silence="once")


def rates() -> st.SearchStrategy[Rates]:
    """Prices of every kind, with all that a session needs."""
    cents = st.integers(0, 10_000).map(lambda number: Decimal(number).scaleb(-2))
    needed = dict.fromkeys(("text_in", "audio_in", "text_out", "audio_out"), cents)
    perhaps = dict.fromkeys(("video_in", "search", "grounded", "request", "hour", "cached_audio"), st.none() | cents)
    return st.fixed_dictionaries(needed | perhaps).map(lambda values: Rates(**values)).filter(_prices_searches)


def _prices_searches(rates: Rates) -> bool:
    return rates.search is not None or rates.grounded is not None


class TestABill:
    def test_is_split(self) -> None:
        made = forecast(simulate(Call(), Rules()), LIVE)
        expected = {"history": "0.6525", "setup": "0.045", "input": "0.0225", "answers": "0.09"}
        assert made.total == Decimal("0.81")
        assert made.parts == {part: Decimal(amount) for part, amount in expected.items()}
        assert made.per_minute == Decimal("0.081")

    def test_has_a_part_for_everything(self) -> None:
        made = forecast(simulate(BUSY, LISTENING), LIVE)
        assert made.parts.keys() == PARTS.keys()
        assert made.parts["searches"] == 3 * 2 * Decimal("0.014")
        assert made.parts["thinking"] == 13 * 50 * Decimal("4.5").scaleb(-6)

    @given(rates=rates(), cache=st.sampled_from((0.0, 0.5, 1.0)))
    @settings(max_examples=30, deadline=None)
    def test_adds_up(self, rates: Rates, cache: float) -> None:
        """Its parts do, and so do its generations; also where searches are charged by the turn, or requests at all."""
        price = Price("any", "model", "test", rates)
        session = simulate(BUSY, msgspec.structs.replace(LISTENING, cache=cache))
        made = forecast(session, price)
        assert made.total is not None
        assert made.total == sum(made.parts.values())
        assert made.total == made.points[-1].cost
        nothing, generations = charge(price, Usage()).known, session.generations
        tokens = sum(charge(price, each.usage, 1.0).known for each in generations)
        ticks = len(generations) * (charge(price, Usage(), 1.0).known - nothing)
        assert made.total == tokens - ticks + charge(price, Usage(), session.call.seconds).known - nothing

    def test_charges_what_belongs_to_no_part(self) -> None:
        rates = msgspec.structs.replace(LIVE.rates, request=Decimal("0.01"))
        made = forecast(simulate(BUSY, LISTENING), msgspec.structs.replace(LIVE, rates=rates))
        plain = forecast(simulate(BUSY, LISTENING), LIVE)
        assert plain.total is not None
        assert made.total == plain.total + Decimal("0.13")
        assert made.parts == {**plain.parts, "requests": Decimal("0.13")}

    def test_grows(self) -> None:
        made = forecast(simulate(BUSY, LISTENING), LIVE)
        costs = [point.cost for point in made.points]
        assert costs == sorted(costs)
        assert made.points[-1].at == BUSY.seconds
        assert made.cost_at(0) == 0
        assert made.cost_at(made.points[2].at) == costs[2]
        assert made.cost_at(1e9) == made.total

    def test_tells_what_video_costs(self) -> None:
        call = Call(seconds=120, turns=6, user=6, model=8, setup=1000, frames_per_second=1)
        made = forecast(simulate(call, Rules(coverage="activity_and_all_video")), LIVE)
        assert made.video == Decimal("0.10836")

    def test_reads_from_the_cache(self) -> None:
        """The first prompt is not in it, nor is what the model said since the last one."""
        rates = msgspec.structs.replace(LIVE.rates, cached_audio=Decimal("0.4"), cached_text=Decimal("0.4"))
        session = simulate(Call(turns=2, seconds=40), Rules(cache=1.0))
        made = forecast(session, msgspec.structs.replace(LIVE, rates=rates))
        assert made.parts["history"] == (250 * Decimal("0.4") + 250 * 3).scaleb(-6)
        assert made.parts["setup"] == (2000 * Decimal("0.75") + 2000 * Decimal("0.4")).scaleb(-6)


class TestTime:
    @pytest.mark.parametrize(("seconds", "expected"), [(600, "0.5"), (90, "0.075"), (100, "0.083333333333")])
    def test_is_all_that_some_models_charge(self, seconds: float, expected: str) -> None:
        """Exact, into however many turns it is cut."""
        made = forecast(simulate(Call(seconds=seconds, turns=7, user=1, model=1), Rules()), BY_THE_SECOND)
        assert made.total == Decimal(expected)
        assert made.parts == {"time": Decimal(expected)}


class TestAPriceThatIsNotKnown:
    @pytest.mark.parametrize(
        ("price", "reason"),
        [
            (Unknown("foo", "bar"), "no price is known for foo/bar"),
            (msgspec.structs.replace(LIVE, rates=Rates(text_in=Decimal(1))), "google/live has no price for audio"),
        ],
    )
    def test_is_never_nothing(self, price: Price | Unknown, reason: str) -> None:
        made = forecast(simulate(Call(), Rules()), price)
        assert made.total is None
        assert made.per_minute is None
        assert made.reasons[0].startswith(reason)
        assert (made.parts, made.points, savings(made)) == ({}, (), [])

    def test_does_not_matter_where_it_is_not_needed(self) -> None:
        assert forecast(simulate(Call(search_every=2), Rules()), LIVE).total is not None
        without = msgspec.structs.replace(LIVE, rates=msgspec.structs.replace(LIVE.rates, search=None))
        assert forecast(simulate(Call(search_every=2), Rules()), without).total is None
        assert forecast(simulate(Call(), Rules()), without).total == Decimal("0.81")


def test_hardware_of_ones_own_costs_nothing() -> None:
    made = forecast(simulate(BUSY, LISTENING), Price("", "local", "own hardware", FREE))
    assert made.total == 0
    assert savings(made) == []


class TestChanges:
    @staticmethod
    def options(call: Call, rules: Rules) -> list[str]:
        return [change.options for change in changes(call, rules)]

    def test_of_a_call_by_voice(self) -> None:
        assert self.options(Call(), Rules()) == ["--compress 25000:8000", "--compress 8000:4000"]

    def test_of_a_busy_one(self) -> None:
        assert self.options(BUSY, LISTENING)[2:] == [
            "--coverage activity",
            "--video-gate",
            "--media-resolution low",
            "--video 0",
            "--silence-gate",
            "--transcripts none",
        ]

    def test_are_none_of_those_that_are_made(self) -> None:
        rules = Rules(silence="once", gates=Gates(silence=True, video=True), compression=Compression(8_000, 4_000))
        assert self.options(Call(), rules) == []

    def test_keep_to_what_a_service_offers(self) -> None:
        rules = msgspec.structs.replace(LISTENING, covers_by_choice=False)
        assert self.options(BUSY, rules)[2:4] == ["--video-gate", "--video 0"]


class TestSavings:
    @staticmethod
    def saved(call: Call, rules: Rules) -> Iterator[tuple[str, Decimal]]:
        for saving in savings(forecast(simulate(call, rules), LIVE)):
            yield saving.change.options, saving.saved

    def test_are_those_that_were_worked_out(self) -> None:
        """8K/4K brings 0.81 down to 0.4725; 25K/8K never slides, and is left out."""
        made = forecast(simulate(Call(), Rules()), LIVE)
        (saving,) = savings(made)
        assert (saving.change.options, saving.total, saving.saved) == (
            "--compress 8000:4000",
            Decimal("0.4725"),
            Decimal("0.3375"),
        )
        assert saving.memory == 80

    def test_come_the_largest_first(self) -> None:
        amounts = [saved for _, saved in self.saved(BUSY, LISTENING)]
        assert amounts == sorted(amounts, reverse=True)
        assert min(amounts) > 0

    def test_of_gates_can_be_losses_where_the_window_slides(self) -> None:
        """Video that is not sent evicts no dearer sound: said, not hidden."""
        call = Call(seconds=600, turns=30, user=6, model=8, setup=1000, frames_per_second=1)
        rules = Rules(
            coverage="activity_and_all_video", frame_tokens=Decimal(70), compression=Compression(25_000, 8_000)
        )
        found: dict[str, Any] = dict(self.saved(call, rules))
        assert round(found["--coverage activity"], 3) == Decimal("-0.083")
        assert found["--video 0"] > 0
