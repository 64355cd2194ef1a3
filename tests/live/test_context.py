"""What a conversation costs to read again."""

from antiphon.live.context import Context
from antiphon.live.history import FunctionCall, Picture, Turn, model, user
from antiphon.live.profiles import PROFILES
from antiphon.live.setup import Setup, Tool
from antiphon.live.tokens import Tokens, Usage, audio_tokens, text_tokens

PROFILE = PROFILES["gemini-3.8-live"]


def test_instruction_and_tools_count_in_every_prompt() -> None:
    assert Context(Setup(PROFILE)).tokens == Tokens()
    assert Context(Setup(PROFILE, system_instruction="x" * 40)).tokens == Tokens(text=10)
    assert Context(Setup(PROFILE, tools=(Tool("f", "x" * 100),))).tokens.text > 25


def test_turns_add_up_by_modality() -> None:
    context = Context(Setup(PROFILE))
    context.append(user("12345678"))
    context.append(model("spoken"), Tokens(audio=25))
    context.append(Turn("user", (Picture("image/png", b"..."),)))
    context.append(Turn("model", (FunctionCall("1", "name", {"a": 1}),)))
    assert context.tokens == Tokens(text=2 + 3, audio=25, image=258)
    assert [turn.role for turn in context.history] == ["user", "model", "user", "model"]


def test_a_history_handed_out_does_not_change() -> None:
    context = Context(Setup(PROFILE))
    context.append(user("one"))
    before = context.history
    context.append(model("two"))
    assert before == (user("one"),)
    assert context.history == (user("one"), model("two"))


def test_rates() -> None:
    assert [text_tokens(n) for n in (0, 1, 4, 5)] == [0, 1, 1, 2]
    assert [audio_tokens(s) for s in (0.0, 0.01, 1.0, 0.1 + 0.2 + 0.3)] == [0, 1, 25, 15]


def test_usage_as_clients_read_it() -> None:
    usage = Usage(Tokens(text=3, audio=4), Tokens(audio=5)) + Usage(Tokens(image=258), Tokens())
    metadata = usage.metadata()
    assert (metadata.prompt_token_count, metadata.response_token_count, metadata.total_token_count) == (265, 5, 270)
    assert {d.modality: d.token_count for d in metadata.prompt_tokens_details} == {"TEXT": 3, "AUDIO": 4, "IMAGE": 258}
    assert {d.modality: d.token_count for d in metadata.response_tokens_details} == {"AUDIO": 5}
