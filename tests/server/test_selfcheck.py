"""The server asks itself a question aloud, through its own door."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from antiphon.live import events
from antiphon.providers.live import LiveError
from antiphon.server import selfcheck
from antiphon.server.selfcheck import paced, self_check


class Voice:
    """Says 40 ms of something, and ends in silence as synthesisers do."""

    async def speak(self, text: str, voice: str) -> AsyncIterator[Any]:
        yield events.Speech(0, b"\x00\x10" * 960 + bytes(9_600))


@pytest.fixture
def hearing(puppet: Any) -> Any:
    """A puppet that hears the question in the first sound."""
    puppet.hears = [
        events.ActivityStarted(0.0),
        events.ActivityEnded(0.04),
        events.InputTranscript("what is two plus three", final=True),
    ]
    return puppet


async def test_it_tells_what_was_heard_and_answered(server: Any, hearing: Any) -> None:
    proof = await self_check(server.url, Voice())  # type: ignore[arg-type]
    assert proof.asked == "What is two plus three?"
    assert proof.heard == proof.answered == "what is two plus three"


async def test_the_question_is_sent_as_a_microphone_would(server: Any, hearing: Any) -> None:
    await self_check(server.url, Voice())  # type: ignore[arg-type]
    heard = hearing.latest.sent[0]
    assert (heard.rate, len(heard.pcm)) == (16_000, 640), "20 ms"
    assert max(heard.pcm[1::2]) >= 0x0F, "of what the voice said"


async def test_it_shows_a_key(serve: Any, hearing: Any) -> None:
    server = await serve(keys=("s3cret",))
    assert (await self_check(server.url, Voice(), "s3cret")).answered  # type: ignore[arg-type]
    with pytest.raises(LiveError, match="1008: no API key was sent"):
        await self_check(server.url, Voice())  # type: ignore[arg-type]


async def test_an_engine_that_fails_is_no_riddle(server: Any, puppet: Any) -> None:
    puppet.hears = [events.Failure("no recogniser is free")]
    with pytest.raises(LiveError, match="1011: no recogniser is free"):
        await self_check(server.url, Voice())  # type: ignore[arg-type]


async def test_no_answer_is_not_waited_for_forever(server: Any, puppet: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selfcheck, "TIMEOUT", 0.1)
    with pytest.raises(TimeoutError):
        await self_check(server.url, Voice())  # type: ignore[arg-type]


async def test_sound_is_sent_in_whole_chunks_with_their_ends() -> None:
    chunks = [chunk async for chunk in paced(bytes(1_500))]
    assert [end for end, _ in chunks] == [640, 1280, 1920]
    assert [len(pcm) for _, pcm in chunks] == [640, 640, 220]
