"""What a conversation costs to read again, and how its window slides."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.live.context import Context, turn_tokens
from antiphon.live.history import RUNNING, FunctionCall, FunctionResult, History, Picture, Turn, Words, model, user
from antiphon.live.profiles import PROFILES
from antiphon.live.setup import Compression, Setup, Tool
from antiphon.live.snapshot import KeptTurn
from antiphon.live.tokens import MediaResolution, Tokens

PROFILE = PROFILES["gemini-3.8-live"]
TEN = Tokens(text=10)


def setup(trigger: int = 100, target: int = 50, instruction: str = "") -> Setup:
    return Setup(PROFILE, system_instruction=instruction, compression=Compression(trigger, target))


def call(call_id: str = "1") -> Turn:
    return Turn("model", (FunctionCall(call_id, "f", {}),))


def result(call_id: str = "1", *more: Words) -> Turn:
    return Turn("user", (FunctionResult(call_id, "f", {"output": 1}), *more))


def context_of(turns: list[Turn], wanted: Setup | None = None) -> Context:
    """Ten tokens a turn."""
    context = Context(wanted or setup())
    for turn in turns:
        context.append(turn, TEN)
    return context


def window(turns: list[Turn], target: int) -> History:
    """What a compression leaves of turns of ten tokens each."""
    context = context_of(turns, setup(trigger=0, target=target))
    before = len(context.history)
    assert context.compress() == before - len(context.history)
    return context.history


class TestTokens:
    def test_instruction_and_tools_count_in_every_prompt(self) -> None:
        assert Context(Setup(PROFILE)).tokens == Tokens()
        assert Context(Setup(PROFILE, system_instruction="x" * 40)).tokens == Tokens(text=10)
        assert Context(Setup(PROFILE, tools=(Tool("f", "x" * 100),))).tokens.text > 25

    def test_turns_add_up_by_modality(self) -> None:
        context = Context(Setup(PROFILE))
        context.append(user("12345678"))
        context.append(model("spoken"), Tokens(audio=25))
        context.append(Turn("user", (Picture("image/png", b"..."),)))
        context.append(Turn("user", (Picture("image/jpeg", b"...", frame=True),)))
        context.append(Turn("model", (FunctionCall("1", "name", {"a": 1}),)))
        assert context.tokens == Tokens(text=2 + 3, audio=25, image=258, video=258)
        assert [turn.role for turn in context.history] == ["user", "model", "user", "user", "model"]

    @pytest.mark.parametrize(("resolution", "each"), [("", 258), ("low", 64), ("medium", 256), ("high", 256)])
    def test_pictures_and_frames_cost_by_resolution(self, resolution: MediaResolution, each: int) -> None:
        parts = Picture("image/png", b""), *2 * [Picture("image/png", b"", frame=True)], Words("what is it")
        assert turn_tokens(Turn("user", parts), resolution) == Tokens(text=3, image=each, video=2 * each)

    def test_a_context_counts_with_the_resolution_of_its_setup(self) -> None:
        context = Context(Setup(PROFILE, media_resolution="low"))
        context.append(Turn("user", (Picture("image/png", b""),)))
        assert context.tokens == Tokens(image=64)

    def test_results_of_functions_are_text(self) -> None:
        assert turn_tokens(Turn("user", (FunctionResult("1", "name", {"output": 1}),))) == Tokens(text=4)


class TestHistory:
    def test_one_that_was_handed_out_does_not_change(self) -> None:
        context = Context(setup())
        context.append(user("one"))
        before = context.history
        context.append(model("two"))
        assert before == (user("one"),)
        assert context.history == (user("one"), model("two"))

    def test_it_is_made_once_until_something_changes(self) -> None:
        context = context_of([user("one")])
        assert context.history is context.history
        context.append(user("two"), TEN)
        assert len(context.history) == 2

    def test_kept_turns_go_on(self) -> None:
        before = context_of([user("one"), model("two")])
        after = Context(setup(instruction="x" * 8), before.kept)
        assert after.kept == before.kept == (KeptTurn(user("one"), TEN), KeptTurn(model("two"), TEN))
        assert after.history == before.history
        assert after.tokens.total == 2 + 20


class TestUpdate:
    def test_the_instruction_is_replaced(self) -> None:
        context = context_of([user("one")], setup(instruction="x" * 400))
        context.update(setup(instruction="x" * 40))
        assert context.tokens.total == 10 + 10
        context.update(setup())
        assert context.tokens.total == 10

    def test_a_new_resolution_is_for_new_pictures(self) -> None:
        picture = Turn("user", (Picture("image/png", b""),))
        context = Context(Setup(PROFILE))
        context.append(picture)
        context.update(Setup(PROFILE, media_resolution="low"))
        context.append(picture)
        assert context.tokens == Tokens(image=258 + 64)

    def test_compression_may_come_later(self) -> None:
        context = context_of([user(str(n)) for n in range(20)], Setup(PROFILE))
        assert context.compress() == 0
        context.update(setup(trigger=100, target=50))
        assert context.compress() == 15


class TestCompression:
    def test_nothing_goes_up_to_the_trigger(self) -> None:
        context = context_of([user(str(n)) for n in range(10)])
        assert context.compress() == 0
        context.append(user("eleventh"), TEN)
        assert context.compress() == 6
        assert context.tokens.total == 50
        assert context.compress() == 0

    def test_a_history_handed_out_before_does_not_change(self) -> None:
        context = context_of([user(str(n)) for n in range(11)])
        before = context.history
        context.compress()
        assert (len(before), len(context.history)) == (11, 5)

    def test_the_head_is_a_users_turn(self) -> None:
        turns = [user("a"), model("b"), user("c"), model("d"), user("e")]
        assert window(turns, target=40) == window(turns, target=30) == tuple(turns[2:])
        assert window(turns, target=20) == (user("e"),)

    def test_the_newest_turn_of_the_user_stays(self) -> None:
        assert window([user("a"), user("b"), model("c"), model("d")], target=0) == (user("b"), model("c"), model("d"))
        assert window([user("a"), model("b")], target=0) == (user("a"), model("b"))
        assert window([model("a"), model("b")], target=0) == (model("a"), model("b"))

    def test_results_are_no_head(self) -> None:
        turns = [user("a"), call(), result(), model("b"), user("c"), model("d")]
        assert window(turns, target=40) == (user("c"), model("d"))
        assert window(turns[:4], target=0) == tuple(turns[:4])

    def test_a_result_with_words_is_no_head_either(self) -> None:
        turns = [user("a"), call(), result("1", Words("and what of it?")), user("b")]
        assert window(turns, target=20) == (user("b"),)

    def test_a_result_nobody_asked_for_is_no_head(self) -> None:
        assert window([user("a"), result("unknown"), user("b")], target=20) == (user("b"),)

    def test_a_late_result_stays_with_its_call(self) -> None:
        running = Turn("user", (FunctionResult("1", "f", RUNNING),))
        turns = [user("a"), user("b"), call(), running, user("c"), model("d"), result(), user("e")]
        assert window(turns, target=70) == window(turns, target=20 + 50) == tuple(turns[1:])
        assert window(turns, target=60) == (user("e"),)

    def test_calls_without_ids_are_told_apart_by_their_order(self) -> None:
        turns = [user("a"), call(""), result(""), user("b"), call(""), result(""), user("c")]
        assert window(turns, target=40) == tuple(turns[3:])

    def test_a_call_without_a_result_may_go(self) -> None:
        assert window([user("a"), call(), user("b")], target=10) == (user("b"),)

    def test_the_instruction_counts_and_stays(self) -> None:
        context = context_of([user(str(n)) for n in range(5)], setup(100, 90, "x" * 240))
        assert context.compress() == 2
        assert context.tokens.total == 60 + 30


class TestExhaustion:
    def test_without_compression_by_all_tokens(self) -> None:
        context = Context(Setup(PROFILE))
        context.append(user("a"), Tokens(audio=PROFILE.input_token_limit))
        assert not context.exhausted
        context.append(user("b"), Tokens(text=1))
        assert context.exhausted

    def test_with_compression_by_what_must_stay(self) -> None:
        context = Context(setup())
        context.append(user("a"), Tokens(audio=PROFILE.input_token_limit))
        context.append(user("b"), TEN)
        assert not context.exhausted
        context.append(user("c"), Tokens(audio=PROFILE.input_token_limit + 1))
        assert context.exhausted
        assert context.compress() == 2
        assert context.exhausted
        context.append(user("d"), TEN)
        assert not context.exhausted

    def test_with_compression_and_nothing_to_cut(self) -> None:
        context = Context(setup())
        context.append(user("a"), Tokens(audio=PROFILE.input_token_limit + 1))
        assert context.exhausted


CALLS = st.sampled_from(["1", "2", "3", ""])
PARTS = st.one_of(
    st.builds(Words, st.text(max_size=9)),
    st.builds(Picture, st.just("image/png"), st.just(b""), st.booleans()),
    st.builds(FunctionResult, CALLS, st.just("f"), st.just({})),
)
TURNS = st.one_of(
    st.builds(Turn, st.just("user"), st.lists(PARTS, max_size=2).map(tuple)),
    st.builds(Turn, st.just("model"), st.lists(st.builds(Words, st.text(max_size=9)), max_size=2).map(tuple)),
    st.builds(Turn, st.just("model"), st.tuples(st.builds(FunctionCall, CALLS, st.just("f"), st.just({})))),
)
COUNTS = st.none() | st.builds(Tokens, *4 * [st.integers(0, 300)])


def may_begin(turns: History, cut: int) -> bool:
    """The rules, said once more and the slow way."""
    called: dict[tuple[str, str], int] = {}
    parted = False
    for number, turn in enumerate(turns):
        called |= {(part.id, part.name): number for part in turn.parts if isinstance(part, FunctionCall)}
        results = [(part.id, part.name) for part in turn.parts if isinstance(part, FunctionResult)]
        parted |= any(called.get(result, number - 1) < cut <= number for result in results)
    return turns[cut].role == "user" and not parted


@given(st.lists(st.tuples(TURNS, COUNTS), max_size=30), st.integers(0, 2000), st.integers(0, 2000))
def test_a_window_is_cut_where_it_may_be_and_no_more_than_it_must(
    added: list[tuple[Turn, Tokens | None]], trigger: int, target: int
) -> None:
    context = Context(setup(trigger, min(target, trigger), "be brief"))
    for turn, tokens in added:
        context.append(turn, tokens)
    turns, totals = context.history, [kept.tokens.total for kept in context.kept]
    before = context.tokens.total
    after = [before - gone for gone in accumulate(totals, initial=0)]
    dropped = context.compress()
    assert context.history == turns[dropped:]
    possible = [0, *(cut for cut in range(1, len(turns)) if may_begin(turns, cut))]
    enough = [cut for cut in possible if after[cut] <= min(target, trigger)]
    assert dropped == (0 if before <= trigger else min(enough, default=possible[-1]))
    assert context.tokens == sum((kept.tokens for kept in context.kept), Tokens(text=2))
    newest = max((number for number, turn in enumerate(turns) if turn.role == "user"), default=0)
    assert dropped <= newest


@given(st.lists(st.tuples(TURNS, COUNTS), max_size=40))
def test_a_long_session_stays_in_its_window(added: list[tuple[Turn, Tokens | None]]) -> None:
    context = Context(setup(500, 200))
    for turn, tokens in added:
        context.append(turn, tokens)
        context.compress()
        assert context.tokens == sum((kept.tokens for kept in context.kept), Tokens())
        assert context.history == tuple(kept.turn for kept in context.kept)
        assert context.history[-1] == turn
