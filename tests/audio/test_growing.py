"""WAV files that can be played at any moment of their making."""

import stat
import wave
from pathlib import Path

import pytest

from antiphon.audio.growing import MAX_BYTES, GrowingWav
from antiphon.audio.wav import read_wav


def test_a_file_that_was_never_closed_can_be_played(tmp_path: Path) -> None:
    file = GrowingWav(tmp_path / "a.wav", 16_000)
    file.put(0, b"\x01\x00" * 100)
    file.count()
    file.put(100, b"\x02\x00" * 50)
    # What the header does not count yet is there, and left out.
    assert read_wav(tmp_path / "a.wav").pcm == b"\x01\x00" * 100
    file.count()
    assert read_wav(tmp_path / "a.wav") == (b"\x01\x00" * 100 + b"\x02\x00" * 50, 16_000)
    file.close()


def test_what_was_never_written_is_silence(tmp_path: Path) -> None:
    with GrowingWav(tmp_path / "a.wav", 8_000) as file:
        file.put(10, b"\x01\x00")
    assert read_wav(tmp_path / "a.wav").pcm == bytes(20) + b"\x01\x00"


def test_a_cut_takes_away_the_end_and_nothing_else(tmp_path: Path) -> None:
    with GrowingWav(tmp_path / "a.wav", 8_000) as file:
        file.put(0, b"\x01\x00" * 10)
        file.cut(20)
        assert file.samples == 10
        file.cut(4)
        file.put(6, b"\x02\x00")
    assert read_wav(tmp_path / "a.wav").pcm == b"\x01\x00" * 4 + bytes(4) + b"\x02\x00"


def test_an_empty_one_is_whole(tmp_path: Path) -> None:
    with GrowingWav(tmp_path / "a.wav", 24_000) as file:
        file.close()
    with wave.open(str(tmp_path / "a.wav")) as read:
        assert (read.getnframes(), read.getframerate(), read.getnchannels(), read.getsampwidth()) == (0, 24_000, 1, 2)


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    GrowingWav(tmp_path / "a.wav", 8_000).close()
    assert stat.S_IMODE((tmp_path / "a.wav").stat().st_mode) == 0o600


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    with pytest.raises(FileExistsError):
        GrowingWav(tmp_path / "a.wav", 8_000)


def test_it_says_when_it_is_full(tmp_path: Path) -> None:
    with GrowingWav(tmp_path / "a.wav", 8_000) as file, pytest.raises(OSError, match="bytes at most"):
        file.put(MAX_BYTES // 2, b"\x00\x00")
