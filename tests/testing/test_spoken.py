import pytest

from antiphon.audio.wav import read_wav
from antiphon.testing import SPOKEN


@pytest.mark.parametrize("name", sorted(SPOKEN))
def test_each_sentence_is_16_khz_speech(name: str) -> None:
    spoken = SPOKEN[name]
    wav = read_wav(spoken.path)
    assert wav.rate == spoken.rate == 16_000
    assert spoken.pcm == wav.pcm
    assert 0.5 < len(spoken.pcm) / 2 / spoken.rate < 5


def test_chunks_are_the_whole_sound_in_the_asked_size() -> None:
    spoken = SPOKEN["my_name_is_alice"]
    chunks = spoken.chunks(0.02)
    assert b"".join(chunks) == spoken.pcm
    assert {len(chunk) for chunk in chunks[:-1]} == {640}
    assert 0 < len(chunks[-1]) <= 640


def test_silence_follows_when_asked_for() -> None:
    spoken = SPOKEN["my_name_is_alice"]
    sound = b"".join(spoken.chunks(0.1, silence_after=0.5))
    assert sound == spoken.pcm + bytes(16_000)


def test_texts_are_what_is_said() -> None:
    assert SPOKEN["what_is_two_plus_three"].text == "What is two plus three?"
    assert len({spoken.text for spoken in SPOKEN.values()}) == len(SPOKEN)
