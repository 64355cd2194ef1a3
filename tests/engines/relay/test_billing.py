"""Records of what was used, and which of them are charged."""

from antiphon.engines.relay.billing import Bill, usage
from antiphon.live.tokens import Tokens, Usage
from antiphon.wire.gemini.server import ModalityTokenCount, UsageMetadata


def record(prompt: int, made: int = 0) -> UsageMetadata:
    return UsageMetadata(
        prompt_token_count=prompt,
        response_token_count=made,
        prompt_tokens_details=[ModalityTokenCount(modality="TEXT", token_count=prompt)],
        response_tokens_details=[ModalityTokenCount(modality="AUDIO", token_count=made)],
    )


def charged(prompt: int, made: int = 0) -> Usage:
    return Usage(Tokens(text=prompt), Tokens(audio=made))


def test_only_the_last_record_of_a_generation_is_charged() -> None:
    bill = Bill(speaks=True)
    bill.content()
    assert [bill.told(record(10, made)) for made in (5, 10, 10)] == [None] * 3
    assert bill.told(record(10, 20), final=True) is None
    assert bill.over() == charged(10, 20)
    assert bill.told(record(10, 20)) is None
    assert bill.over() is None


def test_a_record_after_the_end_adds_what_an_earlier_one_did_not_know() -> None:
    bill = Bill(speaks=True)
    bill.content()
    bill.told(record(10, 5))
    assert bill.over() == charged(10, 5)
    assert bill.told(record(10, 20)) == charged(0, 15)
    # The next one is early, and of the next generation.
    assert bill.told(record(30)) is None
    bill.content()
    assert bill.told(record(30, 8), final=True) is None
    assert bill.over() == charged(30, 8)


def test_a_record_after_an_end_that_had_none_is_of_that_generation() -> None:
    bill = Bill(speaks=True)
    bill.content()
    assert bill.over() is None
    assert bill.told(record(10, 5)) == charged(10, 5)
    assert bill.told(record(10, 5)) is None


def test_calls_end_a_generation_and_their_results_begin_another() -> None:
    bill = Bill(speaks=True)
    bill.content()
    bill.told(record(10, 3))
    assert bill.over(called=True) == charged(10, 3)
    assert bill.told(record(10, 4)) == charged(0, 1)
    bill.answered()
    # A repetition, although the next generation has begun.
    assert bill.told(record(10, 4)) is None
    assert bill.told(record(16, 0), final=True) is None
    assert bill.over() == charged(16, 0)


def test_equal_generations_are_charged_each() -> None:
    bill = Bill(speaks=True)
    for _ in range(3):
        bill.content()
        bill.told(record(7, 25), final=True)
        assert bill.over() == charged(7, 25)


def test_a_generation_that_is_gone_gets_no_more_records() -> None:
    bill = Bill(speaks=True)
    bill.content()
    assert bill.over() is None
    bill.gone()
    assert bill.told(record(10)) is None
    bill.content()
    bill.told(record(10, 5), final=True)
    assert bill.over() == charged(10, 5)


def test_tokens_by_modality() -> None:
    details = [
        ModalityTokenCount(modality="AUDIO", token_count=30),
        ModalityTokenCount(modality="VIDEO", token_count=20),
        ModalityTokenCount(modality="IMAGE", token_count=10),
        ModalityTokenCount(modality="DOCUMENT", token_count=5),
    ]
    told = UsageMetadata(
        prompt_token_count=70,
        prompt_tokens_details=details,
        response_token_count=12,
        response_tokens_details=[ModalityTokenCount(modality="AUDIO", token_count=10)],
        thoughts_token_count=4,
        tool_use_prompt_token_count=6,
        cached_content_token_count=8,
        cache_tokens_details=[ModalityTokenCount(modality="audio", token_count=8)],
    )
    assert usage(told, speaks=True) == Usage(
        prompt=Tokens(text=10, audio=30, image=10, video=20),
        response=Tokens(text=2, audio=10),
        tool_prompt=Tokens(text=6),
        thoughts=4,
        cached=Tokens(audio=8),
    )


def test_what_a_model_that_speaks_made_is_sound_unless_it_is_said_otherwise() -> None:
    told = UsageMetadata(prompt_token_count=3, response_token_count=9)
    assert usage(told, speaks=True).response == Tokens(audio=9)
    assert usage(told, speaks=False).response == Tokens(text=9)
