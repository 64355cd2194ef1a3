"""Tokens by modality, and how clients read them."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict

from antiphon.live.tokens import Tokens, Usage, audio_tokens, picture_tokens, text_tokens
from antiphon.wire.gemini.server import ModalityTokenCount, UsageMetadata

COUNTS = st.builds(Tokens, *4 * [st.integers(0, 200_000)])
USAGES = st.builds(Usage, COUNTS, COUNTS, COUNTS, st.integers(0, 9_000), st.integers(0, 9))


def test_rates() -> None:
    assert [text_tokens(n) for n in (0, 1, 4, 5)] == [0, 1, 1, 2]
    assert [audio_tokens(s) for s in (0.0, 0.01, 1.0, 0.1 + 0.2 + 0.3)] == [0, 1, 25, 15]
    assert [picture_tokens(resolution) for resolution in ("", "low", "medium", "high")] == [258, 64, 256, 256]


def test_usage_as_clients_read_it() -> None:
    first = Usage(Tokens(text=3, audio=4), Tokens(audio=5), Tokens(text=7), thoughts=11, searches=1)
    second = Usage(Tokens(image=258, video=516), Tokens(text=2))
    assert (first + second).metadata() == UsageMetadata(
        prompt_token_count=781,
        response_token_count=7,
        tool_use_prompt_token_count=7,
        thoughts_token_count=11,
        total_token_count=806,
        prompt_tokens_details=[
            ModalityTokenCount(modality="TEXT", token_count=3),
            ModalityTokenCount(modality="AUDIO", token_count=4),
            ModalityTokenCount(modality="IMAGE", token_count=258),
            ModalityTokenCount(modality="VIDEO", token_count=516),
        ],
        response_tokens_details=[
            ModalityTokenCount(modality="TEXT", token_count=2),
            ModalityTokenCount(modality="AUDIO", token_count=5),
        ],
        tool_use_prompt_tokens_details=[ModalityTokenCount(modality="TEXT", token_count=7)],
    )


def test_nothing_used_has_no_details() -> None:
    assert Usage().metadata() == UsageMetadata()


@given(USAGES)
@settings(deadline=None)
def test_details_add_up_to_their_counts_and_counts_to_the_total(usage: Usage) -> None:
    metadata = usage.metadata()
    for count, details in (
        (metadata.prompt_token_count, metadata.prompt_tokens_details),
        (metadata.response_token_count, metadata.response_tokens_details),
        (metadata.tool_use_prompt_token_count, metadata.tool_use_prompt_tokens_details),
    ):
        assert count == sum(detail.token_count for detail in details)
        assert all(detail.token_count for detail in details)
        assert len({detail.modality for detail in details}) == len(details)
    counts = asdict(metadata)
    parts = ("prompt", "response", "tool_use_prompt", "thoughts")
    assert metadata.total_token_count == usage.total == sum(counts[f"{part}_token_count"] for part in parts)


@given(st.lists(USAGES))
def test_a_sessions_usage_is_the_sum_of_what_its_client_was_told(usages: list[Usage]) -> None:
    told = [usage.metadata() for usage in usages]
    session = sum(usages, Usage()).metadata()
    for name in ("prompt", "response", "tool_use_prompt", "thoughts", "total"):
        field = f"{name}_token_count"
        assert getattr(session, field) == sum(getattr(metadata, field) for metadata in told)


@given(st.lists(st.integers(0, 10_000)))
def test_text_in_pieces_is_never_cheaper_than_whole(lengths: list[int]) -> None:
    assert text_tokens(sum(lengths)) <= sum(map(text_tokens, lengths))


@given(st.lists(st.floats(0, 600), min_size=2).map(sorted))
def test_more_sound_never_costs_less(seconds: list[float]) -> None:
    assert all(audio_tokens(less) <= audio_tokens(more) for less, more in pairwise(seconds))
