"""Prices and costs: the figures of the price pages, the bills of whole sessions, and what is unknown."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.live.tokens import Tokens, UpstreamUsage, Usage
from antiphon.meter.prices import Cost, OwnPrice, Price, Prices, Unknown, bare, breakdown, cost, price_of
from antiphon.meter.rates import Rates

LIVE = "gemini-3.1-flash-live-preview"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
ONE_OF_EACH = Usage(Tokens(1000, 15_000, 0, 2580), Tokens(200, 1500))


def priced(provider: str, model: str, prices: Prices | None = None) -> Price:
    price = (prices or Prices()).price_of(provider, model, NOW)
    assert isinstance(price, Price)
    return price


def google(usage: Usage, model: str = LIVE) -> Decimal:
    amount = cost(priced("google", model), usage).amount
    assert amount is not None
    return amount


class TestFigures:
    """Verified by calling genai-prices 0.2.3, and again here."""

    def test_every_modality(self) -> None:
        assert google(ONE_OF_EACH) == Decimal("0.06723")

    def test_searches_are_charged_by_the_query(self) -> None:
        assert google(Usage(searches=5)) == Decimal("0.07")

    def test_searches_of_older_models_are_charged_by_the_prompt(self) -> None:
        older = "gemini-2.5-flash-native-audio-preview-12-2025"
        assert google(Usage(searches=5), older) == google(Usage(searches=1), older) == Decimal("0.035")

    def test_time_is_charged_by_the_second(self) -> None:
        price = priced("openai", "gpt-live-1")
        spoken = UpstreamUsage("openai", "gpt-live-1", Usage(Tokens(audio=900), Tokens(audio=900)), seconds=90.0)
        assert cost(price, spoken) == Cost(Decimal("0.075"))
        assert cost(price, UpstreamUsage("openai", "gpt-live-1", seconds=91.0)).amount == Decimal("0.075833333333")

    def test_what_a_float_adds_to_seconds_is_not_charged(self) -> None:
        price = priced("openai", "gpt-live-1")
        assert cost(price, UpstreamUsage("", "", seconds=0.1 + 0.2)) == cost(price, UpstreamUsage("", "", seconds=0.3))

    def test_the_least_that_is_billed(self) -> None:
        price = priced("groq", "whisper-large-v3")
        ten, one = (cost(price, UpstreamUsage("groq", "whisper-large-v3", seconds=each)) for each in (10.0, 1.0))
        assert ten == one == Cost(Decimal("0.000308333333"))

    def test_the_two_generations_cost_the_same_and_the_older_one_sees_for_more(self) -> None:
        assert google(ONE_OF_EACH, "gemini-3.8-live") == google(ONE_OF_EACH)
        assert google(ONE_OF_EACH, "gemini-3.8-live-extended-thinking") == google(ONE_OF_EACH)
        assert google(Usage(Tokens(video=10**6)), "gemini-2.5-flash-native-audio-preview-12-2025") == 3

    def test_cached_tokens_have_their_own_price_by_modality(self) -> None:
        usage = Usage(Tokens(text=1000, audio=2000), cached=Tokens(text=400, audio=1500))
        price = priced("openai", "gpt-realtime-2")
        assert cost(price, usage).amount == Decimal(600 * 4 + 500 * 32) / 10**6 + Decimal(1900 * 4) / 10**7

    def test_without_a_price_for_the_cache_there_is_no_discount(self) -> None:
        assert google(Usage(Tokens(audio=1000), cached=Tokens(audio=900))) == google(Usage(Tokens(audio=1000)))

    def test_results_of_functions_are_read_and_thoughts_are_written(self) -> None:
        assert google(Usage(tool_prompt=Tokens(text=100), thoughts=10)) == Decimal("0.00012")

    def test_a_long_prompt_costs_more(self) -> None:
        price = priced("google", "gemini-2.5-pro")
        short, long = Usage(Tokens(200_000), Tokens(100)), Usage(Tokens(200_001), Tokens(100))
        assert cost(price, short).amount == Decimal("0.251")
        assert cost(price, long).amount == Decimal("0.5015025")

    def test_prices_are_those_of_the_day(self) -> None:
        before, after = (price_of("x-ai", "grok-voice-latest", datetime(2026, 8, day, tzinfo=UTC)) for day in (4, 5))
        assert isinstance(before, Price)
        assert isinstance(after, Price)
        assert (before.rates.hour, after.rates.hour) == (Decimal(3), Decimal("4.8"))

    @given(
        prompt=st.builds(Tokens, *[st.integers(0, 10**6)] * 4),
        response=st.builds(Tokens, st.integers(0, 10**5), st.integers(0, 10**5)),
        searches=st.integers(0, 9),
        model=st.sampled_from([LIVE, "gemini-3.8-live"]),
    )
    def test_the_list_itself_calculates_the_same(
        self, prompt: Tokens, response: Tokens, searches: int, model: str
    ) -> None:
        theirs = genai_prices.calc_price(
            genai_prices.Usage(
                input_tokens=prompt.total,
                input_audio_tokens=prompt.audio,
                input_image_tokens=prompt.image,
                input_video_tokens=prompt.video,
                output_tokens=response.total,
                output_audio_tokens=response.audio,
                web_searches=searches,
            ),
            model,
            provider_id="google",
            genai_request_timestamp=NOW,
        )
        assert google(Usage(prompt, response, searches=searches), model) == theirs.total_price


def session(
    turns: int,
    user: float,
    model: float,
    setup: int,
    *,
    frames: int = 0,
    per_frame: float = 0,
    window: tuple[int, int] | None = None,
    tool_every: int = 0,
    transcript: int = 0,
) -> Cost:
    """A session, generation by generation: each reads everything that was said and shown, and is charged for it.

    ``window`` is what triggers compression and what is left then, the setup included. A function call makes two
    generations of its turn, which both read all.
    """
    kept: list[tuple[int, int]] = []
    costs = []
    for number in range(1, turns + 1):
        heard, seen = round(25 * user), round(frames * per_frame)
        audio, video = (sum(each) for each in zip((heard, seen), *kept, strict=True))
        prompt = Tokens(text=setup, audio=audio, video=video)
        if tool_every and number % tool_every == 0:
            costs.append(google(Usage(prompt)))
        costs.append(google(Usage(prompt, Tokens(text=transcript, audio=round(25 * model)))))
        kept.append((round(25 * (user + model)), seen))
        if window and setup + sum(map(sum, kept)) > window[0]:
            while setup + sum(map(sum, kept)) > window[1]:
                kept.pop(0)
    return sum(map(Cost, costs), Cost())


def thousandths(total: Cost) -> str:
    assert total.amount is not None
    return format(round(total.amount, 3), "f")


class TestSessions:
    """Worked examples of how live sessions are billed: the sum over generations, never the last, never the largest."""

    def test_ten_minutes_of_voice(self) -> None:
        total = session(30, 10, 10, 2000)
        assert total.amount == Decimal("0.81")
        # History 0.6525, what was said 0.0225, answers 0.09, setup 0.045.
        fresh, answers = google(Usage(Tokens(audio=7500))), google(Usage(response=Tokens(audio=7500)))
        assert total.amount - fresh - answers - 30 * google(Usage(Tokens(2000))) == Decimal("0.6525")

    def test_a_window_that_is_never_full_saves_nothing(self) -> None:
        assert session(30, 10, 10, 2000, window=(25_000, 8000)).amount == Decimal("0.81")

    def test_a_small_window_saves_much(self) -> None:
        assert session(30, 10, 10, 2000, window=(8000, 4000)).amount == Decimal("0.4725")

    def test_a_function_call_is_a_generation_of_its_own(self) -> None:
        assert thousandths(session(30, 10, 10, 2000, tool_every=5)) == "0.972"

    def test_transcripts_are_charged_as_text(self) -> None:
        total = session(30, 10, 10, 2000).known + google(Usage(response=Tokens(text=2000)))
        assert total == Decimal("0.819")
        assert thousandths(session(30, 10, 10, 2000, transcript=67)) == "0.819"

    @pytest.mark.parametrize(("turns", "length", "dollars"), [(45, 10, "1.721"), (15, 30, "0.664")])
    def test_long_turns_are_cheaper_than_short_ones(self, turns: int, length: int, dollars: str) -> None:
        assert thousandths(session(turns, length, length, 2000)) == dollars

    @pytest.mark.parametrize(("minutes", "dollars"), [(5, "0.223"), (15, "1.5795"), (30, "5.893")])
    def test_an_independent_table(self, minutes: int, dollars: str) -> None:
        total = session(3 * minutes, 10, 8, 3000).known
        assert round(total, 3) == round(Decimal(dollars), 3)

    @pytest.mark.parametrize(
        ("per_frame", "all_video", "only_activity"),
        [(33.3, "0.051", "0.042"), (70, "0.067", "0.046"), (258, "0.146", "0.070"), (1120, "0.508", "0.178")],
    )
    def test_two_minutes_of_video(self, per_frame: float, all_video: str, only_activity: str) -> None:
        assert thousandths(session(6, 6, 8, 1000, frames=20, per_frame=per_frame)) == all_video
        assert thousandths(session(6, 6, 8, 1000, frames=6, per_frame=per_frame)) == only_activity

    @pytest.mark.parametrize(
        ("per_frame", "all_video", "only_activity"),
        [(0, "0.565", "0.565"), (258, "0.704", "0.661"), (70, "0.677", "0.760")],
    )
    def test_ten_minutes_of_video_within_a_window(self, per_frame: float, all_video: str, only_activity: str) -> None:
        window = (25_000, 8000)
        assert thousandths(session(30, 6, 8, 1000, frames=20, per_frame=per_frame, window=window)) == all_video
        assert thousandths(session(30, 6, 8, 1000, frames=6, per_frame=per_frame, window=window)) == only_activity


class TestUnknown:
    def test_a_model_without_a_price(self) -> None:
        price = price_of("nobody", "model")
        assert price == Unknown("nobody", "model")
        total = cost(price, Usage(Tokens(1)))
        assert (total.amount, total.known, str(total)) == (None, 0, "unknown")
        assert total.reasons == ('no price is known for nobody/model: set [prices."nobody/model"]',)

    def test_it_is_unknown_even_if_nothing_was_told(self) -> None:
        assert cost(price_of("nobody", "model"), Usage()).amount is None

    @pytest.mark.parametrize(("provider", "model"), [("openai", "gpt-4o-audio-preview"), ("google", "gemini-2.5-pro")])
    def test_sound_is_not_charged_as_text(self, provider: str, model: str) -> None:
        total = cost(priced(provider, model), Usage(Tokens(text=10**6, audio=10), Tokens(audio=10)))
        assert total.known == priced(provider, model).rates.text_in or total.known > 0
        assert total.unknown == 1
        assert [reason.split(" for ")[1] for reason in total.reasons] == ["audio in", "audio out"]
        assert str(total).endswith(" + 1 unknown")

    def test_pictures_are_charged_as_text_where_they_have_no_price(self) -> None:
        assert cost(priced("google", "gemini-2.5-pro"), Usage(Tokens(image=10**5))).amount == Decimal("0.125")

    def test_searches_without_a_price(self) -> None:
        total = cost(priced("openai", "gpt-realtime"), Usage(searches=1))
        assert total.reasons == ("openai/gpt-realtime has no price for searches",)

    def test_what_is_priced_by_what_is_not_counted(self) -> None:
        total = cost(priced("openai", "tts-1"), Usage())
        assert total.reasons == ("openai/tts-1 has no price for characters, which are not counted",)

    def test_time_that_nobody_told(self) -> None:
        total = cost(priced("openai", "gpt-live-1"), Usage(response=Tokens(audio=100)))
        assert total.reasons == ("openai/gpt-live-1 has no price for seconds, which were not told",)

    @given(st.lists(st.builds(Cost, st.decimals(0, 100, places=12), st.integers(0, 2)), max_size=9), st.randoms())
    def test_sums_keep_what_is_unknown(self, costs: list[Cost], random: object) -> None:
        total = sum(costs, Cost())
        random.shuffle(costs)  # type: ignore[attr-defined]
        assert sum(costs, Cost()) == total
        assert total.unknown == sum(each.unknown for each in costs)
        assert (total.amount is None) == any(each.amount is None for each in costs)


class TestOwn:
    def test_own_hardware_costs_nothing(self) -> None:
        price = priced("", "whatever")
        assert price.version == "own hardware"
        everything = Usage(Tokens(9, 9, 9, 9), Tokens(9, 9, 9, 9), Tokens(9), 9, 9, Tokens(1, 1, 1, 1))
        assert cost(price, UpstreamUsage("", "whatever", everything, seconds=9.0)) == Cost(Decimal(0))

    def test_the_owners_price_counts_before_all_others(self) -> None:
        prices = Prices({f"google/{LIVE}": OwnPrice(audio_in=Decimal("1.5"))})
        price = priced("google", LIVE, prices)
        assert (price.rates.audio_in, price.rates.audio_out) == (Decimal("1.5"), 12)
        assert price.version.startswith("own ")
        assert price.version.endswith(" over overlay 2026-11-24 over genai-prices 0.2.3")

    def test_another_price_has_another_version(self) -> None:
        one, two = (
            priced("google", LIVE, Prices({f"google/{LIVE}": OwnPrice(audio_in=Decimal(each))})) for each in "12"
        )
        assert one.version != two.version

    def test_one_price_for_all_models_of_a_provider(self) -> None:
        prices = Prices({"vllm.example/*": OwnPrice(text_in=Decimal(0), text_out=Decimal(0))})
        assert cost(priced("vllm.example", "anything", prices), Usage(Tokens(9), Tokens(9))).amount == 0
        assert isinstance(prices.price_of("other.example", "anything"), Unknown)

    def test_it_holds_for_long_prompts_too(self) -> None:
        prices = Prices({"google/gemini-2.5-pro": OwnPrice(text_in=Decimal(1))})
        assert priced("google", "gemini-2.5-pro", prices).for_prompt(300_000).text_in == 1
        assert priced("google", "gemini-2.5-pro", prices).for_prompt(300_000).text_out == 15

    def test_credits(self) -> None:
        prices = Prices({"reseller/live": OwnPrice(unit="credit", request=Decimal(300))})
        assert cost(priced("reseller", "live", prices), Usage(Tokens(0))).amount == Decimal("0.3")

    def test_a_card_in_credits_is_not_mixed_with_dollars(self) -> None:
        prices = Prices({f"google/{LIVE}": OwnPrice(unit="credit", audio_in=Decimal(3000))})
        total = cost(priced("google", LIVE, prices), Usage(Tokens(text=1, audio=10**6)))
        assert (total.known, total.unknown) == (Decimal(3), 1)

    @pytest.mark.parametrize("value", ["-1", "NaN", "Infinity"])
    def test_no_price_is_below_nothing(self, value: str) -> None:
        with pytest.raises(ValueError, match="text_in must be a price, 0 or more"):
            Rates(text_in=Decimal(value))

    @pytest.mark.parametrize("name", ["gpt-5", "/gpt-5", "openai/", ""])
    def test_a_price_names_provider_and_model(self, name: str) -> None:
        with pytest.raises(ValueError, match=f'"{name}" must be "provider/model"'):
            Prices({name: OwnPrice()})

    def test_providers_are_known_in_any_case(self) -> None:
        prices = Prices({"OpenAI/gpt-5": OwnPrice(text_in=Decimal(7))})
        assert priced("openai", "gpt-5", prices).rates.text_in == priced("OPENAI", "gpt-5", prices).rates.text_in == 7


def test_paths_before_a_name_are_not_part_of_it() -> None:
    names = ("models/x", "publishers/google/models/x", "projects/p/locations/l/publishers/google/models/x", "x")
    assert {bare(name) for name in names} == {"x"}
    assert bare("openai/gpt-audio") == "openai/gpt-audio"


def test_parts_add_up() -> None:
    parts = breakdown(priced("google", LIVE), ONE_OF_EACH)
    assert [(part.name, part.count) for part in parts] == [
        ("text in", 1000),
        ("text out", 200),
        ("audio in", 15_000),
        ("audio out", 1500),
        ("video in", 2580),
    ]
    assert sum(part.amount or 0 for part in parts) == Decimal("0.06723")


def test_the_list_is_not_imported_before_it_is_asked() -> None:
    code = "import sys, antiphon.meter.prices as p; p.price_of('', 'm'); assert 'genai_prices' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
