import asyncio
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from antiphon.cli.microphone import Microphone, Player
from antiphon.providers.live import LiveError


class Stream:
    """A stream of a sound card that the test turns by hand."""

    opened: "list[Stream]" = []

    def __init__(self, callback: Callable[..., None], **settings: Any) -> None:
        self.callback = callback
        self.settings = settings
        self.state = "open"
        self.opened.append(self)

    def start(self) -> None:
        self.state = "started"

    def close(self) -> None:
        self.state = "closed"

    def pull(self, size: int) -> bytes:
        """What the loudspeaker plays next."""
        out = bytearray(b"\xff" * size)
        self.callback(memoryview(out), size // 2, None, None)
        return bytes(out)


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A computer with a sound card."""
    module: Any = ModuleType("sounddevice")
    module.PortAudioError = type("PortAudioError", (Exception,), {})
    module.RawInputStream = module.RawOutputStream = Stream
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    Stream.opened = []
    return module


async def test_the_microphone_delivers_what_is_spoken_in_order(card: Any) -> None:
    with Microphone() as microphone:
        (stream,) = Stream.opened
        assert stream.settings == {"samplerate": 16_000, "blocksize": 320, "channels": 1, "dtype": "int16"}
        for chunk in (b"one", b"two"):
            await asyncio.to_thread(stream.callback, chunk, 320, None, None)
        chunks = microphone.chunks()
        assert [await anext(chunks), await anext(chunks)] == [b"one", b"two"]
    assert stream.state == "closed"


def test_the_loudspeaker_plays_in_order_and_silence_when_there_is_nothing(card: Any) -> None:
    with Player() as player:
        (stream,) = Stream.opened
        assert stream.settings["samplerate"] == 24_000
        player.play(b"abcd")
        player.play(b"ef")
        assert stream.pull(3) == b"abc"
        assert stream.pull(4) == b"def\0"
        assert stream.pull(2) == b"\0\0"


def test_an_interruption_silences_the_loudspeaker(card: Any) -> None:
    with Player() as player:
        player.play(b"abcdef")
        assert Stream.opened[0].pull(2) == b"ab"
        player.flush()
        assert Stream.opened[0].pull(2) == b"\0\0"


def test_a_computer_without_a_sound_card_is_told_so(card: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> None:
        raise card.PortAudioError("no default output device")

    monkeypatch.setattr(card, "RawOutputStream", refuse)
    with pytest.raises(LiveError, match=r"no default output device; .*--text"):
        Player()


async def test_a_missing_library_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(LiveError, match="pip install sounddevice"):
        Microphone()
